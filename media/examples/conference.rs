//! What a conference costs: CPU of the media threads per member, loss, delay, memory.
//!
//! ```text
//! cargo run --release -p offhook-media --example conference -- 100 100 60
//! cargo run --release -p offhook-media --example conference -- 500 5 600 [pcmu|opus] [8|16|48]
//! ```
//!
//! Members, talkers, seconds; then the codec of all, and the rate of the room in kHz. Phones are
//! simulated in this process over loopback; only the time of the media threads is counted, from
//! `/proc/self/task/*/schedstat`. Who does not talk sends nothing, as a muted phone does; with as
//! many talkers as members everybody sends. The first talker says something loud once a second, and
//! how long that takes to the last member is the delay, jitter buffer included.

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId};
use offhook_media::codec::{Coding, Decoder, Encoder, EncoderSettings};
use offhook_media::dsp::tone::sine;
use offhook_media::engine::{
    Engine, EngineConfig, EngineEvent, EngineEvents, RemoteMedia, RoomSettings, SoundBank,
};
use offhook_media::graph::mixer::{MemberSettings, MixerSettings};
use offhook_media::rtp::{HEADER_LEN, Packet, RtpHeader};
use offhook_media::time::{FRAME_SAMPLES, Rate, RtpTime};

type Failure = Box<dyn Error>;

/// From here on a sample is part of what was said loudly.
const LOUD: u16 = 6000;

/// Phones whose packets are timed.
const WATCHED: u32 = 10;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let text = |index: usize| arguments.get(index).map(String::as_str);
    let number = |index: usize, default: u32| {
        let argument = text(index).and_then(|text| text.parse().ok());
        argument.unwrap_or(default)
    };
    let codec = match text(4) {
        None | Some("pcmu") => Codec::Pcmu,
        Some("opus") => Codec::Opus,
        Some(_) => return Err("the codec is pcmu or opus".into()),
    };
    let rate = Rate::of_hertz(number(5, 8) * 1000).ok_or("the rate is 8, 16 or 48")?;
    let members = number(1, 100);
    let mut hall = Hall::open(members, number(2, members).min(members), codec, rate)?;
    // Until all are in, and the jitter buffers know their network.
    hall.run(5)?;
    hall.begin();
    let seconds = number(3, 60);
    let (before, memory) = (cpu()?, resident()?);
    hall.run(seconds)?;
    let used = cpu()? - before;
    hall.report(seconds, used, memory)?;
    hall.engine.shutdown();
    Ok(())
}

/// A conference and its phones.
struct Hall {
    engine: Engine,
    events: EngineEvents,
    phones: Vec<Phone>,
    talkers: usize,
    empty: u64,
    frames: u32,
    /// When something loud was said that was not heard yet.
    said: Option<Instant>,
    delays: Vec<Duration>,
    talk_events: u64,
}

struct Phone {
    socket: UdpSocket,
    header: RtpHeader,
    /// The time a frame takes in the units of the codec's clock.
    units: u32,
    received: u64,
    lost: u64,
    next: Option<u16>,
    /// Times between two packets; of the first few phones, which are enough.
    gaps: Vec<Duration>,
    last: Option<Instant>,
}

impl Hall {
    fn open(members: u32, talkers: u32, codec: Codec, rate: Rate) -> Result<Self, Failure> {
        let config = EngineConfig {
            shards: 1,
            ports: 10_000..=29_999,
            recordings: std::env::temp_dir().join("offhook-load"),
            ..EngineConfig::default()
        };
        let (engine, events) = Engine::start(config, SoundBank::new(), Arc::new(|| {}))?;
        let empty = resident()?;
        let call = CallId::random();
        let mut mixer = MixerSettings::at(rate);
        mixer.members = members as usize;
        engine.open_room(call, &RoomSettings { mixer, music: None });
        let mut phones = Vec::new();
        for number in 0..members {
            let leg = LegId::new(call, number);
            phones.push(Phone::new(&engine, leg, codec)?);
            engine.join_room(leg, MemberSettings::default());
        }
        Ok(Self {
            engine,
            events,
            phones,
            talkers: talkers as usize,
            empty,
            frames: 0,
            said: None,
            delays: Vec::new(),
            talk_events: 0,
        })
    }

    /// Lets the phones talk and listen for so long.
    fn run(&mut self, seconds: u32) -> Result<(), Failure> {
        let codec = self.phones.first().map_or(Coding::Pcmu, Phone::coding);
        let mut speech = Speech::new(codec)?;
        let mut decoder = Decoder::new(codec, Rate::Narrow)?;
        let start = now();
        for slot in 0..seconds * 1000 {
            wait_until(start + Duration::from_millis(1) * slot)?;
            let turn = slot as usize % 20;
            let loud = turn == 0 && self.frames.is_multiple_of(50);
            for (index, phone) in self.phones.iter_mut().enumerate().skip(turn).step_by(20) {
                if index < self.talkers {
                    phone.says(speech.payload(index, loud && index == 0))?;
                }
            }
            if loud {
                self.said = Some(now());
            }
            if turn == 0 {
                self.frames += 1;
                speech.next();
            }
            let listeners = self.phones.len() - 1;
            for phone in self.phones[..listeners]
                .iter_mut()
                .skip((turn + 10) % 20)
                .step_by(20)
            {
                phone.listens(|_| {});
            }
            let (said, delays) = (&mut self.said, &mut self.delays);
            self.phones[listeners].listens(|payload| {
                let mut pcm = [0; FRAME_SAMPLES];
                let heard = decoder.decode(payload, &mut pcm).unwrap_or(0);
                if pcm[..heard]
                    .iter()
                    .any(|sample| sample.unsigned_abs() > LOUD)
                {
                    delays.extend(said.take().map(|said| now() - said));
                }
            });
            while let Some(event) = self.events.pop() {
                let talk = matches!(
                    event,
                    EngineEvent::TalkStarted { .. } | EngineEvent::TalkStopped { .. }
                );
                self.talk_events += u64::from(talk);
                if matches!(
                    event,
                    EngineEvent::CommandRefused { .. } | EngineEvent::LegFailed { .. }
                ) {
                    return Err(format!("{event:?}").into());
                }
            }
        }
        Ok(())
    }

    /// Forgets what was measured while everybody came in.
    fn begin(&mut self) {
        self.delays.clear();
        self.talk_events = 0;
        for phone in &mut self.phones {
            phone.received = 0;
            phone.lost = 0;
            phone.gaps.clear();
        }
    }

    fn report(&mut self, seconds: u32, used: Duration, memory: u64) -> Result<(), Failure> {
        let count = self.phones.len() as u64;
        let share = used.as_secs_f64() / f64::from(seconds) * 100.0;
        let each = share / count as f64;
        println!(
            "{count} members, {} talk: {share:.2} % of a core, {each:.4} % each",
            self.talkers
        );
        let received: u64 = self.phones.iter().map(|phone| phone.received).sum();
        let lost: u64 = self.phones.iter().map(|phone| phone.lost).sum();
        let due = count * 50 * u64::from(seconds);
        println!("  {received} packets of {due} came, {lost} are missing by their numbers");
        let mut gaps: Vec<Duration> = self.phones.iter().flat_map(|p| p.gaps.clone()).collect();
        gaps.iter_mut()
            .for_each(|gap| *gap = gap.abs_diff(Duration::from_millis(20)));
        println!(
            "  time between packets, off 20 ms: {}",
            Quantiles::of(&mut gaps)
        );
        println!(
            "  delay of {} words: {}",
            self.delays.len(),
            Quantiles::of(&mut self.delays)
        );
        let end = resident()?;
        let each = memory.saturating_sub(self.empty) / count;
        println!("  memory: {each} KB each; {memory} KB at the start, {end} KB at the end");
        println!("  {} began or ended to talk", self.talk_events);
        println!("  {:?}", self.engine.stats());
        Ok(())
    }
}

impl Phone {
    fn new(engine: &Engine, leg: LegId, codec: Codec) -> Result<Self, Failure> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let port = engine.add_leg(leg)?;
        let address: SocketAddr = socket.local_addr()?;
        engine.set_remote(leg, RemoteMedia::new(address, codec));
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
            received: 0,
            lost: 0,
            next: None,
            gaps: Vec::new(),
            last: None,
        })
    }

    fn coding(&self) -> Coding {
        if self.header.payload_type == 0 {
            Coding::Pcmu
        } else {
            Coding::Opus
        }
    }

    fn says(&mut self, payload: &[u8]) -> std::io::Result<()> {
        let mut packet = [0; 1500];
        packet[..HEADER_LEN].copy_from_slice(&self.header.to_bytes());
        packet[HEADER_LEN..HEADER_LEN + payload.len()].copy_from_slice(payload);
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.time = self.header.time.plus(self.units);
        self.socket.send(&packet[..HEADER_LEN + payload.len()])?;
        Ok(())
    }

    fn listens(&mut self, mut hears: impl FnMut(&[u8])) {
        let mut buffer = [0; 1500];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let Ok(packet) = Packet::parse(&buffer[..length]) else {
                continue;
            };
            self.received += 1;
            let sequence = packet.header.sequence;
            if let Some(next) = self.next.replace(sequence.wrapping_add(1)) {
                self.lost += u64::from(sequence.wrapping_sub(next));
            }
            let at = now();
            if let Some(last) = self.last.replace(at)
                && self.header.ssrc < WATCHED
            {
                self.gaps.push(at - last);
            }
            hears(&buffer[packet.payload]);
        }
    }
}

/// What the talkers say: eight tones, and one of them loudly.
struct Speech {
    voices: Vec<Voice>,
    frame: usize,
}

struct Voice {
    encoder: Encoder,
    pcm: Vec<i16>,
    payload: Vec<u8>,
    length: usize,
    /// The frame it is of.
    frame: Option<usize>,
}

impl Speech {
    fn new(coding: Coding) -> Result<Self, Failure> {
        let tones = [(440.0, 30_000.0)].into_iter();
        let quiet = (0..8).map(|n| (300.0 + 100.0 * f64::from(n), 1000.0));
        let voice = |(hertz, peak)| -> Result<Voice, Failure> {
            Ok(Voice {
                encoder: Encoder::new(coding, Rate::Narrow, &EncoderSettings::default())?,
                pcm: sine(hertz, 8000, peak),
                payload: vec![0; 1275],
                length: 0,
                frame: None,
            })
        };
        let voices: Result<Vec<Voice>, Failure> = tones.chain(quiet).map(voice).collect();
        Ok(Self {
            voices: voices?,
            frame: 0,
        })
    }

    fn next(&mut self) {
        self.frame += 1;
    }

    fn payload(&mut self, talker: usize, loud: bool) -> &[u8] {
        let frame = self.frame;
        let voice = &mut self.voices[if loud { 0 } else { 1 + talker % 8 }];
        if voice.frame != Some(frame) {
            voice.frame = Some(frame);
            let pcm = &voice.pcm[frame % 50 * FRAME_SAMPLES..][..FRAME_SAMPLES];
            voice.length = voice.encoder.encode(pcm, &mut voice.payload).unwrap_or(0);
        }
        &voice.payload[..voice.length]
    }
}

/// Some of many durations, in milliseconds.
struct Quantiles([f64; 3]);

impl Quantiles {
    fn of(durations: &mut [Duration]) -> Self {
        durations.sort_unstable();
        let at = |share: usize| {
            let index = durations.len().saturating_sub(1) * share / 100;
            durations.get(index).map_or(0.0, Duration::as_secs_f64) * 1000.0
        };
        Self([50, 99, 100].map(at))
    }
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [median, high, most] = self.0;
        write!(
            f,
            "{median:.2} ms median, {high:.2} ms p99, {most:.2} ms at most"
        )
    }
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
