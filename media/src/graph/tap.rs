//! The tap: copies of what a recorded leg says, on their way to the recorder.

use std::time::Instant;

use offhook_core::RecordingId;
use rtrb::Producer;

use crate::codec::Coding;
use crate::time::RtpTime;

/// Bytes of one piece: 20 ms of G.711, and most packets of Opus.
const PIECE: usize = 160;

/// Most bytes of one packet that is tapped: more than audio ever needs.
const LONGEST: usize = 2048;

/// Which party of a recording a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The caller: the left channel.
    Left,
    /// The agent: the right channel.
    Right,
}

/// What a tapped packet is of.
#[derive(Debug, Clone, Copy)]
pub struct TapHeader {
    /// The recording it is for.
    pub recording: RecordingId,
    /// The party who said it.
    pub side: Side,
    /// When it arrived.
    pub arrived: Instant,
    /// The stream it is of; timestamps of different streams cannot be compared.
    pub stream: (u32, u32),
    /// Its timestamp, in units of the coding's clock.
    pub time: RtpTime,
    /// How it is encoded.
    pub coding: Coding,
}

/// A packet's audio, as it came.
#[derive(Debug, Clone, Copy)]
pub struct TapPacket<'a> {
    /// What it is of.
    pub header: TapHeader,
    /// The audio, still encoded.
    pub payload: &'a [u8],
}

/// A place in the ring: a piece of a packet. The ring has room for many of them, so they are small;
/// what is longer takes several, one behind the other.
#[derive(Debug, Clone)]
pub struct TapFrame {
    header: TapHeader,
    length: u8,
    part: Part,
    payload: [u8; PIECE],
}

/// Which piece of its packet a place of the ring holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Last,
    MoreFollows,
}

impl TapFrame {
    /// When its packet arrived.
    #[must_use]
    pub fn arrived(&self) -> Instant {
        self.header.arrived
    }
}

/// Copies a packet's audio into the ring; false when there is no room for all of it, or nobody could
/// have sent so much.
pub fn tap(ring: &mut Producer<TapFrame>, header: TapHeader, payload: &[u8]) -> bool {
    let pieces = payload.len().div_ceil(PIECE);
    if payload.len() > LONGEST || ring.slots() < pieces {
        return false;
    }
    for (n, piece) in payload.chunks(PIECE).enumerate() {
        let mut frame = TapFrame {
            header,
            length: u8::try_from(piece.len()).unwrap_or(0),
            part: if n + 1 == pieces {
                Part::Last
            } else {
                Part::MoreFollows
            },
            payload: [0; PIECE],
        };
        frame.payload[..piece.len()].copy_from_slice(piece);
        if ring.push(frame).is_err() {
            return false;
        }
    }
    true
}

/// Puts the pieces of one ring together again.
#[derive(Debug)]
pub struct TapReader {
    payload: Vec<u8>,
    /// Whether `payload` is a packet that was given away.
    given: bool,
}

impl Default for TapReader {
    fn default() -> Self {
        Self {
            payload: Vec::with_capacity(LONGEST),
            given: false,
        }
    }
}

impl TapReader {
    /// Takes in the next piece; the packet it completes, if it does.
    pub fn push(&mut self, frame: &TapFrame) -> Option<TapPacket<'_>> {
        if std::mem::take(&mut self.given) {
            self.payload.clear();
        }
        let piece = &frame.payload[..usize::from(frame.length)];
        self.payload.extend_from_slice(piece);
        match frame.part {
            Part::MoreFollows => None,
            Part::Last => {
                self.given = true;
                Some(TapPacket {
                    header: frame.header,
                    payload: &self.payload,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rtrb::RingBuffer;

    use super::*;
    use crate::test_time::epoch;

    fn header() -> TapHeader {
        TapHeader {
            recording: RecordingId::random(),
            side: Side::Left,
            arrived: epoch(),
            stream: (1, 0),
            time: RtpTime(5),
            coding: Coding::Pcmu,
        }
    }

    #[test]
    fn packets_of_any_length_come_out_as_they_went_in() {
        let (mut producer, mut consumer) = RingBuffer::new(64);
        let mut reader = TapReader::default();
        for length in [1, 159, 160, 161, 640, 1275, 2048] {
            let payload: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
            assert!(tap(&mut producer, header(), &payload));
            let mut came = Vec::new();
            while let Ok(frame) = consumer.pop() {
                came.extend(reader.push(&frame).map(|packet| packet.payload.to_vec()));
            }
            assert_eq!(came, [payload]);
        }
    }

    #[test]
    fn a_packet_that_does_not_fit_leaves_no_half() {
        let (mut producer, mut consumer) = RingBuffer::new(3);
        assert!(tap(&mut producer, header(), &[1; 160]));
        assert!(!tap(&mut producer, header(), &[2; 480]));
        assert!(!tap(&mut producer, header(), &[2; 4000]));
        assert!(tap(&mut producer, header(), &[3; 320]));
        let mut reader = TapReader::default();
        let mut came = Vec::new();
        while let Ok(frame) = consumer.pop() {
            came.extend(reader.push(&frame).map(|packet| packet.payload.to_vec()));
        }
        assert_eq!(came, [vec![1; 160], vec![3; 320]]);
    }
}
