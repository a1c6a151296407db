//! The connecting side.

use std::sync::Arc;

use ahash::AHashSet;
use arc_swap::ArcSwapOption;
use offhook_core::config::EncryptionConfig;
use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::watch::Watch;
use super::{TlsError, files, provider};
use crate::alarm;
use crate::edge::connections::Remote;

/// Peers remembered as unreachable, so that each is logged once.
const REMEMBERED: usize = 1000;

/// Greets peers we connect to. What they are shown, and who vouches for them, changes when its files
/// do; connections that stand keep what they were greeted with.
#[derive(Debug)]
pub(crate) struct Dialer {
    config: EncryptionConfig,
    files: Watch,
    /// None until it is needed.
    ready: ArcSwapOption<ClientConfig>,
    failed: Mutex<AHashSet<Remote>>,
}

impl Dialer {
    pub(super) fn load(config: &EncryptionConfig) -> Result<Self, TlsError> {
        authorities(config)?;
        Ok(Self {
            config: config.clone(),
            files: Watch::over([&config.certificate, &config.key, &config.ca]),
            ready: ArcSwapOption::empty(),
            failed: Mutex::default(),
        })
    }

    /// Notes that a peer could not be greeted; true the first time.
    pub(crate) fn is_news(&self, remote: &Remote) -> bool {
        let mut failed = self.failed.lock();
        if failed.len() >= REMEMBERED {
            failed.clear();
        }
        failed.insert(remote.clone())
    }

    /// What to greet with, from files as they were at most a second ago; while they are broken, from
    /// what they were before. Reading what the system trusts takes a while.
    ///
    /// # Errors
    /// While the files are broken and never were read.
    pub(crate) fn greeting(&self) -> Result<Arc<ClientConfig>, Error> {
        let changed = self.files.look(alarm::now());
        let before = self.ready.load_full();
        if let Some(ready) = before.clone().filter(|_| !changed) {
            return Ok(ready);
        }
        match (self.make(), before) {
            (Ok(made), _) => {
                self.ready.store(Some(Arc::clone(&made)));
                Ok(made)
            }
            (Err(error), Some(ready)) => {
                tracing::error!(%error, "peers are still called with the old certificate");
                Ok(ready)
            }
            (Err(error), None) => {
                self.files.forget();
                Err(error)
            }
        }
    }

    /// Has the files read again for the next connection.
    pub(super) fn reload(&self) {
        self.files.forget();
    }

    fn make(&self) -> Result<Arc<ClientConfig>, Error> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier()?);
        let own = (self.config.certificate.as_ref(), self.config.key.as_ref());
        let own = match own {
            (Some(certificate), Some(key)) => {
                let chain = files::chain(certificate).map_err(|error| unusable(&error))?;
                Some((chain, files::key(key).map_err(|error| unusable(&error))?))
            }
            (None | Some(_), None) | (None, Some(_)) => None,
        };
        let config = match own {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
            None => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        if !self.config.verify_peers {
            return Ok(Blind::new(Verdict::Believe));
        }
        let mut roots = authorities(&self.config).map_err(|error| unusable(&error))?;
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "a certificate the system trusts cannot be read");
        }
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            tracing::warn!("no authority is trusted: no peer can be called over TLS");
            return Ok(Blind::new(Verdict::Doubt));
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        let verifier = verifier
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        Ok(verifier)
    }
}

/// The authorities of the configuration.
fn authorities(config: &EncryptionConfig) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &config.ca {
        files::authorities(file, &mut roots)?;
    }
    Ok(roots)
}

fn unusable(error: &TlsError) -> Error {
    Error::General(error.to_string())
}

/// Says the same of every certificate, whatever it says. That its key is there is checked all the
/// same.
#[derive(Debug)]
struct Blind {
    verdict: Verdict,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// As `verify_peers = false` wants it.
    Believe,
    /// There is nobody to vouch for one.
    Doubt,
}

impl Blind {
    fn new(verdict: Verdict) -> Arc<Self> {
        Arc::new(Self {
            verdict,
            provider: provider(),
        })
    }
}

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.verdict {
            Verdict::Believe => Ok(ServerCertVerified::assertion()),
            Verdict::Doubt => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}
