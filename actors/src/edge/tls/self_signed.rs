//! A certificate nobody vouches for, so that encryption can be tried at once.

use std::net::SocketAddr;
use std::path::Path;

use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use offhook_core::config::SipConfig;
use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};

use super::TlsError;
use crate::alarm;
use crate::store::create_private;

/// How long such a certificate is good.
const YEARS: i64 = 2;

/// Where TLS is listened for without a certificate of the operator's own, has the configuration use
/// one in `folder`, which is made there if it is missing: for the domain and every address that is
/// listened on, with a key only its owner can read.
///
/// # Errors
/// When it cannot be made or written.
pub fn self_signed(config: &mut SipConfig, folder: &Path) -> Result<(), TlsError> {
    let listens = !config.tls.is_empty() || !config.wss.is_empty();
    if !listens || config.encryption.certificate.is_some() {
        return Ok(());
    }
    let (certificate, key) = (
        folder.join("self-signed.crt"),
        folder.join("self-signed.key"),
    );
    if !certificate.exists() || !key.exists() {
        let fault = |reason: String| TlsError::Make {
            folder: folder.to_owned(),
            reason,
        };
        let (chain, private) = make(config).map_err(|error| fault(error.to_string()))?;
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| create_private(&key, private.as_bytes()))
            .and_then(|()| std::fs::write(&certificate, chain));
        written.map_err(|error| fault(error.to_string()))?;
        tracing::warn!(
            certificate = %certificate.display(),
            "TLS uses a certificate made just now that nobody vouches for: phones have to be told to \
             accept it, or given this file. Set sip.encryption.certificate and .key to your own"
        );
    }
    config.encryption.certificate = Some(certificate);
    config.encryption.key = Some(key);
    Ok(())
}

/// The certificate and its key as PEM.
fn make(config: &SipConfig) -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(vec![config.domain.clone(), "localhost".to_owned()])?;
    let listened = config.tls.iter().chain(&config.wss).map(SocketAddr::ip);
    let mut addresses: Vec<_> = listened
        .filter(|ip| !ip.is_unspecified())
        .chain(config.external_address)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    params
        .subject_alt_names
        .extend(addresses.into_iter().map(SanType::IpAddress));
    params
        .distinguished_name
        .push(DnType::CommonName, config.domain.as_str());
    let today = alarm::wall().to_zoned(TimeZone::UTC).date();
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
