//! Peers that we connect to over TLS, and whom we believe.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use offhook_core::directory::SipTransport as TrunkTransport;
use offhook_core::sip::endpoint::TxnFailure;
use offhook_core::sip::message::{Request, Response};
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::fixture::{DID, Edge, office, soon};
use super::large::{asks_at, from_stream, transport};

/// A peer that shows a certificate with this name.
struct Peer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    certificate: String,
}

impl Peer {
    async fn called(name: SanType) -> Self {
        Self::asking(name, WebPkiClientVerifier::no_client_auth()).await
    }

    /// As [`called`](Self::called), and has whoever connects show a certificate.
    async fn asking(name: SanType, verifier: Arc<dyn ClientCertVerifier>) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        let certificate = params.self_signed(&key).unwrap().pem();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
            )
            .unwrap();
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate,
        }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    async fn accepts(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let (stream, _) = soon(self.listener.accept()).await?;
        soon(self.acceptor.accept(stream)).await
    }
}

/// Whose certificates an edge believes, beside those the system does.
#[derive(Clone, Copy, PartialEq)]
enum Belief {
    Peer,
    Nobody,
    Everybody,
}

async fn edge(folder: &Path, peer: &Peer, belief: Belief) -> Edge {
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, &peer.certificate).unwrap();
    Edge::open_with(|config| {
        config.encryption.ca = (belief == Belief::Peer).then_some(ca);
        config.encryption.verify_peers = belief != Belief::Everybody;
    })
    .await
}

async fn grants(stream: &mut TlsStream<TcpStream>) -> Request {
    let heard = from_stream(stream).await;
    assert_eq!(transport(&heard), b"TLS");
    let granted = Response::to(&heard, 200, "OK").write();
    stream.write_all(&granted).await.unwrap();
    stream.flush().await.unwrap();
    heard
}

fn localhost() -> SanType {
    SanType::DnsName("localhost".try_into().unwrap())
}

/// RFC 3261 section 26.3.2.1, RFC 5922 section 7.3: the name in the URI is what is proved.
#[tokio::test]
async fn a_peer_that_proves_its_name_is_asked_and_its_connection_used_again() {
    let folder = TempDir::new().unwrap();
    let peer = Peer::called(localhost()).await;
    let edge = edge(folder.path(), &peer, Belief::Peer).await;
    let port = peer.port();
    let first = asks_at(&edge, &format!("sips:peer@LocalHost:{port}"), 1);
    let mut stream = peer.accepts().await.unwrap();
    grants(&mut stream).await;
    assert_eq!(soon(first).await.unwrap().unwrap().status, 200);
    let uri = format!("sip:peer@localhost:{port};transport=tls");
    let second = asks_at(&edge, &uri, 2);
    grants(&mut stream).await;
    assert_eq!(soon(second).await.unwrap().unwrap().status, 200);
    assert_eq!(edge.core.stats().connections, 1);
}

#[tokio::test]
async fn a_peer_may_prove_its_address_where_the_uri_has_one() {
    let folder = TempDir::new().unwrap();
    let peer = Peer::called(SanType::IpAddress([127, 0, 0, 1].into())).await;
    let edge = edge(folder.path(), &peer, Belief::Peer).await;
    let uri = format!("sip:peer@127.0.0.1:{};transport=tls", peer.port());
    let answer = asks_at(&edge, &uri, 1);
    grants(&mut peer.accepts().await.unwrap()).await;
    assert_eq!(soon(answer).await.unwrap().unwrap().status, 200);
}

/// RFC 5922 section 7.3.
#[tokio::test]
async fn a_peer_with_another_name_or_from_nobody_we_know_is_told_nothing() {
    let folder = TempDir::new().unwrap();
    let other = SanType::DnsName("other.example.com".try_into().unwrap());
    for (name, belief) in [(other, Belief::Peer), (localhost(), Belief::Nobody)] {
        let peer = Peer::called(name).await;
        let edge = edge(folder.path(), &peer, belief).await;
        let uri = format!("sip:peer@localhost:{};transport=tls", peer.port());
        let answer = asks_at(&edge, &uri, 1);
        assert!(peer.accepts().await.is_err(), "it is hung up on");
        assert_eq!(soon(answer).await.unwrap(), Err(TxnFailure::Transport));
        assert_eq!(edge.core.stats().connections, 0);
    }
}

#[tokio::test]
async fn anybody_is_believed_where_the_operator_says_so() {
    let folder = TempDir::new().unwrap();
    let peer = Peer::called(SanType::DnsName("other.example.com".try_into().unwrap())).await;
    let edge = edge(folder.path(), &peer, Belief::Everybody).await;
    let uri = format!("sip:peer@localhost:{};transport=tls", peer.port());
    let answer = asks_at(&edge, &uri, 1);
    grants(&mut peer.accepts().await.unwrap()).await;
    assert_eq!(soon(answer).await.unwrap().unwrap().status, 200);
}

/// RFC 5922 section 7.1 is about verified certificates; where none is, anybody shows any name.
#[tokio::test]
async fn a_name_that_nobody_vouches_for_makes_no_trunk() {
    let folder = TempDir::new().unwrap();
    let name = "sbc.carrier.example";
    let peer = Peer::called(SanType::DnsName(name.try_into().unwrap())).await;
    let mut edge = edge(folder.path(), &peer, Belief::Everybody).await;
    let mut office = office(None, TrunkTransport::Udp);
    office.trunks[0].inbound.tls_names = vec![name.to_owned()];
    edge.directory.replace(office);
    let uri = format!("sip:peer@localhost:{};transport=tls", peer.port());
    let answer = asks_at(&edge, &uri, 1);
    let mut stream = peer.accepts().await.unwrap();
    grants(&mut stream).await;
    assert_eq!(soon(answer).await.unwrap().unwrap().status, 200);
    let invite = format!(
        "INVITE sip:{DID}@offhook.local SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK1\r\n\
         From: <sip:+491701234567@{name}>;tag=1\r\nTo: <sip:{DID}@offhook.local>\r\n\
         Call-ID: 1@evil\r\nCSeq: 1 INVITE\r\nContact: <sip:+491701234567@127.0.0.1>\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(invite.as_bytes()).await.unwrap();
    let mut buffer = [0; 2000];
    let length = soon(stream.read(&mut buffer)).await.unwrap();
    let answer = String::from_utf8_lossy(&buffer[..length]);
    assert!(answer.starts_with("SIP/2.0 401 "), "{answer}");
    assert!(edge.calls.try_recv().is_err());
}

/// A certificate of ours, as PEM with its key.
struct Own {
    certificate: String,
    key: String,
}

impl Own {
    fn made() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["office.example".to_owned()]).unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }

    fn lie_in(&self, folder: &Path) {
        std::fs::write(folder.join("own.crt"), &self.certificate).unwrap();
        std::fs::write(folder.join("own.key"), &self.key).unwrap();
    }
}

/// Calls the peer by a new connection, and tells what it is shown.
async fn is_shown(edge: &Edge, peer: &Peer, size: usize) -> Option<CertificateDer<'static>> {
    let uri = format!("sips:peer@localhost:{}", peer.port());
    let answer = asks_at(edge, &uri, size);
    let mut stream = peer.accepts().await.unwrap();
    grants(&mut stream).await;
    assert_eq!(soon(answer).await.unwrap().unwrap().status, 200);
    let shown = stream.get_ref().1.peer_certificates();
    let shown = shown.and_then(|chain| Some(chain.first()?.clone().into_owned()));
    drop(stream);
    let closed = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while edge.core.stats().connections > 0 {
            look.tick().await;
        }
    };
    soon(closed).await;
    shown
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_whoever_is_called_next() {
    let folder = TempDir::new().unwrap();
    let (old, new) = (Own::made(), Own::made());
    let mut roots = RootCertStore::empty();
    roots.add(old.der()).unwrap();
    roots.add(new.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let peer = Peer::asking(localhost(), verifier.build().unwrap()).await;
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &peer.certificate).unwrap();
    old.lie_in(folder.path());
    let edge = Edge::open_with(|config| {
        config.encryption.ca = Some(ca);
        config.encryption.certificate = Some(folder.path().join("own.crt"));
        config.encryption.key = Some(folder.path().join("own.key"));
    })
    .await;
    assert_eq!(is_shown(&edge, &peer, 1).await, Some(old.der()));
    new.lie_in(folder.path());
    edge.core.reload_certificates();
    assert_eq!(is_shown(&edge, &peer, 2).await, Some(new.der()));
}

#[tokio::test]
async fn an_authority_that_is_added_later_is_believed() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (
        Peer::called(localhost()).await,
        Peer::called(localhost()).await,
    );
    let edge = edge(folder.path(), &first, Belief::Peer).await;
    assert_eq!(is_shown(&edge, &first, 1).await, None);
    let both = format!("{}{}", first.certificate, second.certificate);
    std::fs::write(folder.path().join("ca.pem"), both).unwrap();
    edge.core.reload_certificates();
    assert_eq!(is_shown(&edge, &second, 2).await, None);
}
