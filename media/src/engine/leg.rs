//! A leg as its shard keeps it: sockets, media and neighbours.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use offhook_core::{LegId, RecordingId};

use crate::engine::socket::LegSockets;
use crate::graph::tap::Side;
use crate::session::{Coders, MediaSession, StreamSeed};
use crate::time::RtpTime;

/// A leg on its way to its shard.
#[derive(Debug)]
pub(crate) struct NewLeg {
    pub(crate) id: LegId,
    pub(crate) port: u16,
    pub(crate) sockets: LegSockets,
    pub(crate) seed: StreamSeed,
}

impl NewLeg {
    pub(crate) fn new(id: LegId, port: u16, sockets: LegSockets) -> Self {
        let seed = StreamSeed {
            ssrc: rand::random(),
            // From the lower half, so that it does not roll over at once: a far end that missed the
            // packets before that would take the first one's index for another (RFC 3711 section
            // 3.3.1).
            sequence: rand::random::<u16>() >> 1,
            time: RtpTime(rand::random()),
        };
        Self {
            id,
            port,
            sockets,
            seed,
        }
    }
}

/// A leg of a shard.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) port: u16,
    pub(crate) sockets: LegSockets,
    /// Whether the RTP socket is connected, so that the kernel keeps strangers out.
    pub(crate) connected: bool,
    pub(crate) session: MediaSession,
    /// The other side of its bridge.
    pub(crate) partner: Option<usize>,
    /// When its RTP packets are read.
    pub(crate) reading: Reading,
    /// The other side of its bridge while a supervisor listens to both in a room.
    pub(crate) across: Option<usize>,
    /// Its slot of the wheel, while it needs one.
    pub(crate) slot: Option<usize>,
    /// The room it is in.
    pub(crate) room: Option<usize>,
    /// What of its session the counters know already.
    pub(crate) counted: Counted,
    /// The recordings it is part of.
    pub(crate) taps: Vec<LegTap>,
    #[cfg(test)]
    pub(crate) panics: bool,
}

/// When a leg's RTP packets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As they come: somebody may be waiting for them.
    AtOnce,
    /// All that came meanwhile when a frame is made that they are needed for, or now and then with
    /// the leg's own if nobody hears them. Being woken for each of them costs more than reading it.
    WithFrames,
}

/// A recording's part of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LegTap {
    pub(crate) recording: RecordingId,
    pub(crate) side: Side,
    /// What found no room in the ring and the recorder was not told of; none: everything had room.
    missed: Option<Duration>,
}

impl LegTap {
    pub(crate) fn new(recording: RecordingId, side: Side) -> Self {
        Self {
            recording,
            side,
            missed: None,
        }
    }

    /// So much found no room: what the recorder is to be told now. It hears of the first at once, and
    /// of the rest at the end.
    pub(crate) fn miss(&mut self, lasts: Duration) -> Option<Duration> {
        match &mut self.missed {
            None => {
                self.missed = Some(Duration::ZERO);
                Some(lasts)
            }
            Some(missed) => {
                *missed += lasts;
                None
            }
        }
    }

    /// What is left to be told at its end.
    pub(crate) fn untold(&self) -> Option<Duration> {
        self.missed.filter(|missed| !missed.is_zero())
    }
}

/// What the shard's counters know of a leg.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) coders: Coders,
    pub(crate) late: u64,
    pub(crate) concealed_milliseconds: u64,
}

impl Leg {
    /// Sends a packet by RTP.
    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<()> {
        if self.connected {
            self.sockets.rtp.send(packet)?;
        } else if let Some(to) = self.session.destination() {
            self.sockets.rtp.send_to(packet, to)?;
        }
        Ok(())
    }

    /// From now on takes packets from this address only.
    pub(crate) fn connect(&mut self, to: SocketAddr) {
        // Unconnected it works as well: the latch keeps strangers out, only less cheaply.
        self.connected = self.sockets.rtp.connect(to).is_ok();
    }

    /// Takes packets from anywhere again.
    pub(crate) fn disconnect(&mut self) {
        if self.connected && self.sockets.disconnect().is_ok() {
            self.connected = false;
        }
    }
}
