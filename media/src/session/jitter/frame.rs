//! What goes into the jitter buffer, and what comes out of it.

use crate::codec::Coding;
use crate::time::RtpTime;

/// One packet with sound, as it came.
#[derive(Debug, Clone, Copy)]
pub struct AudioPacket<'a> {
    /// Its sequence number, extended so that it does not wrap.
    pub sequence: u32,
    /// Its timestamp.
    pub time: RtpTime,
    /// How long it lasts, in units of the codec's RTP clock.
    pub units: u32,
    /// How its payload is coded.
    pub coding: Coding,
    /// Of how much sound before its own it holds a copy, in units; mostly none.
    pub copied: u32,
    /// Its payload.
    pub payload: &'a [u8],
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits for its turn.
    Kept,
    /// Its turn was over.
    Late,
    /// It is there already.
    Duplicate,
    /// It is longer than any packet that is played, or lasts no time.
    Unusable,
}

/// What to play next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JitterFrame<'a> {
    /// Decode this.
    Packet {
        /// The payload.
        payload: &'a [u8],
        /// How it is coded.
        coding: Coding,
        /// What to do about the wait with the sound it decodes to.
        pace: Pace,
        /// How its sound joins what was played before.
        joint: Joint,
    },
    /// Make something up: a packet is missing, or late.
    Lost {
        /// For how long, in units, a multiple of 2.5 ms: 20 ms or less, and as much as a packet holds
        /// where a copy is at hand.
        units: u32,
        /// The packet that follows at once, if it is there and holds a copy of what is missing.
        next: Option<&'a [u8]>,
    },
    /// The far end says that it is silent from here on, and how that sounds (RFC 3389): no time
    /// passes with it.
    Noise(&'a [u8]),
    /// Nothing: the far end says nothing, or its first packets still have to wait.
    Silence,
}

/// How a packet's sound joins what was played before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// It goes on from it.
    Seamless,
    /// Sound between the two was passed over.
    Cut,
}

/// What to do about the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It is right.
    Keep,
    /// Packets wait too short: add sound.
    Grow,
    /// Packets wait too long: take sound out, at most so many units.
    Shrink {
        /// The most that can be spared.
        most: u32,
    },
}
