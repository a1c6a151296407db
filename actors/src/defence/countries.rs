//! Which country an address is in.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use maxminddb::Reader;
use offhook_core::sip::defence::is_private;

/// The database of countries, if there is one. Clones share it. Looking up takes microseconds and
/// reads no file.
#[derive(Clone)]
pub struct Countries(Arc<Inner>);

struct Inner {
    file: Option<PathBuf>,
    loaded: ArcSwapOption<Loaded>,
    /// Whether it was said that lists of countries are not looked at.
    warned: AtomicBool,
}

struct Loaded {
    reader: Reader<Vec<u8>>,
    modified: Option<SystemTime>,
}

impl Countries {
    /// The countries of this file; none: nothing is known of any address. A file that cannot be
    /// read is as good as none until it can.
    #[must_use]
    pub fn of(file: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            file,
            loaded: ArcSwapOption::empty(),
            warned: AtomicBool::new(false),
        }))
    }

    /// Reads the file if it was not read yet, or has changed since.
    pub async fn refresh(&self) {
        let Some(file) = self.0.file.clone() else {
            return;
        };
        let known = self
            .0
            .loaded
            .load()
            .as_ref()
            .and_then(|loaded| loaded.modified);
        let modified = tokio::fs::metadata(&file)
            .await
            .and_then(|meta| meta.modified());
        let modified = modified.ok();
        if modified.is_some() && known == modified {
            return;
        }
        let shown = file.display().to_string();
        let data = match tokio::fs::read(&file).await {
            Ok(data) => data,
            Err(error) => {
                return tracing::warn!(file = shown, %error, "the database of countries cannot be read");
            }
        };
        match Reader::from_source(data) {
            Ok(reader) => {
                tracing::info!(file = shown, "the database of countries is read");
                self.0
                    .loaded
                    .store(Some(Arc::new(Loaded { reader, modified })));
            }
            Err(error) => {
                tracing::warn!(file = shown, %error, "this is no database of countries");
            }
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
        let country = country(&loaded.reader, address);
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
