//! TLS: our certificate, kept fresh, and what peers prove about themselves.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `files` | PEM files, read |
//! | `server` | the accepting side, which changes when its files do |
//! | `client` | the connecting side, which does too, and whom it believes |
//! | `watch` | whether files have changed |
//! | `identity` | the names in a peer's certificate |
//! | `self_signed` | a certificate nobody vouches for, made at the first start and when it has to be |

mod client;
mod files;
mod identity;
mod self_signed;
mod server;
#[cfg(test)]
mod tests;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use offhook_core::config::SipConfig;
use rustls::crypto::CryptoProvider;

pub(crate) use client::Dialer;
pub(crate) use identity::names_of;
pub use self_signed::self_signed;
pub(crate) use server::Keeper;

/// Why certificates cannot be used. One sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read or holds nothing that is wanted.
    #[error("cannot use {} as {purpose}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        purpose: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The files are there but make no sense together.
    #[error("the certificate in {} cannot be used: {reason}", file.display())]
    Unusable {
        /// The file with the certificate.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// TLS is asked for and there is no certificate.
    #[error("key `sip.encryption.certificate`: TLS needs a certificate")]
    NoCertificate,
    /// A certificate cannot be made or kept.
    #[error("cannot make a certificate in {}: {reason}", folder.display())]
    Make {
        /// Where it should have been kept.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Both sides of TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    /// `None` where nothing is listened on that needs it.
    pub(crate) keeper: Option<Keeper>,
    pub(crate) dialer: Dialer,
}

impl Tls {
    /// Reads every file the configuration names.
    pub(crate) fn load(config: &SipConfig) -> Result<Self, TlsError> {
        let listens = !config.tls.is_empty() || !config.wss.is_empty();
        let encryption = &config.encryption;
        let keeper = if encryption.certificate.is_some() || listens {
            Some(Keeper::load(config)?)
        } else {
            None
        };
        Ok(Self {
            keeper,
            dialer: Dialer::load(encryption)?,
        })
    }

    /// Reads the files again. What is broken stays as it was, and is logged.
    pub(crate) fn reload(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.reload();
        }
        self.dialer.reload();
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
