//! Certificates: ours, and those of peers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Broken;

/// Section `[sip.encryption]`. Files are PEM, and read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncryptionConfig {
    /// Our certificate, followed by those between it and the authority's; none: one is made that
    /// nobody vouches for, and kept in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Who made it; no key of the file.
    #[serde(skip)]
    pub owner: CertificateOwner,
    /// The private key of our certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Whether a peer that connects to a `sip.tls` address shows a certificate. Browsers on
    /// `sip.wss` are never asked.
    pub client_auth: ClientAuth,
    /// The authorities whose certificates such peers may show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// Further authorities that vouch for the peers we connect to, beside those the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Whether a peer we connect to has to prove its name (RFC 5922).
    pub verify_peers: bool,
}

/// Who made our certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CertificateOwner {
    /// The operator, who also renews it.
    #[default]
    Operator,
    /// We did.
    Server,
}

/// Whether a peer that connects to us shows a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// It is not asked.
    #[default]
    Off,
    /// It is asked, and may have none; a wrong one is refused.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

impl Default for EncryptionConfig {
    fn default() -> Self {
        Self {
            certificate: None,
            owner: CertificateOwner::Operator,
            key: None,
            // Phones prove themselves by password.
            client_auth: ClientAuth::Off,
            client_ca: None,
            ca: None,
            // Encryption to somebody unknown protects against listeners only, not against liars.
            verify_peers: true,
        }
    }
}

impl EncryptionConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        if self.certificate.is_some() && self.key.is_none() {
            return Err(("sip.encryption.key", "a certificate needs its private key"));
        }
        if self.key.is_some() && self.certificate.is_none() {
            return Err((
                "sip.encryption.certificate",
                "a private key needs its certificate",
            ));
        }
        if self.client_auth != ClientAuth::Off && self.client_ca.is_none() {
            return Err((
                "sip.encryption.client_ca",
                "without an authority no certificate of a client can be checked",
            ));
        }
        Ok(())
    }
}
