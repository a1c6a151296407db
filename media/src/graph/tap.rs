//! The tap: copies of what a recorded leg says, on their way to the recorder.

use std::time::Instant;

use offhook_core::RecordingId;
use rtrb::Producer;

use crate::codec::Coding;
use crate::time::{FRAME_SAMPLES, RtpTime};

/// Which party of a recording a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The caller: the left channel.
    Left,
    /// The agent: the right channel.
    Right,
}

/// A copy of at most one frame of audio, as it came.
#[derive(Debug, Clone)]
pub struct TapFrame {
    /// The recording it is for.
    pub recording: RecordingId,
    /// The party who said it.
    pub side: Side,
    /// When it arrived.
    pub arrived: Instant,
    /// The stream it is of; timestamps of different streams cannot be compared.
    pub stream: (u32, u32),
    /// Its timestamp.
    pub time: RtpTime,
    /// How it is encoded.
    pub coding: Coding,
    length: u8,
    payload: [u8; FRAME_SAMPLES],
}

impl TapFrame {
    /// The audio, still encoded.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload[..usize::from(self.length)]
    }
}

/// What all frames of one packet have in common.
#[derive(Debug, Clone, Copy)]
pub struct TapHeader {
    /// The recording it is for.
    pub recording: RecordingId,
    /// The party who said it.
    pub side: Side,
    /// When it arrived.
    pub arrived: Instant,
    /// The stream it is of.
    pub stream: (u32, u32),
    /// Its timestamp.
    pub time: RtpTime,
    /// How it is encoded.
    pub coding: Coding,
}

/// Copies a packet's audio into the ring, in pieces of a frame; false when some found no room.
pub fn tap(ring: &mut Producer<TapFrame>, header: TapHeader, payload: &[u8]) -> bool {
    let mut time = header.time;
    let mut all = true;
    for piece in payload.chunks(FRAME_SAMPLES) {
        let mut frame = TapFrame {
            recording: header.recording,
            side: header.side,
            arrived: header.arrived,
            stream: header.stream,
            time,
            coding: header.coding,
            length: u8::try_from(piece.len()).unwrap_or(0),
            payload: [0; FRAME_SAMPLES],
        };
        frame.payload[..piece.len()].copy_from_slice(piece);
        time = time.plus(u32::from(frame.length));
        all &= ring.push(frame).is_ok();
    }
    all
}
