//! Encoding sounds when a coding is first wanted: work for a thread that nobody waits for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;

use crate::codec::{Coding, Encoder, EncoderSettings};
use crate::graph::sound::{OnDemand, Packets, Sound};
use crate::time::Rate;

/// Longest payload of a frame: Opus at its highest rate (RFC 6716 section 3.2.1).
const MAX_PACKET: usize = 1275;

/// A sound that is wanted in a coding it does not have.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) sound: Arc<Sound>,
    pub(crate) kind: OnDemand,
}

/// Where a bank's sounds order their encodings, until somebody takes the orders.
#[derive(Debug, Clone)]
pub(crate) struct OrderBook {
    sender: Sender<Order>,
    receiver: Arc<Mutex<Option<Receiver<Order>>>>,
}

impl Default for OrderBook {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self {
            sender,
            receiver: Arc::new(Mutex::new(Some(receiver))),
        }
    }
}

impl OrderBook {
    pub(crate) fn sender(&self) -> &Sender<Order> {
        &self.sender
    }

    /// What is ordered comes out here; to the first who asks.
    pub(crate) fn take(&self) -> Option<Receiver<Order>> {
        self.receiver.lock().take()
    }
}

/// Encoders that go on from one sound to the next: pieces of one stream.
#[derive(Default)]
pub(crate) struct Encoders {
    g722: Option<Encoder>,
    opus: Option<Encoder>,
}

impl Encoders {
    /// Encodes sounds that follow each other in the codings that are wanted of any of them, where
    /// they are not encoded yet.
    pub(crate) fn encode_wanted(&mut self, pieces: &VecDeque<Arc<Sound>>) {
        for kind in OnDemand::ALL {
            if !pieces.iter().any(|sound| sound.is_wanted(kind)) {
                continue;
            }
            let encoder = match kind {
                OnDemand::G722 => &mut self.g722,
                OnDemand::Opus => &mut self.opus,
            };
            if encoder.is_none() {
                *encoder = kind.encoder();
            }
            let Some(encoder) = encoder else { continue };
            for sound in pieces.iter().filter(|sound| !sound.has(kind)) {
                let (mut bytes, mut ends) = (Vec::new(), Vec::new());
                for index in 0..sound.frames() {
                    append(encoder, sound.wide_frame(index), &mut bytes, &mut ends);
                }
                sound.keep(kind, Packets::new(bytes, ends));
            }
        }
    }
}

impl std::fmt::Debug for Encoders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoders").finish_non_exhaustive()
    }
}

impl OnDemand {
    fn encoder(self) -> Option<Encoder> {
        let coding = match self {
            Self::G722 => Coding::G722,
            Self::Opus => Coding::Opus,
        };
        Encoder::new(coding, Rate::Wide, &EncoderSettings::default()).ok()
    }
}

/// Encodes a frame and notes where it ends. What cannot be encoded is a gap of a frame.
fn append(encoder: &mut Encoder, pcm: &[i16], bytes: &mut Vec<u8>, ends: &mut Vec<u32>) {
    let mut packet = [0; MAX_PACKET];
    let length = encoder.encode(pcm, &mut packet).unwrap_or(0);
    bytes.extend_from_slice(&packet[..length]);
    ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
}

/// An order being carried out.
pub(crate) struct EncodeJob {
    sound: Arc<Sound>,
    kind: OnDemand,
    encoder: Encoder,
    next: usize,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl EncodeJob {
    /// `None` when there is no encoder to be had.
    pub(crate) fn new(order: Order) -> Option<Self> {
        let encoder = order.kind.encoder()?;
        Some(Self {
            sound: order.sound,
            kind: order.kind,
            encoder,
            next: 0,
            bytes: Vec::new(),
            ends: Vec::new(),
        })
    }

    /// The frames still to be encoded.
    pub(crate) fn left(&self) -> usize {
        self.sound.frames() - self.next
    }

    /// Encodes so many frames more; false when all are done, and can be played.
    pub(crate) fn step(&mut self, frames: usize) -> bool {
        for _ in 0..frames.min(self.left()) {
            let pcm = self.sound.wide_frame(self.next);
            append(&mut self.encoder, pcm, &mut self.bytes, &mut self.ends);
            self.next += 1;
        }
        if self.left() > 0 {
            return true;
        }
        let packets = Packets::new(
            std::mem::take(&mut self.bytes),
            std::mem::take(&mut self.ends),
        );
        self.sound.keep(self.kind, packets);
        false
    }
}

/// Carries out orders, the shortest first, so that no prompt waits for an hour of music. Pure but
/// for its mailbox.
#[derive(Default)]
pub(crate) struct EncodeQueue {
    jobs: Vec<EncodeJob>,
}

/// Frames encoded before the next order is looked at: five seconds of audio, some 10 ms of work.
const STEP: usize = 250;

impl EncodeQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(crate) fn add(&mut self, order: Order) {
        let job = EncodeJob::new(order);
        if job.is_none() {
            tracing::error!("a sound cannot be encoded: no encoder");
        }
        self.jobs.extend(job);
    }

    /// Does a little of what is least.
    pub(crate) fn work(&mut self) {
        let least = self.jobs.iter().map(EncodeJob::left).enumerate();
        let Some((index, _)) = least.min_by_key(|(_, left)| *left) else {
            return;
        };
        if !self.jobs[index].step(STEP) {
            self.jobs.swap_remove(index);
        }
    }
}
