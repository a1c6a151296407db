//! A certificate nobody vouches for, so that encryption can be tried at once.
//!
//! It names everything the configuration listens on, and is made again when that has changed, when it
//! is about to end, and when its key is not the one beside it. It says of itself that it was made
//! here; a file that does not is the operator's and left alone.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use offhook_core::config::{CertificateOwner, SipConfig};
use parking_lot::Mutex;
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{TlsError, files, identity, provider};
use crate::alarm;
use crate::store::create_private;

/// How long such a certificate is good.
const YEARS: i64 = 2;

/// It is made again so long before its end.
const BEFORE_ITS_END: Duration = Duration::from_secs(30 * 86_400);

/// When it cannot be made again, it is tried again after so long.
const PAUSE: Duration = Duration::from_secs(3600);

/// The organisation it names, which tells it from an operator's.
const MADE_HERE: &str = "Offhook (made by this server)";

/// Where TLS is listened for without a certificate of the operator's own, has the configuration use
/// one in `folder`, which is made there if there is no good one: for the domain and every address
/// that is listened on, with a key only its owner can read.
///
/// # Errors
/// When it cannot be made or written.
pub fn self_signed(config: &mut SipConfig, folder: &Path) -> Result<(), TlsError> {
    let listens = !config.tls.is_empty() || !config.wss.is_empty();
    if !listens || config.encryption.certificate.is_some() {
        return Ok(());
    }
    config.encryption.certificate = Some(folder.join("self-signed.crt"));
    config.encryption.key = Some(folder.join("self-signed.key"));
    config.encryption.owner = CertificateOwner::Server;
    if let Some(own) = OwnCertificate::of(config) {
        own.keep(alarm::wall())?;
    }
    Ok(())
}

/// The certificate of a server that makes its own.
#[derive(Debug)]
pub(super) struct OwnCertificate {
    certificate: PathBuf,
    key: PathBuf,
    domain: String,
    names: Vec<String>,
    /// When to look at it again.
    next: Mutex<Timestamp>,
}

impl OwnCertificate {
    /// None where the certificate is the operator's.
    pub(super) fn of(config: &SipConfig) -> Option<Self> {
        let encryption = &config.encryption;
        if encryption.owner == CertificateOwner::Operator {
            return None;
        }
        Some(Self {
            certificate: encryption.certificate.clone()?,
            key: encryption.key.clone()?,
            domain: config.domain.clone(),
            names: names(config),
            next: Mutex::new(Timestamp::MIN),
        })
    }

    /// Makes it again if it has to be, and else does nothing until that may be so.
    pub(super) fn keep(&self, now: Timestamp) -> Result<(), TlsError> {
        let mut next = self.next.lock();
        if now < *next {
            return Ok(());
        }
        *next = now.saturating_add(PAUSE).unwrap_or(Timestamp::MAX);
        match self.made_again_at() {
            Some(at) if now < at => *next = at,
            Some(_) => self.renew(now)?,
            // What is not ours is only read.
            None => *next = Timestamp::MAX,
        }
        Ok(())
    }

    /// Its files may have changed: they are looked at the next time.
    pub(super) fn doubt(&self) {
        *self.next.lock() = Timestamp::MIN;
    }

    /// When it is to be made again: at once when it is missing, names something else, or has another
    /// key; `None` when it is not one of ours.
    fn made_again_at(&self) -> Option<Timestamp> {
        if !self.certificate.exists() || !self.key.exists() {
            return Some(Timestamp::MIN);
        }
        let chain = files::chain(&self.certificate).ok()?;
        let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
        let mut made_by = certificate.subject().iter_organization();
        if !made_by.any(|name| name.as_str() == Ok(MADE_HERE)) {
            return None;
        }
        if !self.names_are_those_of(&chain) || !self.has_its_key(&chain) {
            return Some(Timestamp::MIN);
        }
        let end = certificate.validity().not_after.timestamp();
        let end = Timestamp::from_second(end).unwrap_or(Timestamp::MAX);
        Some(end.saturating_sub(BEFORE_ITS_END).unwrap_or(Timestamp::MIN))
    }

    fn names_are_those_of(&self, chain: &[CertificateDer<'_>]) -> bool {
        let present = identity::names_of(Some(chain));
        let present: BTreeSet<_> = present.iter().flat_map(|names| names.iter()).collect();
        present == self.names.iter().collect()
    }

    fn has_its_key(&self, chain: &[CertificateDer<'static>]) -> bool {
        let Ok(key) = files::key(&self.key) else {
            return false;
        };
        CertifiedKey::from_der(chain.to_vec(), key, &provider()).is_ok()
    }

    fn renew(&self, now: Timestamp) -> Result<(), TlsError> {
        let folder = self.certificate.parent().unwrap_or(Path::new("."));
        let fault = |reason: String| TlsError::Make {
            folder: folder.to_owned(),
            reason,
        };
        let made = make(&self.domain, self.names.clone(), now);
        let (chain, private) = made.map_err(|error| fault(error.to_string()))?;
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| create_private(&self.key, private.as_bytes()))
            .and_then(|()| std::fs::write(&self.certificate, chain));
        written.map_err(|error| fault(error.to_string()))?;
        tracing::warn!(
            certificate = %self.certificate.display(),
            "TLS uses a certificate made just now that nobody vouches for: phones have to be told to \
             accept it, or given this file. Set sip.encryption.certificate and .key to your own"
        );
        Ok(())
    }
}

/// Everything peers may call us, each once: the domain first.
fn names(config: &SipConfig) -> Vec<String> {
    let hosts = [config.domain.to_ascii_lowercase(), "localhost".to_owned()];
    let listened = config.tls.iter().chain(&config.wss).map(SocketAddr::ip);
    let addresses: BTreeSet<_> = listened
        .filter(|ip| !ip.is_unspecified())
        .chain(config.external_address)
        .collect();
    let addresses = addresses.into_iter().map(|ip| ip.to_string());
    let mut known = BTreeSet::new();
    hosts
        .into_iter()
        .chain(addresses)
        .filter(|name| known.insert(name.clone()))
        .take(identity::NAMES)
        .collect()
}

/// The certificate and its key as PEM.
fn make(
    domain: &str,
    names: Vec<String>,
    now: Timestamp,
) -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, domain);
    params
        .distinguished_name
        .push(DnType::OrganizationName, MADE_HERE);
    let today = now.to_zoned(TimeZone::UTC).date();
    // A phone whose clock is behind shall not find it too new.
    let (year, month, day) = parts(today.saturating_sub(Span::new().days(1)));
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = parts(today.saturating_add(Span::new().years(YEARS)));
    params.not_after = date_time_ymd(year, month, day);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn parts(date: Date) -> (i32, u8, u8) {
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    (date.year().into(), month, day)
}
