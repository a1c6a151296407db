//! `load junk`: short calls while strangers send nonsense.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::{Result, anyhow};
use offhook_core::IdSource;

use crate::office;
use crate::server::Server;
use crate::setup::Setup;
use offhook_benches::clock::{self, MS, SECOND};
use offhook_benches::report::Report;

/// Addresses the nonsense comes from: 127.0.1.1 and those after it.
const SOURCES: u8 = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Junk {
    /// Datagrams of nonsense a second.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    datagrams: u32,
    /// Calls a second beside it, by the trunk.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rate: u32,
    /// For how long.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
}

impl Junk {
    pub(crate) fn run(&self, server: &Server) -> Result<Report> {
        office::trust_only_us(server)?;
        let flood = Flood::start(server.sip(), self.datagrams)?;
        let mut report = Setup::by_trunk(self.rate, self.seconds).run(server)?;
        let sent = flood.stop()?;
        report.rename(format!(
            "{} calls a second for {} s beside {} datagrams of nonsense a second",
            self.rate, self.seconds, self.datagrams
        ));
        report.goal_of("INVITE to 200, added, p99", 50.0);
        report.add("nonsense sent", sent.rate, "datagrams/s");
        Ok(report)
    }
}

/// Somebody who sends nonsense.
#[derive(Debug)]
pub(crate) struct Flood {
    ending: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    began: u64,
    thread: JoinHandle<()>,
}

/// What they sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// Datagrams a second.
    pub(crate) rate: f64,
}

impl Flood {
    /// Begins to send so many datagrams a second.
    pub(crate) fn start(server: SocketAddr, rate: u32) -> Result<Self> {
        let source = |last| UdpSocket::bind((Ipv4Addr::new(127, 0, 1, last), 0));
        let sources: Vec<UdpSocket> = (1..=SOURCES).map(source).collect::<Result<_, _>>()?;
        let (ending, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (until, count) = (Arc::clone(&ending), Arc::clone(&sent));
        let thread = std::thread::Builder::new()
            .name("nonsense".to_owned())
            .spawn(move || send(&sources, server, rate, &until, &count))?;
        Ok(Self {
            ending,
            sent,
            began: clock::now(),
            thread,
        })
    }

    /// Ends it.
    pub(crate) fn stop(self) -> Result<Sent> {
        self.ending.store(true, Ordering::Relaxed);
        let seconds = clock::seconds(clock::now() - self.began);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow!("the sender of nonsense panicked"))?;
        let rate = self.sent.load(Ordering::Relaxed) as f64 / seconds;
        Ok(Sent { rate })
    }
}

fn send(
    sources: &[UdpSocket],
    server: SocketAddr,
    rate: u32,
    ending: &AtomicBool,
    sent: &AtomicU64,
) {
    let mut ids = IdSource::from_entropy();
    let kinds = kinds(server, &mut ids);
    let (began, mut done) = (clock::now(), 0u64);
    while !ending.load(Ordering::Relaxed) {
        let due = u64::from(rate) * (clock::now() - began) / SECOND;
        // A generator that fell behind does not make it a larger flood later.
        done = done.max(due.saturating_sub(u64::from(rate) / 10));
        while done < due {
            let at = usize::try_from(done).unwrap_or(0);
            let source = &sources[at % sources.len()];
            if source.send_to(&kinds[at % kinds.len()], server).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
            done += 1;
        }
        clock::pause(MS);
    }
}

/// What strangers send: noise, broken SIP, SIP that is well formed and of no use.
pub(crate) fn kinds(server: SocketAddr, ids: &mut IdSource) -> Vec<Vec<u8>> {
    let mut kinds = Vec::new();
    for number in 0..64u32 {
        let noise = (0..200).map(|_| ids.bits().to_be_bytes()[0]).collect();
        let whole = stray(server, "OPTIONS", number, "");
        let cut = whole[..whole.len() / 2].to_vec();
        let lies = stray(server, "INVITE", number, "Content-Length: 99999\r\n");
        let scanner = stray(
            server,
            "REGISTER",
            number,
            "User-Agent: friendly-scanner\r\n",
        );
        let response = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {server};branch=z9hG4bKn{number}\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: n{number}\r\n\
             CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        let unknown = stray(server, "BYE", number, "");
        kinds.extend([
            noise,
            cut,
            lies,
            scanner,
            response.into_bytes(),
            unknown,
            whole,
        ]);
    }
    kinds
}

fn stray(server: SocketAddr, method: &str, number: u32, more: &str) -> Vec<u8> {
    let text = format!(
        "{method} sip:{number}@{server} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.1.1:5060;branch=z9hG4bKj{method}{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{number}@{server}>;tag=j{number}\r\n\
         To: <sip:{number}@{server}>;tag=x\r\nCall-ID: j{number}@127.0.1.1\r\n\
         CSeq: 1 {method}\r\nContact: <sip:{number}@127.0.1.1>\r\n{more}\r\n"
    );
    text.into_bytes()
}
