//! Strangers who mean harm, from addresses of their own: nonsense, wrong passwords, scanners,
//! connections that never say anything whole.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Result, anyhow};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use std::os::fd::AsRawFd;

use crate::junk::{Flood, Sent};
use offhook_benches::clock::{self, SECOND};

/// Connections of theirs at once.
const HALF_OPEN: usize = 30;

/// Addresses each kind of them has.
const SOURCES: u8 = 20;

/// All of them.
#[derive(Debug)]
pub(crate) struct Hostile {
    flood: Flood,
    ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Hostile {
    /// Lets them loose: so much nonsense a second, and of everything else a tenth.
    pub(crate) fn start(server: SocketAddr, rate: u32) -> Result<Self> {
        let ending = Arc::<AtomicBool>::default();
        let until = Arc::clone(&ending);
        let guessers: Vec<UdpSocket> = (1..=SOURCES)
            .map(|last| UdpSocket::bind((Ipv4Addr::new(127, 0, 2, last), 0)))
            .collect::<Result<_, _>>()?;
        let thread = std::thread::Builder::new()
            .name("hostile".to_owned())
            .spawn(move || act(&guessers, server, rate / 10, &until))?;
        Ok(Self {
            flood: Flood::start(server, rate)?,
            ending,
            thread,
        })
    }

    /// Calls them back.
    pub(crate) fn stop(self) -> Result<Sent> {
        self.ending.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("the hostile strangers panicked"))?;
        self.flood.stop()
    }
}

fn act(guessers: &[UdpSocket], server: SocketAddr, rate: u32, ending: &AtomicBool) {
    let mut half_open = Vec::new();
    let mut number = 0u32;
    while !ending.load(Ordering::Relaxed) {
        let at = usize::try_from(number).unwrap_or(0);
        let message = match number % 3 {
            0 => guess("REGISTER", server, number),
            1 => guess("INVITE", server, number),
            _ => scan(server, number),
        };
        // What is lost was not worth sending.
        guessers[at % guessers.len()].send_to(&message, server).ok();
        if number.is_multiple_of(16) {
            half_open.truncate(HALF_OPEN - 1);
            half_open.insert(0, half_a_message(server, number));
        }
        number = number.wrapping_add(1);
        clock::pause(SECOND / u64::from(rate.max(1)));
    }
}

/// A request with a password that is wrong.
fn guess(method: &str, server: SocketAddr, number: u32) -> Vec<u8> {
    let user = 1000 + number % 200;
    let proof = format!(
        "Authorization: Digest username=\"{user}\", realm=\"offhook\", nonce=\"{number:032x}\", \
         uri=\"sip:{server}\", response=\"{:032x}\", algorithm=MD5\r\n",
        u128::from(number) << 7
    );
    request(method, server, number, &proof)
}

fn scan(server: SocketAddr, number: u32) -> Vec<u8> {
    let agents = ["friendly-scanner", "sipvicious", "VaxSIPUserAgent"];
    let agent = agents[usize::try_from(number).unwrap_or(0) % agents.len()];
    request(
        "OPTIONS",
        server,
        number,
        &format!("User-Agent: {agent}\r\n"),
    )
}

fn request(method: &str, server: SocketAddr, number: u32, more: &str) -> Vec<u8> {
    let user = 1000 + number % 200;
    let text = format!(
        "{method} sip:{user}@{server} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.2.1:5060;branch=z9hG4bKh{number};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:{user}@{server}>;tag=h{number}\r\nTo: <sip:{user}@{server}>\r\n\
         Call-ID: h{number}@127.0.2.1\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:{user}@127.0.2.1>\r\n{more}Content-Length: 0\r\n\r\n"
    );
    text.into_bytes()
}

/// A connection from 127.0.3.x that begins a message and never ends it.
fn half_a_message(server: SocketAddr, number: u32) -> Option<TcpStream> {
    let SocketAddr::V4(to) = server else {
        return None;
    };
    let last = u8::try_from(number / 16 % u32::from(SOURCES)).ok()? + 1;
    let ours = SockaddrIn::from(std::net::SocketAddrV4::new(
        Ipv4Addr::new(127, 0, 3, last),
        0,
    ));
    let made = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::empty(),
        None,
    )
    .ok()?;
    bind(made.as_raw_fd(), &ours).ok()?;
    connect(made.as_raw_fd(), &SockaddrIn::from(to)).ok()?;
    let mut stream = TcpStream::from(made);
    stream.write_all(b"OPTIONS sip:x SIP/2.0\r\nVia: ").ok()?;
    Some(stream)
}
