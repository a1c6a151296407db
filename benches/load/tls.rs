//! TLS as a phone speaks it that trusts everybody, and what rustls needs for a connection.

use std::io::Cursor;
use std::sync::Arc;

use anyhow::Result;
use rcgen::generate_simple_self_signed;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection,
    SignatureScheme,
};

use offhook_benches::process::resident_kb;

/// Connections of which the state is measured.
const MEASURED: u32 = 1000;

/// Whom a client calls.
pub(crate) fn server_name() -> Result<ServerName<'static>> {
    Ok(ServerName::try_from("localhost")?)
}

/// A client that takes any certificate: the server makes its own, and nobody vouches for it.
pub(crate) fn trusting_client() -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let trusting = Trusting(Arc::clone(&provider));
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trusting))
        .with_no_client_auth())
}

/// Kilobytes that rustls keeps for a connection on the accepting side, once it stands.
pub(crate) fn server_state_kb() -> Result<f64> {
    let made = generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
    let key = key.map_err(anyhow::Error::msg)?;
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    let (server, client) = (Arc::new(server), Arc::new(trusting_client()?));
    let first = handshake(&server, &client)?;
    let before = resident_kb(std::process::id())?;
    let mut kept = Vec::new();
    for _ in 0..MEASURED {
        kept.push(handshake(&server, &client)?);
    }
    let grown = resident_kb(std::process::id())? - before;
    drop((first, kept));
    Ok(grown / f64::from(MEASURED))
}

/// The accepting side of a handshake in memory.
fn handshake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> Result<ServerConnection> {
    let mut there = ServerConnection::new(Arc::clone(server))?;
    let mut here = ClientConnection::new(Arc::clone(client), server_name()?)?;
    while there.is_handshaking() || here.is_handshaking() || there.wants_write() {
        let mut wire = Vec::new();
        while here.wants_write() {
            here.write_tls(&mut wire)?;
        }
        let mut wire = Cursor::new(wire);
        while there.read_tls(&mut wire)? > 0 {
            there.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while there.wants_write() {
            there.write_tls(&mut wire)?;
        }
        let mut wire = Cursor::new(wire);
        while here.read_tls(&mut wire)? > 0 {
            here.process_new_packets()?;
        }
    }
    Ok(there)
}

#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
