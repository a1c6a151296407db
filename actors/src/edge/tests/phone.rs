//! A scripted user agent.

use std::net::SocketAddr;

use bytes::Bytes;
use offhook_core::IdSource;
use offhook_core::sip::digest::{Credentials, DigestClient};
use offhook_core::sip::header::NameAddr;
use offhook_core::sip::message::{Message, Request, Response};
use offhook_core::sip::stream::{Frame, StreamParser};
use offhook_core::sip::{HeaderName, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::fixture::{password, soon};

enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, StreamParser),
}

/// A phone, or a carrier's switch.
pub(super) struct Phone {
    wire: Wire,
    server: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) number: String,
    digest: DigestClient,
    ids: IdSource,
    cseq: u32,
}

impl Phone {
    /// A phone on datagrams, with its own address on loopback.
    pub(super) async fn udp(ip: [u8; 4], server: SocketAddr, number: &str) -> Self {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::from(ip), 0))
            .await
            .unwrap();
        let local = socket.local_addr().unwrap();
        Self::on(Wire::Udp(socket), local, server, number)
    }

    /// A phone on a stream.
    pub(super) async fn tcp(server: SocketAddr, number: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        let stream = soon(socket.connect(server)).await.unwrap();
        let local = stream.local_addr().unwrap();
        Self::on(
            Wire::Tcp(stream, StreamParser::new()),
            local,
            server,
            number,
        )
    }

    /// The far end of a connection the server opened.
    pub(super) fn accepted(stream: TcpStream, server: SocketAddr) -> Self {
        let local = stream.local_addr().unwrap();
        Self::on(
            Wire::Tcp(stream, StreamParser::new()),
            local,
            server,
            "carrier",
        )
    }

    fn on(wire: Wire, local: SocketAddr, server: SocketAddr, number: &str) -> Self {
        let credentials = Credentials {
            username: number.to_owned(),
            password: password(number),
        };
        Self {
            wire,
            server,
            local,
            number: number.to_owned(),
            digest: DigestClient::new(credentials),
            ids: IdSource::from_entropy(),
            cseq: 0,
        }
    }

    /// The same phone with another login.
    pub(super) fn with_login(
        mut self,
        username: &str,
        password: offhook_core::pii::Secret,
    ) -> Self {
        let username = username.to_owned();
        self.digest = DigestClient::new(Credentials { username, password });
        self
    }

    /// A request outside of any dialog, with the next CSeq.
    pub(super) fn request(&mut self, method: Method, uri: &str) -> Request {
        self.cseq += 1;
        let cseq = format!("{} {method}", self.cseq);
        let registers = method == Method::Register;
        let mut request = Request::new(method, uri.to_owned());
        let headers = &mut request.headers;
        let own = format!("sip:{}@{}", self.number, self.local);
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(
            HeaderName::From,
            NameAddr::new(own.clone())
                .with_display("Scripted")
                .with_tag("ft")
                .write(),
        );
        let to = if registers { own.as_str() } else { uri };
        headers.push(HeaderName::To, format!("<{to}>"));
        headers.push(HeaderName::CallId, format!("{}@phone", self.ids.token()));
        headers.push(HeaderName::CSeq, cseq);
        headers.push(HeaderName::Contact, format!("<{own}>"));
        request
    }

    /// An INVITE to `number`.
    pub(super) fn invite(&mut self, number: &str) -> Request {
        self.request(Method::Invite, &format!("sip:{number}@offhook.local"))
    }

    /// A REGISTER for so many seconds.
    pub(super) fn register(&mut self, expires: u32) -> Request {
        let mut request = self.request(Method::Register, "sip:offhook.local");
        request
            .headers
            .push(HeaderName::Expires, expires.to_string());
        request
    }

    /// A request in the dialog that `invite` and this tag made.
    pub(super) fn within(&mut self, invite: &Request, method: Method, tag: &str) -> Request {
        let mut request = self.request(method, "sip:offhook@127.0.0.1");
        let call_id = invite.headers.call_id().unwrap().clone();
        let to = invite.headers.get(&HeaderName::To).unwrap().clone();
        request.headers.set(HeaderName::CallId, call_id);
        request.headers.set(HeaderName::To, to);
        request.headers.add_to_tag(tag);
        request
    }

    /// Sends a request in a new transaction and returns it as sent.
    pub(super) async fn send(&mut self, mut request: Request) -> Request {
        let transport = if matches!(self.wire, Wire::Udp(_)) {
            "UDP"
        } else {
            "TCP"
        };
        let via = format!(
            "SIP/2.0/{transport} {};branch=z9hG4bK{};rport",
            self.local,
            self.ids.token()
        );
        request.headers.push_front(HeaderName::Via, via);
        self.write(&request.write()).await;
        request
    }

    /// Sends bytes as they are.
    pub(super) async fn write(&mut self, data: &[u8]) {
        match &mut self.wire {
            Wire::Udp(socket) => {
                socket.send_to(data, self.server).await.unwrap();
            }
            Wire::Tcp(stream, _) => stream.write_all(data).await.unwrap(),
        }
    }

    /// Sends bytes unless the connection is closed or nobody takes them for a while.
    pub(super) async fn try_write(&mut self, data: &[u8]) -> bool {
        let Wire::Tcp(stream, _) = &mut self.wire else {
            panic!("not a stream")
        };
        soon(stream.write_all(data)).await.is_ok()
    }

    /// The next message; `None` when the connection was closed.
    pub(super) async fn next(&mut self) -> Option<Message> {
        let data = match &mut self.wire {
            Wire::Udp(socket) => {
                let mut buffer = vec![0; 65_535];
                let (length, _) = soon(socket.recv_from(&mut buffer)).await.unwrap();
                Bytes::copy_from_slice(&buffer[..length])
            }
            Wire::Tcp(stream, parser) => loop {
                match parser.poll_frame().unwrap() {
                    Some(Frame::Message(data)) => break data,
                    Some(Frame::KeepAlive) => {}
                    None => {
                        let mut buffer = [0; 4096];
                        let length = soon(stream.read(&mut buffer)).await.unwrap_or(0);
                        if length == 0 {
                            return None;
                        }
                        parser.push(&buffer[..length]);
                    }
                }
            },
        };
        Some(Message::parse(&data).unwrap())
    }

    /// Reads bytes as they are; empty when the connection was closed.
    pub(super) async fn read(&mut self) -> Vec<u8> {
        let Wire::Tcp(stream, _) = &mut self.wire else {
            panic!("not a stream")
        };
        let mut buffer = [0; 4096];
        let length = soon(stream.read(&mut buffer)).await.unwrap_or(0);
        buffer[..length].to_vec()
    }

    /// The next response other than 100.
    pub(super) async fn response(&mut self) -> Response {
        loop {
            match self.next().await {
                Some(Message::Response(response)) if response.status == 100 => {}
                Some(Message::Response(response)) => return response,
                other => panic!("no response: {other:?}"),
            }
        }
    }

    /// The next request.
    pub(super) async fn hears(&mut self) -> Request {
        match self.next().await {
            Some(Message::Request(request)) => request,
            other => panic!("no request: {other:?}"),
        }
    }

    /// Answers a request.
    pub(super) async fn answer(&mut self, request: &Request, status: u16) {
        let mut response = Response::to(request, status, "As Told");
        response.headers.add_to_tag("callee");
        self.write(&response.write()).await;
    }

    /// What a request comes to, without answering challenges. A failed INVITE is acknowledged.
    pub(super) async fn ask(&mut self, request: Request) -> Response {
        let sent = self.send(request).await;
        let response = self.response().await;
        if sent.method == Method::Invite && response.status >= 300 {
            self.acknowledge(&sent, &response).await;
        }
        response
    }

    /// What a request comes to once its challenge is answered.
    pub(super) async fn ask_signed(&mut self, request: Request) -> Response {
        let signed = self.signed(request).await;
        self.ask(signed).await
    }

    /// The request with the answer to the challenge it meets.
    pub(super) async fn signed(&mut self, request: Request) -> Request {
        let response = self.ask(request.clone()).await;
        assert_eq!(response.status, 401, "{response:?}");
        self.digest.challenged(&response).unwrap();
        self.sign(request)
    }

    /// The request as the next one under the challenge that was answered last.
    pub(super) fn sign(&mut self, mut request: Request) -> Request {
        self.cseq += 1;
        request.headers.set(
            HeaderName::CSeq,
            format!("{} {}", self.cseq, request.method),
        );
        self.digest.authorize(&mut request, &mut self.ids);
        request
    }

    async fn acknowledge(&mut self, invite: &Request, response: &Response) {
        let mut ack = Request::new(Method::Ack, invite.uri.clone());
        for name in [HeaderName::Via, HeaderName::From, HeaderName::CallId] {
            ack.headers
                .push(name.clone(), invite.headers.get(&name).unwrap().clone());
        }
        let number = invite.headers.cseq().unwrap().number;
        ack.headers.push(
            HeaderName::To,
            response.headers.get(&HeaderName::To).unwrap().clone(),
        );
        ack.headers.push(HeaderName::CSeq, format!("{number} ACK"));
        self.write(&ack.write()).await;
    }

    /// Whether the server still answers.
    pub(super) async fn options(&mut self) -> Response {
        let request = self.request(Method::Options, "sip:offhook.local");
        self.ask(request).await
    }
}
