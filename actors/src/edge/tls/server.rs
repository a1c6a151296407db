//! The accepting side.

use std::sync::Arc;

use arc_swap::ArcSwap;
use offhook_core::config::{ClientAuth, EncryptionConfig, SipConfig};
use offhook_core::sip::endpoint::SipTransport;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::self_signed::OwnCertificate;
use super::watch::Watch;
use super::{TlsError, files, provider};
use crate::alarm;

/// What new connections are greeted with. It changes when its files do; connections that stand
/// keep what they were greeted with.
#[derive(Debug)]
pub(crate) struct Keeper {
    config: EncryptionConfig,
    /// Where the certificate is our own to renew.
    own: Option<OwnCertificate>,
    greeting: ArcSwap<Greeting>,
    files: Watch,
}

#[derive(Debug)]
struct Greeting {
    /// For SIP over TLS: peers may be asked for a certificate.
    phones: Arc<ServerConfig>,
    /// For browsers, which never are.
    browsers: Arc<ServerConfig>,
}

impl Keeper {
    pub(super) fn load(sip: &SipConfig) -> Result<Self, TlsError> {
        let config = &sip.encryption;
        let files = Watch::over([&config.certificate, &config.key, &config.client_ca]);
        files.look(alarm::now());
        Ok(Self {
            greeting: ArcSwap::from_pointee(greeting(config)?),
            config: config.clone(),
            own: OwnCertificate::of(sip),
            files,
        })
    }

    /// What to greet a new connection with, from files as they were at most a second ago.
    pub(crate) fn greeting(&self, transport: SipTransport) -> Arc<ServerConfig> {
        self.renew();
        if self.files.look(alarm::now()) {
            self.reload();
        }
        let greeting = self.greeting.load();
        match transport {
            SipTransport::Wss => Arc::clone(&greeting.browsers),
            SipTransport::Udp | SipTransport::Tcp | SipTransport::Tls | SipTransport::Ws => {
                Arc::clone(&greeting.phones)
            }
        }
    }

    /// Makes a certificate of our own again when it is time.
    fn renew(&self) {
        let kept = self.own.as_ref().map(|own| own.keep(alarm::wall()));
        if let Some(Err(error)) = kept {
            tracing::error!(%error, "the certificate was not renewed");
        }
    }

    /// Reads the files again; while they are broken the old certificate stays.
    pub(super) fn reload(&self) {
        if let Some(own) = &self.own {
            own.doubt();
        }
        self.renew();
        match greeting(&self.config) {
            Ok(greeting) => {
                self.greeting.store(Arc::new(greeting));
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the old certificate stays in use"),
        }
    }
}

fn greeting(config: &EncryptionConfig) -> Result<Greeting, TlsError> {
    let browsers = server_config(config, WebPkiClientVerifier::no_client_auth())?;
    let phones = match verifier(config)? {
        Some(verifier) => server_config(config, verifier)?,
        None => Arc::clone(&browsers),
    };
    Ok(Greeting { phones, browsers })
}

fn server_config(
    config: &EncryptionConfig,
    verifier: Arc<dyn ClientCertVerifier>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let (Some(certificate), Some(key)) = (&config.certificate, &config.key) else {
        return Err(TlsError::NoCertificate);
    };
    let unusable = |error: rustls::Error| TlsError::Unusable {
        file: certificate.clone(),
        reason: error.to_string(),
    };
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(files::chain(certificate)?, files::key(key)?)
        .map_err(unusable)?;
    Ok(Arc::new(server))
}

fn verifier(config: &EncryptionConfig) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let (Some(file), ClientAuth::Optional | ClientAuth::Required) =
        (&config.client_ca, config.client_auth)
    else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    files::authorities(file, &mut roots)?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let builder = match config.client_auth {
        ClientAuth::Optional => builder.allow_unauthenticated(),
        ClientAuth::Off | ClientAuth::Required => builder,
    };
    let verifier = builder.build().map_err(|error| TlsError::File {
        file: file.clone(),
        purpose: "an authority",
        reason: error.to_string(),
    })?;
    Ok(Some(verifier))
}
