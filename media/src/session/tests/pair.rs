//! Two bridged legs with a phone each, on made-up time: what the engine does with them, without its
//! sockets.

use std::time::{Duration, Instant};

use offhook_core::sdp::Codec;

use super::*;
use crate::codec::{Coding, Decoder, Encoder, EncoderSettings};
use crate::dsp::tone::sine;
use crate::rtp::{ClockRate, TelephoneEvent};
use crate::time::Rate;

/// A step of the simulated time.
const STEP: Duration = Duration::from_millis(10);

/// A phone: says a tone, and keeps what it hears on its own time line.
pub(super) struct Phone {
    pub(super) codec: Codec,
    coding: Coding,
    pub(super) rate: Rate,
    pub(super) milliseconds: u32,
    encoder: Encoder,
    decoder: Decoder,
    pub(super) hertz: f64,
    /// Whether it says anything.
    pub(super) talks: bool,
    samples: usize,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) time: u32,
    /// Whether the network loses its packet number so and so.
    pub(super) loses: fn(u32) -> bool,
    sent: u32,
    pub(super) heard: Vec<i16>,
    pub(super) headers: Vec<RtpHeader>,
    /// How long each packet heard was.
    pub(super) lengths: Vec<Duration>,
    pub(super) events: Vec<TelephoneEvent>,
}

impl Phone {
    pub(super) fn new(codec: Codec, milliseconds: u32, hertz: f64) -> Self {
        let coding = Coding::of(codec).unwrap();
        let rate = coding.native_rate(Rate::Wide);
        Self {
            codec,
            coding,
            rate,
            milliseconds: coding.packet_milliseconds(milliseconds),
            encoder: Encoder::new(coding, rate, &EncoderSettings::default()).unwrap(),
            decoder: Decoder::new(coding, rate).unwrap(),
            hertz,
            talks: true,
            samples: 0,
            ssrc: 0xBBBB,
            sequence: 65_500,
            time: u32::MAX - 20_000,
            loses: |_| false,
            sent: 0,
            heard: Vec::new(),
            headers: Vec::new(),
            lengths: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn remote(&self) -> RemoteMedia {
        RemoteMedia {
            ptime: Duration::from_millis(self.milliseconds.into()),
            ..RemoteMedia::new(far_end(), self.codec).with_events(101)
        }
    }

    fn clock(&self) -> ClockRate {
        ClockRate::new(self.coding.clock_rate())
    }

    /// What it sends in this step, if its packet is full then.
    fn says(&mut self, step: u32) -> Option<Vec<u8>> {
        if !(step * 10).is_multiple_of(self.milliseconds) {
            return None;
        }
        let count = self.milliseconds as usize * self.rate.per_millisecond();
        let hertz = self.hertz * 8000.0 / f64::from(self.rate.hertz());
        let pcm = sine(hertz, self.samples + count, 8000.0);
        let mut payload = [0; MAX_PAYLOAD];
        let length = self
            .encoder
            .encode(&pcm[self.samples..], &mut payload)
            .unwrap();
        self.samples += count;
        let payload_type = self.codec.payload_type();
        let packet = self
            .talks
            .then(|| self.packet(payload_type, &payload[..length]));
        let length = Duration::from_millis(self.milliseconds.into());
        self.time = self.time.wrapping_add(self.clock().units(length));
        self.sent += 1;
        packet.filter(|_| !(self.loses)(self.sent))
    }

    /// Its next packet.
    pub(super) fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let header = RtpHeader {
            marker: false,
            payload_type,
            sequence: self.sequence,
            time: RtpTime(self.time),
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        [&header.to_bytes()[..], payload].concat()
    }

    fn hears(&mut self, datagram: &[u8]) {
        let (header, payload) = parsed(datagram);
        self.headers.push(header);
        if header.payload_type == 101 {
            self.events.push(TelephoneEvent::parse(&payload).unwrap());
            return;
        }
        assert_eq!(header.payload_type, self.codec.payload_type());
        let units = self.coding.duration(&payload).unwrap();
        self.lengths.push(self.clock().duration(units.into()));
        let mut pcm = [0; 5760];
        let count = self.decoder.decode(&payload, &mut pcm).unwrap();
        self.heard.extend(&pcm[..count]);
    }

    /// The share of this tone in what was heard after the first `skip` of it, and its level in dB
    /// against what the other phone says.
    pub(super) fn tone(&self, hertz: f64, skip: Duration) -> (f64, f64) {
        let skip = self.rate.hertz() as usize * usize::try_from(skip.as_millis()).unwrap() / 1000;
        let heard = &self.heard[skip.min(self.heard.len())..];
        assert!(heard.len() > 4000, "{} samples were heard", heard.len());
        let scaled = hertz * 8000.0 / f64::from(self.rate.hertz());
        let power = heard.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
        let level = 10.0 * (power / heard.len() as f64 / (8000.0f64.powi(2) / 2.0)).log10();
        (Goertzel::new(scaled).share(heard), level)
    }
}

/// Two legs bridged to each other.
pub(super) struct Pair {
    pub(super) legs: [MediaSession; 2],
    pub(super) phones: [Phone; 2],
    step: u32,
    /// Packets on their way to a leg: when they arrive, at which, and what is in them.
    under_way: Vec<(Instant, usize, Vec<u8>)>,
    pub(super) told: [Vec<SessionEvent>; 2],
    /// How much longer than nothing a packet of each phone takes.
    pub(super) delay: fn(u32) -> Duration,
}

impl Pair {
    pub(super) fn new(a: Phone, b: Phone) -> Self {
        let mut legs = [session(), session()];
        for (leg, phone) in legs.iter_mut().zip([&a, &b]) {
            leg.set_remote(epoch(), phone.remote()).unwrap();
            leg.set_background(Background::Bridge);
        }
        let mut pair = Self {
            legs,
            phones: [a, b],
            step: 0,
            under_way: Vec::new(),
            told: [Vec::new(), Vec::new()],
            delay: |_| Duration::ZERO,
        };
        pair.fit();
        pair
    }

    pub(super) fn now(&self) -> Instant {
        epoch() + STEP * self.step
    }

    /// A phone speaks another codec from now on, as a re-INVITE would have it.
    pub(super) fn recode(&mut self, which: usize, phone: Phone) {
        let now = self.now();
        let old = std::mem::replace(&mut self.phones[which], phone);
        let new = &mut self.phones[which];
        new.headers = old.headers;
        new.sequence = old.sequence;
        self.legs[which].set_remote(now, new.remote()).unwrap();
        self.fit();
    }

    /// Lets so much time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let steps = u32::try_from(time.as_millis() / STEP.as_millis()).unwrap();
        for _ in 0..steps {
            let now = self.now();
            for which in [0, 1] {
                let delay = (self.delay)(self.step + u32::try_from(which).unwrap());
                if let Some(packet) = self.phones[which].says(self.step) {
                    self.under_way.push((now + delay, which, packet));
                }
            }
            let all = std::mem::take(&mut self.under_way);
            let (here, later) = all.into_iter().partition(|(at, ..)| *at <= now);
            self.under_way = later;
            for (_, which, packet) in here {
                self.deliver(which, packet);
            }
            if self.step.is_multiple_of(2) {
                self.tick(0);
                self.tick(1);
            }
            self.step += 1;
        }
    }

    /// A packet of a phone arrives at its leg, and what comes of it at the other phone.
    pub(super) fn deliver(&mut self, which: usize, mut packet: Vec<u8>) {
        let now = self.now();
        let Ok(received) = self.legs[which].receive(now, far_end(), &mut packet) else {
            return;
        };
        self.tell(which);
        let payload = &packet[received.payload.clone()];
        let mut out = [0; PACKET_LEN];
        let other = &mut self.legs[1 - which];
        let mut relayed = other
            .relay(now, &received, payload, &mut out)
            .unwrap_or(None);
        while let Some(length) = relayed {
            self.phones[1 - which].hears(&out[..length]);
            relayed = other.relay_more(now, &mut out);
        }
    }

    fn tick(&mut self, which: usize) {
        let now = self.now();
        let tick = u64::from(self.step / 2);
        let mut pcm = [0; 960];
        let spoken = match self.legs[which].linked() {
            Link::Relay | Link::Recut => None,
            Link::Transcode(rate) => {
                let pcm = &mut pcm[..rate.frame_samples()];
                let heard = self.legs[1 - which].pull(now, pcm);
                Some(Spoken { pcm, rate, heard })
            }
        };
        let mut out = [0; PACKET_LEN];
        let leg = &mut self.legs[which];
        if leg.poll_timeout().is_some_and(|due| due <= now) {
            leg.handle_timeout(now);
        }
        let mut length = leg
            .needs_wheel()
            .then(|| leg.tick(now, tick, spoken, &mut out))
            .flatten();
        while let Some(packet) = length {
            self.phones[which].hears(&out[..packet]);
            length = leg.more(now, &mut out);
        }
        self.tell(which);
    }

    fn tell(&mut self, which: usize) {
        while let Some(event) = self.legs[which].poll_event() {
            let [a, b] = &mut self.legs;
            let other = if which == 0 { b } else { a };
            match event {
                SessionEvent::Repacked => self.fit(),
                SessionEvent::Pressed(key, by) => other.follow_key(Some(key), by),
                SessionEvent::Released(by) => other.follow_key(None, by),
                _ => {}
            }
            self.told[which].push(event);
        }
    }

    pub(super) fn fit(&mut self) {
        let [a, b] = &mut self.legs;
        b.hear(a);
        a.hear(b);
    }
}
