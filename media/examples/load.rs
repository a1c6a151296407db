//! What the engine costs: CPU of a relayed call and of a listener to hold music, memory of a leg.
//!
//! ```text
//! cargo run --release -p offhook-media --example load -- relay 500 10 [SHARDS]
//! cargo run --release -p offhook-media --example load -- music 1000 10
//! cargo run --release -p offhook-media --example load -- memory 2000
//! ```
//!
//! Phones are simulated in this process; only the time of the media threads is counted, from
//! `/proc/self/task/*/schedstat`. Loopback and a shared machine: compare figures, do not trust them.

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId};
use offhook_media::engine::{Engine, EngineConfig, EngineEvents, RemoteMedia, SoundBank, Source};
use offhook_media::rtp::RtpHeader;
use offhook_media::time::RtpTime;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |index: usize, default: u32| {
        let argument = arguments.get(index).and_then(|text| text.parse().ok());
        argument.unwrap_or(default)
    };
    match arguments.get(1).map(String::as_str) {
        Some("relay") => relay(number(2, 500), number(3, 10), number(4, 0)),
        Some("music") => music(number(2, 1000), number(3, 10), number(4, 0)),
        Some("memory") => memory(number(2, 2000)),
        _ => Err("say relay, music or memory, how many, and for how many seconds".into()),
    }
}

fn start(shards: usize) -> Result<(Engine, EngineEvents), Failure> {
    let mut bank = SoundBank::new();
    bank.set_music_pcm("default", &[1000; 80_000]);
    let config = EngineConfig {
        shards,
        ports: 10_000..=29_999,
        recordings: std::env::temp_dir().join("offhook-load"),
        ..EngineConfig::default()
    };
    Ok(Engine::start(config, bank, Arc::new(|| {}))?)
}

struct Phone {
    socket: UdpSocket,
    header: RtpHeader,
    received: u32,
    /// Times between two packets.
    gaps: Vec<Duration>,
    last: Option<Instant>,
}

impl Phone {
    fn new(engine: &Engine, leg: LegId) -> Result<Self, Failure> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let port = engine.add_leg(leg)?;
        engine.set_remote(leg, remote(socket.local_addr()?));
        socket.connect(port.rtp)?;
        let header = RtpHeader {
            marker: false,
            payload_type: 0,
            sequence: 0,
            time: RtpTime(0),
            ssrc: leg.number,
        };
        Ok(Self {
            socket,
            header,
            received: 0,
            gaps: Vec::new(),
            last: None,
        })
    }

    fn says(&mut self) -> std::io::Result<()> {
        let mut packet = [0x55; 172];
        packet[..12].copy_from_slice(&self.header.to_bytes());
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.time = self.header.time.plus(160);
        self.socket.send(&packet).map(|_| ())
    }

    fn listens(&mut self) {
        while self.socket.recv(&mut [0; 256]).is_ok() {
            self.received += 1;
            let at = now();
            if let Some(last) = self.last.replace(at) {
                self.gaps.push(at - last);
            }
        }
    }
}

fn remote(rtp: SocketAddr) -> RemoteMedia {
    RemoteMedia {
        rtcp: SocketAddr::new(rtp.ip(), 9),
        ..RemoteMedia::new(rtp, Codec::Pcmu).with_events(101)
    }
}

fn relay(calls: u32, seconds: u32, shards: u32) -> Result<(), Failure> {
    let (engine, _events) = start(shards as usize)?;
    let mut phones = Vec::new();
    for _ in 0..calls {
        let call = CallId::random();
        let (a, b) = (LegId::new(call, 0), LegId::new(call, 1));
        phones.push(Phone::new(&engine, a)?);
        phones.push(Phone::new(&engine, b)?);
        engine.bridge(a, b);
    }
    let run = |phones: &mut Vec<Phone>, seconds: u32| -> Result<(), Failure> {
        let start = now();
        for slot in 0..seconds * 1000 {
            wait_until(start + Duration::from_millis(1) * slot)?;
            let turn = slot as usize % 20;
            for phone in phones.iter_mut().skip(turn).step_by(20) {
                phone.says()?;
            }
            for phone in phones.iter_mut().skip((turn + 10) % 20).step_by(20) {
                phone.listens();
            }
        }
        Ok(())
    };
    run(&mut phones, 1)?;
    let before = cpu()?;
    run(&mut phones, seconds)?;
    let used = cpu()? - before;
    let sent = u64::from(calls) * 2 * 50 * u64::from(seconds + 1);
    let received: u64 = phones.iter().map(|phone| u64::from(phone.received)).sum();
    report("relayed call", calls, seconds, used);
    println!("  {received} of {sent} packets arrived");
    println!("  {:?}", engine.stats());
    engine.shutdown();
    Ok(())
}

fn music(listeners: u32, seconds: u32, shards: u32) -> Result<(), Failure> {
    let (engine, _events) = start(shards as usize)?;
    let mut phones = Vec::new();
    for _ in 0..listeners {
        let leg = LegId::new(CallId::random(), 0);
        phones.push(Phone::new(&engine, leg)?);
        engine.set_source(leg, &Source::HoldMusic("default".to_owned()));
    }
    let run = |phones: &mut Vec<Phone>, seconds: u32| -> Result<(), Failure> {
        let start = now();
        for slot in 0..seconds * 100 {
            wait_until(start + Duration::from_millis(10) * slot)?;
            phones.iter_mut().for_each(Phone::listens);
        }
        Ok(())
    };
    run(&mut phones, 1)?;
    let before = cpu()?;
    run(&mut phones, seconds)?;
    let used = cpu()? - before;
    report("listener", listeners, seconds, used);
    let received: u32 = phones.iter().map(|phone| phone.received).sum();
    println!("  {received} packets arrived");
    println!("  {:?}", engine.stats());
    engine.shutdown();
    Ok(())
}

fn memory(legs: u32) -> Result<(), Failure> {
    let (engine, _events) = start(0)?;
    let before = resident()?;
    for _ in 0..legs {
        let leg = LegId::new(CallId::random(), 0);
        engine.add_leg(leg)?;
        engine.set_remote(leg, remote(SocketAddr::from((Ipv4Addr::LOCALHOST, 9))));
    }
    // The shards have taken all when they have shut down nothing but what was given before.
    while engine
        .stats()
        .shards
        .iter()
        .map(|shard| shard.legs)
        .sum::<u64>()
        < u64::from(legs)
    {
        std::thread::yield_now();
    }
    let each = (resident()? - before) * 1024 / u64::from(legs);
    println!("{legs} legs: {each} bytes each, resident");
    engine.shutdown();
    Ok(())
}

fn report(what: &str, count: u32, seconds: u32, used: Duration) {
    let share = used.as_secs_f64() / f64::from(seconds) * 100.0;
    let each = share / f64::from(count);
    println!("{count}: {share:.1} % of a core, {each:.4} % per {what}");
}

/// CPU time of all media threads so far.
fn cpu() -> Result<Duration, Failure> {
    let mut nanos = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        if fs::read_to_string(path.join("comm"))?.trim() == "offhook-media" {
            let times = fs::read_to_string(path.join("schedstat"))?;
            nanos += times.split(' ').next().unwrap_or("0").parse::<u64>()?;
        }
    }
    Ok(Duration::from_nanos(nanos))
}

/// Resident memory in kilobytes.
fn resident() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap_or_default().trim().trim_end_matches(" kB");
    Ok(kilobytes.parse()?)
}

fn wait_until(due: Instant) -> Result<(), Failure> {
    let left = due.saturating_duration_since(now());
    if !left.is_zero() {
        // Waits by listening to nobody.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(left))?;
        socket.recv(&mut [0; 1]).ok();
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "phones keep real time")]
fn now() -> Instant {
    Instant::now()
}
