//! Which country an address is in.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use std::{fmt, io};

use arc_swap::ArcSwapOption;
use maxminddb::{MaxMindDbError, Reader};
use offhook_core::sip::defence::is_private;
use parking_lot::Mutex;

/// The database of countries, if there is one. Clones share it. Looking up takes microseconds and
/// reads no file.
#[derive(Clone)]
pub struct Countries(Arc<Inner>);

struct Inner {
    file: Option<PathBuf>,
    loaded: ArcSwapOption<Reader<Vec<u8>>>,
    seen: Mutex<Seen>,
    /// Whether it was said that lists of countries are not looked at.
    warned: AtomicBool,
}

/// The file as it was looked at last, by when it was modified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Never,
    /// It may be readable later without being modified.
    Unreadable(Option<SystemTime>),
    /// It was read, whether it made sense or not.
    Read(Option<SystemTime>),
}

/// What is new about the file.
#[derive(Debug)]
pub(super) enum News {
    None,
    Loaded,
    Unreadable(io::Error),
    Broken(MaxMindDbError),
}

impl Countries {
    /// The countries of this file; none: nothing is known of any address. A file that cannot be
    /// read is as good as none until it can.
    #[must_use]
    pub fn of(file: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            file,
            loaded: ArcSwapOption::empty(),
            seen: Mutex::new(Seen::Never),
            warned: AtomicBool::new(false),
        }))
    }

    /// Reads the file if it was not read yet, or has changed since. What is wrong with it is logged
    /// once, until it changes.
    pub async fn refresh(&self) {
        let file = self.0.file.as_deref().unwrap_or(Path::new("")).display();
        match self.look().await {
            News::None => {}
            News::Loaded => tracing::info!(%file, "the database of countries is read"),
            News::Unreadable(error) => {
                tracing::warn!(%file, %error, "the database of countries cannot be read");
            }
            News::Broken(error) => {
                tracing::warn!(%file, %error, "this is no database of countries");
            }
        }
    }

    pub(super) async fn look(&self) -> News {
        let Some(file) = &self.0.file else {
            return News::None;
        };
        let modified = tokio::fs::metadata(file)
            .await
            .and_then(|meta| meta.modified());
        let modified = modified.ok();
        let before = *self.0.seen.lock();
        if before == Seen::Read(modified) {
            return News::None;
        }
        let (seen, news) = match tokio::fs::read(file).await {
            Ok(data) => (Seen::Read(modified), self.load(data)),
            Err(error) => (Seen::Unreadable(modified), News::Unreadable(error)),
        };
        *self.0.seen.lock() = seen;
        if seen == before { News::None } else { news }
    }

    fn load(&self, data: Vec<u8>) -> News {
        match Reader::from_source(data) {
            Ok(reader) => {
                self.0.loaded.store(Some(Arc::new(reader)));
                News::Loaded
            }
            Err(error) => News::Broken(error),
        }
    }

    /// Whether a phone that may be in these countries may be at this address. Private addresses, and
    /// any address while there is no database, may.
    #[must_use]
    pub fn admit(&self, countries: &[String], address: IpAddr) -> bool {
        if countries.is_empty() || is_private(address) {
            return true;
        }
        let loaded = self.0.loaded.load();
        let Some(loaded) = loaded.as_ref() else {
            if !self.0.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!("there is no database of countries: extensions' lists are ignored");
            }
            return true;
        };
        let country = country(loaded, address);
        country.is_some_and(|code| countries.contains(&code))
    }
}

fn country(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<String> {
    let found = reader.lookup(address.to_canonical()).ok()?;
    let country: maxminddb::geoip2::Country<'_> = found.decode().ok()??;
    country.country.iso_code.map(str::to_owned)
}

impl fmt::Debug for Countries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Countries")
            .field("file", &self.0.file)
            .finish_non_exhaustive()
    }
}
