//! A carrier that is known by its certificate alone.

use std::path::Path;
use std::sync::Arc;

use offhook_core::config::ClientAuth;
use offhook_core::sip::endpoint::SipTransport;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::fixture::{Edge, soon};

const CARRIER: &str = "sbc.carrier.example";

/// A certificate that vouches for itself, and its key.
struct Passport {
    certificate: String,
    key: String,
}

impl Passport {
    fn of(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

/// An edge that asks for certificates, and knows the carrier of the office by name only.
async fn edge(folder: &Path, own: &Passport, carrier: &Passport) -> Edge {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let edge = Edge::open_with(|config| {
        config.defence.enabled = true;
        config.tls = vec![([127, 0, 0, 1], 0).into()];
        config.encryption.certificate = file("own.crt", &own.certificate);
        config.encryption.key = file("own.key", &own.key);
        config.encryption.client_auth = ClientAuth::Required;
        config.encryption.client_ca = file("ca.pem", &carrier.certificate);
    })
    .await;
    let mut office = edge.directory.load().office().clone();
    office.trunks[0].trusted.clear();
    office.trunks[0].inbound.tls_names = vec![CARRIER.to_owned()];
    edge.directory.replace(office);
    edge.core.guard().trust(&edge.directory.load());
    edge
}

async fn connects(edge: &Edge, own: &Passport, carrier: &Passport) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(own.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![carrier.der()],
            PrivateKeyDer::from_pem_slice(carrier.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let listening = edge.core.listening();
    let tls = listening.iter().find(|port| port.0 == SipTransport::Tls);
    let stream = TcpStream::connect(tls.unwrap().1).await.unwrap();
    let name = ServerName::try_from("office.example").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    soon(connector.connect(name, stream)).await.unwrap()
}

/// RFC 5922 section 7.1.
#[tokio::test]
async fn a_carrier_known_by_its_certificate_may_call_as_often_as_it_likes() {
    const CALLS: usize = 1_000;
    let folder = TempDir::new().unwrap();
    let (own, carrier) = (Passport::of("office.example"), Passport::of(CARRIER));
    let edge = edge(folder.path(), &own, &carrier).await;
    let mut stream = connects(&edge, &own, &carrier).await;
    let (mut heard, mut buffer) = (String::new(), vec![0; 65_536]);
    for number in 0..CALLS {
        let invite = format!(
            "INVITE sip:4711@office.example SIP/2.0\r\n\
             Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK{number}\r\n\
             From: <sip:+491701234567@{CARRIER}>;tag=1\r\nTo: <sip:4711@office.example>\r\n\
             Call-ID: {number}@carrier\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
             Contact: <sip:{CARRIER}>\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(invite.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        while !heard.contains("SIP/2.0 404 ") || !heard.ends_with("\r\n\r\n") {
            let length = soon(stream.read(&mut buffer)).await.unwrap();
            assert!(length > 0, "hung up on at {number}");
            heard.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        heard.clear();
    }
    assert!(edge.core.guard().bans().is_empty());
    assert_eq!(edge.core.guard().stats().dropped.limited, 0);
}
