//! Samples for a far end: frames of 20 ms become payloads as long as it wants them.

use offhook_core::sdp::Codec;

use crate::codec::{CodecError, Coding, Encoder, EncoderSettings, Silence};
use crate::session::remote::RemoteMedia;
use crate::time::Rate;

/// Half frames of the wheel in the longest packet we send.
const LONGEST: usize = 6;

/// Milliseconds in a half frame.
const HALF: usize = 10;

/// How a far end wants our packets. Who wants them alike can be sent the same payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The coding.
    pub coding: Coding,
    /// Milliseconds of audio in each packet: 10 to 60.
    pub milliseconds: u32,
    /// How it is encoded.
    pub settings: EncoderSettings,
}

/// How sound for a far end is encoded: as we usually do, within what it said it wants.
pub(super) fn settings(base: EncoderSettings, remote: &RemoteMedia) -> EncoderSettings {
    if remote.codec != Codec::Opus {
        let silence = match remote.comfort_noise {
            Some(_) => Silence::Suppressed,
            None => Silence::Sent,
        };
        return EncoderSettings {
            silence,
            ..EncoderSettings::default()
        };
    }
    base.wanted_by(&remote.opus)
}

/// Encodes one far end's stream. Made when there are samples to be sent, dropped when there are no
/// more: some 35 KB with Opus.
#[derive(Debug)]
pub(super) struct AudioOut {
    form: Form,
    encoder: Encoder,
    /// Samples that are not a whole packet yet.
    pcm: Box<[i16]>,
    filled: usize,
    /// The half frame of the wheel that the first of them belongs to.
    begins: u64,
}

/// A payload that was encoded for many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded<'a> {
    /// Its bytes; none when nothing need be sent.
    pub payload: &'a [u8],
    /// What they are.
    pub kind: PackedKind,
}

impl Encoded<'_> {
    /// Nothing need be sent.
    pub const NOTHING: Self = Self {
        payload: &[],
        kind: PackedKind::Audio,
    };
}

/// Encodes samples, or describes them where they are not worth sending: how long the payload is,
/// and what is in it. What cannot be encoded is as good as not said.
pub(crate) fn pack(encoder: &mut Encoder, pcm: &[i16], payload: &mut [u8]) -> (usize, PackedKind) {
    match encoder.encode(pcm, payload) {
        Ok(length @ 1..) => (length, PackedKind::Audio),
        Ok(0) | Err(_) => (encoder.comfort_noise(payload), PackedKind::Noise),
    }
}

/// What a payload holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackedKind {
    /// Sound.
    Audio,
    /// How silence sounds, until there is sound again (RFC 3389).
    Noise,
}

/// A payload that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    /// The half frame of the wheel it begins with, and how many it has.
    pub(super) begins: u64,
    pub(super) halves: u32,
    /// Its bytes; none when it need not be sent.
    pub(super) length: usize,
    /// What they are.
    pub(super) kind: PackedKind,
}

impl AudioOut {
    pub(super) fn new(form: Form, rate: Rate) -> Result<Self, CodecError> {
        let room = (LONGEST + 2) * HALF * rate.per_millisecond();
        Ok(Self {
            form,
            encoder: Encoder::new(form.coding, rate, &form.settings)?,
            pcm: vec![0; room].into(),
            filled: 0,
            begins: 0,
        })
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    pub(super) fn rate(&self) -> Rate {
        self.encoder.rate()
    }

    /// Takes the samples of one tick of the wheel. Those of a tick that does not follow the last
    /// one begin a new packet: what was left of the one before is not sent.
    pub(super) fn push(&mut self, tick: u64, pcm: &[i16]) {
        let begins = tick * 2;
        let half = HALF * self.rate().per_millisecond();
        let held = u64::try_from(self.filled / half).unwrap_or(0);
        if self.filled == 0 || self.begins + held != begins {
            self.filled = 0;
            self.begins = begins;
        }
        if let Some(room) = self.pcm.get_mut(self.filled..self.filled + pcm.len()) {
            room.copy_from_slice(pcm);
            self.filled += pcm.len();
        }
    }

    /// Encodes the next whole packet, if there is one.
    pub(super) fn pop(&mut self, payload: &mut [u8]) -> Option<Packed> {
        let whole = self.form.milliseconds as usize * self.rate().per_millisecond();
        let pcm = self.pcm.get(..whole).filter(|_| self.filled >= whole)?;
        let (length, kind) = pack(&mut self.encoder, pcm, payload);
        let halves = self.form.milliseconds / 10;
        let packed = Packed {
            begins: self.begins,
            halves,
            length,
            kind,
        };
        self.pcm.copy_within(whole..self.filled, 0);
        self.filled -= whole;
        self.begins += u64::from(halves);
        Some(packed)
    }

    /// How much loss the far end reports, in percent.
    pub(super) fn set_expected_loss(&mut self, percent: u8) {
        self.encoder.set_expected_loss(percent);
    }
}
