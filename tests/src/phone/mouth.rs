//! The phone's voice: a packet every 20 ms.

use std::collections::VecDeque;
use std::f64::consts::PI;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::audio::{RATE, lock};
use crate::ears;
use crate::g711::Law;

/// Samples in a packet.
const FRAME: u32 = 160;
/// Packets of a pressed key before those that end it, and pause packets after.
const KEY_PACKETS: u16 = 5;
const KEY_ENDS: u16 = 3;
const KEY_PAUSE: u16 = 3;

/// What the phone says, and to whom.
#[derive(Debug)]
pub(crate) struct Voice {
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) said: u64,
    pub(crate) law: Law,
    pub(crate) payload_type: u8,
    pub(crate) events: Option<u8>,
    pub(crate) allowed: bool,
    pub(crate) muted: bool,
    /// How many streams were begun after the first.
    pub(crate) streams: u32,
    pub(crate) tone: Option<(f64, f64)>,
    /// What it says in place of the tone: a payload type, and payloads of one packet each.
    pub(crate) instead: Option<(u8, Vec<Vec<u8>>)>,
    pub(crate) keys: VecDeque<char>,
}

/// Makes packets.
pub(crate) struct Mouth {
    voice: Arc<Mutex<Voice>>,
    sent: watch::Sender<usize>,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    phase: f64,
    key: Option<Key>,
    streams: u32,
}

/// A key being pressed.
struct Key {
    event: u8,
    since: u32,
    packets: u16,
}

impl Mouth {
    pub(crate) fn new(voice: Arc<Mutex<Voice>>, seed: u32, sent: watch::Sender<usize>) -> Self {
        Self {
            voice,
            sent,
            ssrc: seed.wrapping_mul(0x9e37_79b9),
            // Near the top, so that every test of some seconds sees the number wrap.
            sequence: 65_500,
            timestamp: seed.wrapping_mul(0x85eb_ca6b),
            phase: 0.0,
            key: None,
            streams: 0,
        }
    }

    pub(crate) fn speak(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        let voice = Arc::clone(&self.voice);
        let mut voice = lock(&voice);
        self.timestamp = self.timestamp.wrapping_add(FRAME);
        if voice.streams != self.streams {
            self.streams = voice.streams;
            self.ssrc = rand::random();
            self.sequence = rand::random();
            self.timestamp = rand::random();
        }
        let remote = voice.remote?;
        if !voice.allowed || voice.muted {
            return None;
        }
        if self.key.is_none()
            && let Some(key) = voice.keys.pop_front()
        {
            self.key = Some(Key {
                event: event_of(key),
                since: self.timestamp,
                packets: 0,
            });
        }
        voice.said += 1;
        let packet = match voice.events {
            Some(events) if self.key.is_some() => self.key_packet(events),
            Some(_) | None => None,
        };
        Some((packet.unwrap_or_else(|| self.audio_packet(&voice)), remote))
    }

    /// The next packet of the pressed key; `None` in the pause behind it.
    fn key_packet(&mut self, events: u8) -> Option<Vec<u8>> {
        let key = self.key.as_mut()?;
        key.packets += 1;
        let (packets, event, since) = (key.packets, key.event, key.since);
        if packets > KEY_PACKETS + KEY_ENDS {
            if packets == KEY_PACKETS + KEY_ENDS + KEY_PAUSE {
                self.key = None;
                self.sent.send_modify(|sent| *sent += 1);
            }
            return None;
        }
        let last = packets > KEY_PACKETS;
        let duration = packets.min(KEY_PACKETS) * 160;
        let mut payload = vec![event, if last { 0x8a } else { 0x0a }];
        payload.extend(duration.to_be_bytes());
        Some(self.packet(packets == 1, events, since, &payload))
    }

    fn audio_packet(&mut self, voice: &Voice) -> Vec<u8> {
        if let Some((number, payloads)) = &voice.instead {
            let place = usize::try_from(voice.said).unwrap_or(0) % payloads.len().max(1);
            let payload = payloads.get(place).map(Vec::as_slice);
            return self.packet(false, *number, self.timestamp, payload.unwrap_or_default());
        }
        let mut payload = Vec::with_capacity(160);
        for _ in 0..FRAME {
            let sample = voice.tone.map_or(0.0, |(frequency, amplitude)| {
                self.phase = (self.phase + 2.0 * PI * frequency / f64::from(RATE)) % (2.0 * PI);
                self.phase.sin() * amplitude
            });
            payload.push(voice.law.encode(ears::to_sample(sample)));
        }
        self.packet(false, voice.payload_type, self.timestamp, &payload)
    }

    fn packet(&mut self, marker: bool, number: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, number | if marker { 0x80 } else { 0 }];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }
}

fn event_of(key: char) -> u8 {
    let place = "0123456789*#ABCD".find(key.to_ascii_uppercase());
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(16)
}
