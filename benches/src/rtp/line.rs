//! What one leg says, and how it listens.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::{CryptoSuite, MasterKey, SrtpKeys};
use offhook_media::codec::{Coding, Decoder};
use offhook_media::srtp::{SrtpReceiver, SrtpSender};
use offhook_media::time::{FRAME_SAMPLES, Rate};

use super::clip::{Clip, LOUD, Word};
use crate::clock::Nanos;
use crate::start;

/// A leg from the moment it is added.
#[derive(Debug)]
pub struct Line {
    /// The call it belongs to, as marks name it.
    pub call: u32,
    /// Where it talks to. What comes from this port is for it.
    pub to: SocketAddr,
    /// What it says.
    pub says: Says,
    /// How it listens.
    pub hears: Hears,
    /// What protects both, if anything.
    pub keys: Option<Box<LineKeys>>,
}

impl Line {
    /// Says marks, and counts what it hears.
    pub fn marked(call: u32, to: SocketAddr) -> Self {
        Self {
            call,
            to,
            says: Says::Marks,
            hears: Hears::Counts,
            keys: None,
        }
    }
}

/// What a leg says.
#[derive(Debug, Clone)]
pub enum Says {
    /// PCMU that is silent but for a mark of its call, its number and the time.
    Marks,
    /// A clip, over and over.
    Clip(Arc<Clip>),
    /// A clip with a word in it.
    Word(Arc<Clip>, Arc<Word>),
    /// Nothing: no packets.
    Nothing,
}

/// How a leg listens.
#[derive(Debug)]
pub enum Hears {
    /// It counts packets, times them and reads marks.
    Counts,
    /// It listens for a word as well, which is decoding.
    Word(Box<Ear>),
}

/// Listens for a word.
#[derive(Debug)]
pub struct Ear {
    decoder: Decoder,
    word: Arc<Word>,
}

impl Ear {
    /// Listens for this word in what comes in this codec.
    ///
    /// # Errors
    /// When the codec has no decoder.
    pub fn new(codec: Codec, word: &Arc<Word>) -> Result<Self> {
        let coding = Coding::of(codec).context("the engine does not know the codec")?;
        Ok(Self {
            decoder: Decoder::new(coding, Rate::Narrow)?,
            word: Arc::clone(word),
        })
    }

    /// How long the word took to come here, if it is in this payload.
    pub(super) fn hear(&mut self, payload: &[u8], at: Nanos) -> Option<Nanos> {
        let mut pcm = [0; 6 * FRAME_SAMPLES];
        let heard = self.decoder.decode(payload, &mut pcm).ok()?;
        let loud = pcm
            .get(..heard)?
            .iter()
            .any(|one| one.unsigned_abs() > LOUD);
        loud.then(|| self.word.hear(at)).flatten()
    }
}

/// The keys of a leg at work at its far end.
pub struct LineKeys {
    sender: SrtpSender,
    receiver: SrtpReceiver,
    /// Keys never change here, and time is asked for only then.
    begun: Instant,
}

impl LineKeys {
    /// Fresh keys: for the engine, and for the far end.
    pub fn agree(suite: CryptoSuite) -> (SrtpKeys, Self) {
        let agreed = SrtpKeys {
            send: MasterKey::random(suite),
            receive: MasterKey::random(suite),
        };
        let own = Self {
            sender: SrtpSender::new(&agreed.receive),
            receiver: SrtpReceiver::new(&agreed.send),
            begun: start(),
        };
        (agreed, own)
    }

    /// Protects the packet at the beginning of `buffer`; its length then.
    pub(super) fn protect(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        self.sender.protect_rtp(buffer, length).ok()
    }

    /// Opens a packet; its length then.
    pub(super) fn open(&mut self, packet: &mut [u8]) -> Option<usize> {
        self.receiver.unprotect_rtp(self.begun, packet).ok()
    }
}

impl fmt::Debug for LineKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineKeys").finish_non_exhaustive()
    }
}
