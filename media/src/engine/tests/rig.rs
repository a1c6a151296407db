//! An engine with phones.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::{CryptoSuite, MasterKey, SrtpKeys};
use offhook_core::{CallId, LegId};
use tempfile::TempDir;

use crate::codec::{Coding, Law};
use crate::dsp::goertzel::Goertzel;
use crate::dsp::tone::sine;
use crate::engine::*;
use crate::rtp::{HEADER_LEN, Packet, RtpHeader, TelephoneEvent};
use crate::srtp::{SrtpReceiver, SrtpSender, TRAILER_LEN};
use crate::test_time::epoch;
use crate::time::{FRAME_SAMPLES, RtpTime};

/// Long enough for a machine that builds something else at the same time.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Rig {
    pub(super) engine: Engine,
    pub(super) call: CallId,
    pub(super) folder: TempDir,
    events: EngineEvents,
    wake: Receiver<()>,
    waiting: Vec<EngineEvent>,
    legs: u32,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(|_| {}, SoundBank::new())
    }

    pub(super) fn with(change: impl FnOnce(&mut EngineConfig), bank: SoundBank) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = EngineConfig {
            shards: 2,
            recordings: folder.path().to_owned(),
            ..EngineConfig::default()
        };
        change(&mut config);
        let (signal, wake) = sync_channel(1);
        let wake_up = Arc::new(move || {
            // Full is as good: the reader has yet to come.
            signal.try_send(()).ok();
        });
        let (engine, events) = Engine::start(config, bank, wake_up).unwrap();
        Self {
            engine,
            call: CallId::random(),
            folder,
            events,
            wake,
            waiting: Vec::new(),
            legs: 0,
        }
    }

    /// A leg with a phone at its far end, ready to talk.
    pub(super) fn phone(&mut self, codec: Codec) -> Phone {
        let phone = self.silent_phone(codec);
        self.engine.set_remote(phone.leg, phone.remote());
        phone
    }

    /// A leg that does not know its phone yet.
    pub(super) fn silent_phone(&mut self, codec: Codec) -> Phone {
        let leg = LegId::new(self.call, self.legs);
        self.legs += 1;
        let port = self.engine.add_leg(leg).unwrap();
        Phone::new(leg, port.rtp, codec)
    }

    /// The next event that `wanted` gives something for; others wait for their turn.
    pub(super) fn wait<T>(&mut self, wanted: impl Fn(&EngineEvent) -> Option<T>) -> T {
        loop {
            let found = self
                .waiting
                .iter()
                .position(|event| wanted(event).is_some());
            if let Some(index) = found {
                let event = self.waiting.remove(index);
                return wanted(&event).unwrap();
            }
            match self.events.pop() {
                Some(event) => self.waiting.push(event),
                None => {
                    let woken = self.wake.recv_timeout(PATIENCE);
                    assert!(woken.is_ok(), "only these came: {:?}", self.waiting);
                }
            }
        }
    }

    /// All that has come and was not waited for.
    pub(super) fn rest(&mut self) -> Vec<EngineEvent> {
        while let Some(event) = self.events.pop() {
            self.waiting.push(event);
        }
        std::mem::take(&mut self.waiting)
    }

    /// The counters, once they are as expected: a shard publishes them at the end of its turn.
    pub(super) fn stats(&mut self, expected: impl Fn(&EngineStats) -> bool) -> EngineStats {
        for _ in 0..1000 {
            let stats = self.engine.stats();
            if expected(&stats) {
                return stats;
            }
            self.settle();
        }
        panic!("{:?}", self.engine.stats());
    }

    /// Waits until packets were dropped for this reason so many times.
    pub(super) fn drops(&mut self, reason: DropReason, count: u64) {
        self.stats(|stats| {
            let shards = stats.shards.iter();
            shards.map(|shard| shard.dropped.of(reason)).sum::<u64>() == count
        });
    }

    /// Waits until all that was commanded is done, by a command whose answer is known.
    pub(super) fn settle(&mut self) {
        let nobody = LegId::new(self.call, u32::MAX);
        self.engine.stop_play(nobody);
        self.wait(|event| match event {
            EngineEvent::CommandRefused { leg, .. } if *leg == nobody => Some(()),
            _ => None,
        });
    }
}

/// A far end.
pub(super) struct Phone {
    pub(super) leg: LegId,
    pub(super) socket: UdpSocket,
    pub(super) engine: SocketAddr,
    pub(super) codec: Codec,
    law: Law,
    ssrc: u32,
    sequence: u16,
    said: usize,
    keys: Option<Keys>,
    /// The last packet it sent, as it travelled.
    pub(super) sent: Vec<u8>,
}

/// Keys as the engine has them, and at work at the far end.
struct Keys {
    agreed: SrtpKeys,
    sender: SrtpSender,
    receiver: RefCell<SrtpReceiver>,
}

impl Phone {
    pub(super) fn new(leg: LegId, engine: SocketAddr, codec: Codec) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            leg,
            socket,
            engine,
            codec,
            // A phone with another codec is told its payloads.
            law: Coding::of(codec).and_then(Coding::law).unwrap_or(Law::Mu),
            ssrc: rand::random(),
            sequence: rand::random(),
            said: 0,
            keys: None,
            sent: Vec::with_capacity(256),
        }
    }

    /// From now on it protects what it sends, and believes only what is protected.
    pub(super) fn takes_keys(&mut self, suite: CryptoSuite) {
        let agreed = SrtpKeys {
            send: MasterKey::random(suite),
            receive: MasterKey::random(suite),
        };
        self.keys = Some(Keys {
            sender: SrtpSender::new(&agreed.receive),
            receiver: RefCell::new(SrtpReceiver::new(&agreed.send)),
            agreed,
        });
    }

    /// From now on it protects nothing.
    pub(super) fn drops_keys(&mut self) {
        self.keys = None;
    }

    pub(super) fn remote(&self) -> RemoteMedia {
        let rtp = self.socket.local_addr().unwrap();
        RemoteMedia {
            srtp: self.keys.as_ref().map(|keys| keys.agreed.clone()),
            ..RemoteMedia::new(rtp, self.codec).with_events(101)
        }
    }

    /// Says the next frame of a tone.
    pub(super) fn says(&mut self, hertz: f64) {
        let pcm = sine(hertz, self.said + FRAME_SAMPLES, 8000.0);
        let mut payload = [0; FRAME_SAMPLES];
        self.law.encode_frame(&pcm[self.said..], &mut payload);
        self.sends(self.codec.payload_type(), &payload);
        self.said += FRAME_SAMPLES;
    }

    /// Says a payload that lasts for so many units of its codec's clock.
    pub(super) fn says_encoded(&mut self, payload: &[u8], units: usize) {
        self.sends(self.codec.payload_type(), payload);
        self.said += units;
    }

    /// Sends one packet, next in its stream.
    pub(super) fn sends(&mut self, payload_type: u8, payload: &[u8]) {
        let header = RtpHeader {
            marker: false,
            payload_type,
            sequence: self.sequence,
            time: RtpTime(u32::try_from(self.said).unwrap()),
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.sent = [&header.to_bytes()[..], payload].concat();
        if let Some(keys) = &mut self.keys {
            let length = self.sent.len();
            self.sent.resize(length + TRAILER_LEN, 0);
            let length = keys.sender.protect_rtp(&mut self.sent, length).unwrap();
            self.sent.truncate(length);
        }
        self.socket.send_to(&self.sent, self.engine).unwrap();
    }

    /// Presses a key: three reports and three ends.
    pub(super) fn presses(&mut self, key: char) {
        self.said += FRAME_SAMPLES;
        for n in 1..=6u16 {
            let event = TelephoneEvent {
                duration: 160 * n.min(4),
                end: n > 3,
                ..TelephoneEvent::of_key(key).unwrap()
            };
            self.sends(101, &event.to_bytes());
        }
    }

    /// The next packet that comes.
    pub(super) fn receives(&self) -> (RtpHeader, Vec<u8>) {
        let mut buffer = [0; 2048];
        let (mut length, from) = self.socket.recv_from(&mut buffer).unwrap();
        assert_eq!(from, self.engine);
        if let Some(keys) = &self.keys {
            let mut receiver = keys.receiver.borrow_mut();
            let opened = receiver.unprotect_rtp(epoch(), &mut buffer[..length]);
            length = opened.unwrap();
        }
        let packet = Packet::parse(&buffer[..length]).unwrap();
        assert_eq!(packet.payload.start, HEADER_LEN);
        (packet.header, buffer[packet.payload].to_vec())
    }

    /// What is heard in so many frames from now on.
    pub(super) fn hears(&self, frames: usize) -> Vec<i16> {
        let mut pcm = Vec::new();
        while pcm.len() < frames * FRAME_SAMPLES {
            let (header, payload) = self.receives();
            assert_eq!(header.payload_type, self.codec.payload_type());
            pcm.extend(payload.iter().map(|byte| self.law.decode(*byte)));
        }
        pcm
    }

    /// Takes all that has come so far without listening.
    pub(super) fn ignores_the_past(&self) {
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv_from(&mut [0; 2048]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
    }

    /// Whether nothing has come; to be asked only when it would have come by now.
    pub(super) fn heard_nothing(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        let nothing = self.socket.recv_from(&mut [0; 2048]).is_err();
        self.socket.set_nonblocking(false).unwrap();
        nothing
    }
}

/// The pace of a real phone, kept by waiting for a packet that never comes.
pub(super) struct Pace {
    socket: UdpSocket,
    next: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self {
            socket,
            next: now(),
        }
    }

    /// Waits until 20 ms after the last time.
    pub(super) fn next_frame(&mut self) {
        self.next += Duration::from_millis(20);
        let left = self.next.saturating_duration_since(now());
        if !left.is_zero() {
            self.socket.set_read_timeout(Some(left)).unwrap();
            assert!(self.socket.recv(&mut [0; 1]).is_err());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "phones keep real time")]
fn now() -> Instant {
    Instant::now()
}

/// Whether the samples are this tone and nothing else.
pub(super) fn is_tone(pcm: &[i16], hertz: f64) -> bool {
    Goertzel::new(hertz).share(pcm) > 0.9
}

/// Whether the samples are silent.
pub(super) fn is_silent(pcm: &[i16]) -> bool {
    pcm.iter().all(|sample| sample.abs() <= 8)
}

/// Lets both talk for so many frames; what each heard from the other's first word on, since until then
/// the engine may have filled the gap with silence.
pub(super) fn talk(
    a: &mut Phone,
    a_says: f64,
    b: &mut Phone,
    b_says: f64,
    frames: usize,
) -> (Vec<i16>, Vec<i16>) {
    let (mut a_heard, mut b_heard) = (Vec::new(), Vec::new());
    for _ in 0..frames {
        a.says(a_says);
        b.says(b_says);
        for (phone, heard) in [(&*b, &mut b_heard), (&*a, &mut a_heard)] {
            let mut frame = phone.hears(1);
            while heard.is_empty() && is_silent(&frame) {
                frame = phone.hears(1);
            }
            heard.extend(frame);
        }
    }
    (a_heard, b_heard)
}
