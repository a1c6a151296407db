//! `media floor`: what passing on the same packets costs when nothing is done to them.
//!
//! One thread, a connected socket for each leg, `recv`, another sequence number, `send`: by what this
//! costs on a machine today the figures of the engine can be compared with those of another day.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use offhook_benches::clock::{self, SECOND};
use offhook_benches::process::Usage;
use offhook_benches::report::Report;
use offhook_benches::rtp::{Line, Rtp};

use crate::Common;
use crate::measured::ENGINE;

/// How the thread is called, so that it is counted as the engine's are.
const NAME: &str = "offhook-floor";
/// How often it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub(crate) struct Floor {
    /// Calls at once.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=5000))]
    calls: u32,
    /// For how long they are measured.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

impl Floor {
    /// Calls that are passed on by a bare loop.
    pub(crate) fn run(&self, common: &Common) -> Result<Report> {
        let rtp = Rtp::start(common.rtp_threads)?;
        let mut legs = Vec::new();
        for number in 0..2 * self.calls {
            let phone = SocketAddr::from((Ipv4Addr::LOCALHOST, rtp.port(number)));
            let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            socket.connect(phone)?;
            rtp.add(number, Line::marked(number / 2, socket.local_addr()?));
            legs.push(Leg {
                socket,
                sequence: 0,
            });
        }
        let bare = Bare::start(legs)?;
        clock::pause(2 * SECOND);
        rtp.begin();
        let before = Usage::own()?;
        clock::pause(self.seconds * SECOND);
        let used = Usage::own()?.since(&before);
        let figures = rtp.figures()?;
        bare.end();
        let calls = self.calls;
        let mut report = Report::new(format!("a bare loop, {calls} calls"));
        let each = used.percent_of(ENGINE) / f64::from(calls);
        report.add("CPU per call", each, "% of core");
        report.headline("CPU per call");
        report.percentiles("cadence off 20 ms", &figures.unevenness);
        report.percentiles("added delay", &figures.delays);
        report.headline("added delay, p99");
        Ok(report)
    }
}

struct Leg {
    socket: UdpSocket,
    sequence: u16,
}

/// The thread.
struct Bare {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Bare {
    /// Neighbours hear each other.
    fn start(mut legs: Vec<Leg>) -> Result<Self> {
        let mut poll = Poll::new()?;
        for (key, leg) in legs.iter_mut().enumerate() {
            let registry = poll.registry();
            registry.register(&mut leg.socket, Token(key), Interest::READABLE)?;
        }
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let run = move || {
            let mut ready = Events::with_capacity(1024);
            while !until.load(Ordering::Relaxed) {
                poll.poll(&mut ready, Some(LOOK)).ok();
                for event in &ready {
                    pass_on(&mut legs, event.token().0);
                }
            }
        };
        let thread = std::thread::Builder::new().name(NAME.to_owned());
        let thread = thread.spawn(run)?;
        Ok(Self { over, thread })
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().ok();
    }
}

fn pass_on(legs: &mut [Leg], key: usize) {
    let mut packet = [0; 2048];
    loop {
        let length = match legs[key].socket.recv(&mut packet) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
            Err(_) => return,
        };
        let listener = &mut legs[key ^ 1];
        listener.sequence = listener.sequence.wrapping_add(1);
        packet[2..4].copy_from_slice(&listener.sequence.to_be_bytes());
        listener.socket.send(&packet[..length]).ok();
    }
}
