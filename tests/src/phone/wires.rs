//! What carries a phone's SIP besides datagrams: plain streams, TLS, and WebSockets.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures::{SinkExt, StreamExt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::transport::{Arrival, Carrier, next_message};

/// A stream of bytes, whatever is below it.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// An open connection.
pub(crate) enum Wire {
    Stream(Box<dyn Bytes>),
    Socket(Box<WebSocketStream<Box<dyn Bytes>>>),
}

impl Wire {
    /// Connects to `proxy`, with a passport where it may be shown; answers our end as well.
    pub(crate) async fn open(
        carrier: Carrier,
        proxy: SocketAddr,
        passport: Option<&Passport>,
    ) -> Result<(Self, SocketAddr)> {
        let socket = match proxy {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A phone may listen at the address its connections have.
        socket.set_reuseaddr(true)?;
        let stream = socket.connect(proxy).await?;
        let local = stream.local_addr()?;
        let stream: Box<dyn Bytes> = match carrier {
            Carrier::Udp | Carrier::Tcp | Carrier::Ws => Box::new(stream),
            Carrier::Tls | Carrier::Wss => Box::new(encrypt(stream, passport).await?),
        };
        let wire = match carrier {
            Carrier::Udp | Carrier::Tcp | Carrier::Tls => Self::Stream(stream),
            Carrier::Ws | Carrier::Wss => Self::Socket(Box::new(upgrade(stream, proxy).await?)),
        };
        Ok((wire, local))
    }

    /// Carries messages both ways until either side ends it.
    pub(crate) async fn carry(
        self,
        peer: SocketAddr,
        outgoing: mpsc::UnboundedReceiver<Vec<u8>>,
        arrivals: mpsc::UnboundedSender<Arrival>,
    ) {
        match self {
            Self::Stream(stream) => carry_stream(stream, peer, outgoing, arrivals).await,
            Self::Socket(socket) => carry_socket(*socket, peer, outgoing, arrivals).await,
        }
    }
}

/// A certificate and its key, both PEM, for a client that shows one.
#[derive(Debug, Clone)]
pub struct Passport {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// Speaks TLS on a stream and believes whatever certificate is shown.
///
/// # Errors
/// When the server does not take part, or refuses the passport.
pub async fn encrypt(
    stream: TcpStream,
    passport: Option<&Passport>,
) -> Result<TlsStream<TcpStream>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)));
    let config = match passport {
        Some(Passport { certificate, key }) => builder.with_client_auth_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes())?],
            PrivateKeyDer::from_pem_slice(key.as_bytes())?,
        )?,
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::IpAddress(stream.peer_addr()?.ip().into());
    let connector = TlsConnector::from(Arc::new(config));
    Ok(connector.connect(name, stream).await?)
}

/// Opens a WebSocket that speaks SIP.
///
/// # Errors
/// When the server refuses it, or speaks something else.
pub async fn upgrade<S: Bytes>(stream: S, server: SocketAddr) -> Result<WebSocketStream<S>> {
    let mut request = format!("ws://{server}/any/path").into_client_request()?;
    request
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
    let (socket, response) = client_async(request, stream).await?;
    let chosen = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let chosen = chosen.context("no subprotocol was chosen")?;
    ensure!(chosen == "sip", "{chosen:?}");
    Ok(socket)
}

async fn carry_stream(
    stream: Box<dyn Bytes>,
    peer: SocketAddr,
    mut outgoing: mpsc::UnboundedReceiver<Vec<u8>>,
    arrivals: mpsc::UnboundedSender<Arrival>,
) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (mut pending, mut buffer) = (Vec::new(), vec![0; 65_536]);
    loop {
        tokio::select! {
            bytes = outgoing.recv() => {
                let Some(bytes) = bytes else { return };
                if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                    return;
                }
            }
            read = reader.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return };
                pending.extend_from_slice(buffer.get(..length).unwrap_or_default());
                while let Some(message) = next_message(&mut pending) {
                    if arrivals.send((message, peer)).is_err() {
                        return;
                    }
                }
            }
        }
    }
}

async fn carry_socket(
    mut socket: WebSocketStream<Box<dyn Bytes>>,
    peer: SocketAddr,
    mut outgoing: mpsc::UnboundedReceiver<Vec<u8>>,
    arrivals: mpsc::UnboundedSender<Arrival>,
) {
    loop {
        tokio::select! {
            bytes = outgoing.recv() => {
                let Some(bytes) = bytes else { return };
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                let data = message.into_data().to_vec();
                let sip = data.iter().any(|byte| byte.is_ascii_alphabetic());
                if sip && arrivals.send((data, peer)).is_err() {
                    return;
                }
            }
        }
    }
}

/// Believes every certificate: who the server is, other tests ask.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
