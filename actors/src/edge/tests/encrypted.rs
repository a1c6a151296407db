//! Peers that we connect to over TLS, and whom we believe.

use std::path::Path;
use std::sync::Arc;

use offhook_core::sip::endpoint::TxnFailure;
use offhook_core::sip::message::{Request, Response};
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::fixture::{Edge, soon};
use super::large::{asks_at, from_stream, transport};

/// A peer that shows a certificate with this name.
struct Peer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    certificate: String,
}

impl Peer {
    async fn called(name: SanType) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        let certificate = params.self_signed(&key).unwrap().pem();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
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
