//! PEM files.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

/// A certificate and those between it and its authority.
pub(super) fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |error: &Error| fault(file, "a certificate", error);
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .map_err(|error| wrong(&error))?
        .collect();
    let found = found.map_err(|error| wrong(&error))?;
    if found.is_empty() {
        return Err(wrong(&Error::NoItemsFound));
    }
    Ok(found)
}

/// A private key.
pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| fault(file, "a private key", &error))
}

/// Adds the authorities in `file`.
pub(super) fn authorities(file: &Path, roots: &mut RootCertStore) -> Result<(), TlsError> {
    for certificate in chain(file)? {
        roots.add(certificate).map_err(|error| TlsError::File {
            file: file.to_owned(),
            purpose: "an authority",
            reason: error.to_string(),
        })?;
    }
    Ok(())
}

fn fault(file: &Path, purpose: &'static str, error: &Error) -> TlsError {
    let reason = if matches!(error, Error::NoItemsFound) {
        format!("there is no {} in it", purpose.trim_start_matches("a "))
    } else {
        error.to_string()
    };
    TlsError::File {
        file: file.to_owned(),
        purpose,
        reason,
    }
}
