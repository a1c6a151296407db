//! One leg: the stream it makes, and what it made of the other's.

use offhook_media::rtp::{HEADER_LEN, Packet, RtpHeader};
use offhook_media::srtp::TRAILER_LEN;
use offhook_media::time::{FRAME_SAMPLES, FRAME_UNITS, RtpTime};

use super::line::{Hears, Line, Says};
use super::mark::Mark;
use super::{FRAME, LegNumber, RtpFigures};
use crate::clock::{self, Nanos};
use crate::socket::{Arrived, Socket};

/// Room for every packet.
pub(super) const ROOM: usize = 1500;

/// PCMU's silence.
const SILENCE: u8 = 0xff;

/// A leg at work.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) line: Line,
    /// Its place on the wheel, while it talks.
    pub(super) slot: Option<usize>,
    ssrc: u32,
    counter: u32,
    /// First, last and number of the other leg's marked packets.
    peer: Option<(u32, u32, u32)>,
    heard: u32,
    /// When the packet before was heard.
    before: Option<Nanos>,
    /// When the packet before was sent.
    said: Option<Nanos>,
}

impl Leg {
    pub(super) fn new(number: LegNumber, line: Line, slot: Option<usize>) -> Self {
        Self {
            line,
            slot,
            ssrc: number ^ 0x5eed_0000,
            counter: 0,
            peer: None,
            heard: 0,
            before: None,
            said: None,
        }
    }

    /// Forgets what it heard.
    pub(super) fn begin(&mut self) {
        (self.peer, self.heard) = (None, 0);
        (self.before, self.said) = (None, None);
    }

    pub(super) fn heard_nothing(&self) -> bool {
        self.heard == 0
    }

    /// Marked packets that are missing.
    pub(super) fn lost(&self) -> u32 {
        self.peer.map_or(0, |(first, last, count)| {
            (last - first + 1).saturating_sub(count)
        })
    }

    /// Sends its next packet.
    pub(super) fn talk(&mut self, socket: &Socket, figures: &mut RtpFigures) {
        let mut buffer = [0; ROOM];
        self.counter = self.counter.wrapping_add(1);
        let (payload_type, units, length) = match &self.line.says {
            Says::Marks => (0, u32::from(FRAME_UNITS), FRAME_SAMPLES),
            Says::Clip(clip) | Says::Word(clip, _) => {
                let (payload, _) = clip.packet(self.place());
                let room = buffer.get_mut(HEADER_LEN..ROOM - TRAILER_LEN);
                let Some(room) = room.and_then(|room| room.get_mut(..payload.len())) else {
                    return;
                };
                room.copy_from_slice(payload);
                (clip.payload_type, clip.units, payload.len())
            }
            Says::Nothing => return,
        };
        let [.., high, low] = self.counter.to_be_bytes();
        let header = RtpHeader {
            marker: false,
            payload_type,
            sequence: u16::from_be_bytes([high, low]),
            time: RtpTime(self.counter.wrapping_mul(units)),
            ssrc: self.ssrc,
        };
        buffer[..HEADER_LEN].copy_from_slice(&header.to_bytes());
        let now = clock::now();
        match &self.line.says {
            Says::Marks => {
                let payload = &mut buffer[HEADER_LEN..HEADER_LEN + length];
                payload.fill(SILENCE);
                let mark = Mark {
                    call: self.line.call,
                    counter: self.counter,
                    sent_at: now,
                };
                mark.write(payload);
            }
            Says::Word(clip, word) if clip.packet(self.place()).1 => word.say(now),
            Says::Word(..) | Says::Clip(_) | Says::Nothing => {}
        }
        let mut length = HEADER_LEN + length;
        if let Some(keys) = &mut self.line.keys {
            let Some(protected) = keys.protect(&mut buffer, length) else {
                return;
            };
            length = protected;
        }
        let sent = u64::from(socket.send(&buffer[..length], self.line.to));
        figures.sent += sent;
        figures.sent_ever += sent;
        if let Some(said) = self.said.replace(now) {
            figures.pace.push(now.saturating_sub(said).abs_diff(FRAME));
        }
    }

    /// Where in its clip it is: legs say the same, but not at the same time.
    fn place(&self) -> usize {
        let begun = self.ssrc.wrapping_mul(7) & 0xffff;
        usize::try_from(begun.wrapping_add(self.counter)).unwrap_or(0)
    }

    /// Takes a packet that came for it.
    pub(super) fn listen(&mut self, packet: &mut [u8], arrived: Arrived, figures: &mut RtpFigures) {
        figures.heard += 1;
        self.heard += 1;
        if let Some(before) = self.before.replace(arrived.at) {
            let gap = arrived.at.saturating_sub(before);
            figures.unevenness.push(gap.abs_diff(FRAME));
        }
        let opened = match &mut self.line.keys {
            Some(keys) => keys.open(packet),
            None => Some(packet.len()),
        };
        let Some(length) = opened else {
            figures.forged += 1;
            return;
        };
        let payload = Packet::parse(&packet[..length]).map(|parsed| parsed.payload);
        let payload = payload.ok().and_then(|payload| packet.get(payload));
        let payload = payload.unwrap_or_default();
        if let Hears::Word(ear) = &mut self.line.hears
            && let Some(delay) = ear.hear(payload, arrived.at)
        {
            figures.words.push(delay);
        }
        let Some(mark) = Mark::of(payload) else {
            return;
        };
        if mark.call != self.line.call {
            figures.crossed += 1;
            return;
        }
        figures.delays.push(arrived.at.saturating_sub(mark.sent_at));
        let (_, last, count) = self.peer.get_or_insert((mark.counter, mark.counter, 0));
        *last = mark.counter.max(*last);
        *count += 1;
    }
}
