//! What the engine costs: CPU of a call or of a listener to hold music, the delay and the deviation
//! from an even pace that it adds, and memory.
//!
//! ```text
//! cargo run --release -p offhook-media --example load -- relay 500 10 [SHARDS]
//! cargo run --release -p offhook-media --example load -- transcode 200 10
//! cargo run --release -p offhook-media --example load -- record 500 10
//! cargo run --release -p offhook-media --example load -- music 1000 10
//! cargo run --release -p offhook-media --example load -- memory 2000
//! ```
//!
//! `relay` is PCMU to PCMU, `transcode` PCMU to Opus and back, `record` the first with every call
//! recorded in stereo. Phones are simulated in this process; only the time of the engine's own
//! threads is counted, from `/proc/self/task/*/schedstat`. Of some calls one phone listens on a
//! thread of its own, so that its packets are timed when they come. Loopback and a shared machine:
//! compare figures, do not trust them.

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use offhook_core::recording::{Keys, RecordingStyle};
use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId, RecordingId};
use offhook_media::codec::{Coding, Encoder, EncoderSettings};
use offhook_media::dsp::tone::sine;
use offhook_media::engine::{
    Engine, EngineConfig, EngineEvents, RecordSpec, RemoteMedia, SoundBank, Source,
};
use offhook_media::rtp::{HEADER_LEN, RtpHeader};
use offhook_media::time::{Rate, RtpTime};

type Failure = Box<dyn Error>;

/// Calls whose packets are timed.
const WATCHED: u32 = 8;

/// A phone without packets for so long has heard the last of them.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |index: usize, default: u32| {
        let argument = arguments.get(index).and_then(|text| text.parse().ok());
        argument.unwrap_or(default)
    };
    let (count, seconds, shards) = (number(2, 500), number(3, 10), number(4, 0));
    match arguments.get(1).map(String::as_str) {
        Some("relay") => calls(Codec::Pcmu, count, seconds, shards, false),
        Some("transcode") => calls(Codec::Opus, count, seconds, shards, false),
        Some("record") => calls(Codec::Pcmu, count, seconds, shards, true),
        Some("music") => music(count, seconds, shards),
        Some("memory") => memory(count),
        _ => {
            Err("say relay, transcode, record, music or memory, how many, and for how long".into())
        }
    }
}

fn start(shards: u32) -> Result<(Engine, EngineEvents), Failure> {
    let mut bank = SoundBank::new();
    bank.set_music_pcm("default", &[1000; 80_000]);
    let config = EngineConfig {
        shards: shards as usize,
        ports: 10_000..=29_999,
        recordings: std::env::temp_dir().join("offhook-load"),
        ..EngineConfig::default()
    };
    Ok(Engine::start(config, bank, Arc::new(|| {}))?)
}

/// A second of sound as packets of 20 ms.
fn payloads(codec: Codec) -> Result<Vec<Vec<u8>>, Failure> {
    let coding = Coding::of(codec).ok_or("the engine does not know the codec")?;
    let mut encoder = Encoder::new(coding, Rate::Narrow, &EncoderSettings::default())?;
    let (low, high) = (sine(180.0, 8000, 6000.0), sine(1170.0, 8000, 3000.0));
    let pcm: Vec<i16> = low
        .iter()
        .zip(&high)
        .map(|(low, high)| low + high)
        .collect();
    let mut made = Vec::new();
    for frame in pcm.chunks_exact(160) {
        let mut payload = vec![0; 1500];
        let length = encoder.encode(frame, &mut payload)?;
        payload.truncate(length);
        made.push(payload);
    }
    Ok(made)
}

struct Phone {
    socket: UdpSocket,
    header: RtpHeader,
    units: u32,
    said: usize,
    received: u32,
    started: Instant,
}

impl Phone {
    fn new(engine: &Engine, leg: LegId, codec: Codec, started: Instant) -> Result<Self, Failure> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let port = engine.add_leg(leg)?;
        engine.set_remote(leg, remote(socket.local_addr()?, codec));
        socket.connect(port.rtp)?;
        let header = RtpHeader {
            marker: false,
            payload_type: codec.payload_type(),
            sequence: 0,
            time: RtpTime(0),
            ssrc: leg.number,
        };
        Ok(Self {
            socket,
            header,
            units: codec.clock_rate() / 50,
            said: 0,
            received: 0,
            started,
        })
    }

    fn says(&mut self, payloads: &[Vec<u8>], stamped: bool) -> std::io::Result<()> {
        let mut packet = self.header.to_bytes().to_vec();
        packet.extend(&payloads[self.said % payloads.len()]);
        if stamped {
            let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(0);
            packet[HEADER_LEN..HEADER_LEN + 8].copy_from_slice(&now.to_be_bytes());
        }
        self.said += 1;
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.time = self.header.time.plus(self.units);
        self.socket.send(&packet).map(|_| ())
    }

    fn listens(&mut self) {
        while self.socket.recv(&mut [0; 2048]).is_ok() {
            self.received += 1;
        }
    }

    /// Listens on a thread of its own until nothing comes any more.
    fn watched(&self) -> Result<JoinHandle<Timed>, Failure> {
        let socket = self.socket.try_clone()?;
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let started = self.started;
        let listen = move || {
            let mut timed = Timed::default();
            let mut last = None;
            let mut buffer = [0; 2048];
            while let Ok(length) = socket.recv(&mut buffer) {
                let at = started.elapsed();
                let sent = buffer.get(HEADER_LEN..HEADER_LEN + 8);
                let sent: Option<[u8; 8]> = sent.and_then(|bytes| bytes.try_into().ok());
                let sent = Duration::from_nanos(sent.map_or(0, u64::from_be_bytes));
                // What is not relayed carries no time of ours.
                timed
                    .delays
                    .extend(at.checked_sub(sent).filter(|delay| *delay < PATIENCE));
                if let Some(last) = last.replace(at) {
                    timed
                        .gaps
                        .push((at - last).abs_diff(Duration::from_millis(20)));
                }
                timed.received += 1;
                debug_assert!(length > HEADER_LEN);
            }
            timed
        };
        Ok(std::thread::spawn(listen))
    }
}

/// What a watched phone saw.
#[derive(Default)]
struct Timed {
    received: u32,
    delays: Vec<Duration>,
    /// How far from 20 ms the times between two packets are.
    gaps: Vec<Duration>,
}

fn remote(rtp: SocketAddr, codec: Codec) -> RemoteMedia {
    RemoteMedia {
        rtcp: SocketAddr::new(rtp.ip(), 9),
        ..RemoteMedia::new(rtp, codec).with_events(101)
    }
}

/// Calls of a PCMU phone with one of this codec.
fn calls(
    codec: Codec,
    calls: u32,
    seconds: u32,
    shards: u32,
    recorded: bool,
) -> Result<(), Failure> {
    let (engine, _events) = start(shards)?;
    let before_calls = resident()?;
    let started = now();
    let said = [payloads(Codec::Pcmu)?, payloads(codec)?];
    let (mut phones, mut watched) = (Vec::new(), Vec::new());
    for n in 0..calls {
        let call = CallId::random();
        let (a, b) = (LegId::new(call, 0), LegId::new(call, 1));
        phones.push(Phone::new(&engine, a, Codec::Pcmu, started)?);
        let other = Phone::new(&engine, b, codec, started)?;
        if n < WATCHED {
            watched.push(other.watched()?);
        }
        phones.push(other);
        engine.bridge(a, b);
        if recorded {
            let recording = RecordingId::random();
            engine.record(&RecordSpec {
                recording,
                left: a,
                right: Some(b),
                style: RecordingStyle::default(),
                keys: Keys::Kept,
                seal: None,
                file: format!("{recording}.wav"),
            });
        }
    }
    let stamped = codec == Codec::Pcmu;
    let run = |phones: &mut Vec<Phone>, seconds: u32| -> Result<(), Failure> {
        let start = now();
        for slot in 0..seconds * 1000 {
            wait_until(start + Duration::from_millis(1) * slot)?;
            let turn = slot as usize % 20;
            for (n, phone) in phones.iter_mut().enumerate().skip(turn).step_by(20) {
                phone.says(&said[n % 2], stamped)?;
            }
            let listening = phones.iter_mut().enumerate().skip((turn + 10) % 20);
            for (n, phone) in listening.step_by(20) {
                if n % 2 == 0 || n >= 2 * WATCHED as usize {
                    phone.listens();
                }
            }
        }
        Ok(())
    };
    run(&mut phones, 2)?;
    let memory = resident()?.saturating_sub(before_calls) * 1024 / u64::from(calls);
    let before = cpu()?;
    run(&mut phones, seconds)?;
    let used = cpu()? - before;
    report("call", calls, seconds, used);
    println!("  {memory} bytes of resident memory each, phones and payloads included");
    println!("  {:?}", engine.stats());
    let mut all = Timed::default();
    for thread in watched {
        let timed = thread.join().map_err(|_| "a listening phone panicked")?;
        all.received += timed.received;
        all.delays.extend(timed.delays);
        all.gaps.extend(timed.gaps);
    }
    let others: u64 = phones.iter().map(|phone| u64::from(phone.received)).sum();
    let sent = u64::from(calls) * 2 * 50 * u64::from(seconds + 2);
    println!(
        "  {} of {sent} packets arrived",
        others + u64::from(all.received)
    );
    if stamped {
        println!("  delay from phone to phone: {}", spread(all.delays));
    }
    println!("  deviation from 20 ms: {}", spread(all.gaps));
    engine.shutdown();
    Ok(())
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).copied();
    let (half, most) = (at(500).unwrap_or_default(), at(990).unwrap_or_default());
    format!("p50 {half:?}, p99 {most:?} of {}", times.len())
}

fn music(listeners: u32, seconds: u32, shards: u32) -> Result<(), Failure> {
    let (engine, _events) = start(shards)?;
    let started = now();
    let mut phones = Vec::new();
    for _ in 0..listeners {
        let leg = LegId::new(CallId::random(), 0);
        phones.push(Phone::new(&engine, leg, Codec::Pcmu, started)?);
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
        engine.set_remote(
            leg,
            remote(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)), Codec::Pcmu),
        );
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
        if fs::read_to_string(path.join("comm"))?
            .trim()
            .starts_with("offhook-")
        {
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
