//! Codecs: how samples become payload bytes. G.711 so far; each codec has a file.

mod alaw;
mod ulaw;

use offhook_core::sdp::Codec;

pub use alaw::{alaw_decode, alaw_encode};
pub use ulaw::{ulaw_decode, ulaw_encode};

/// What the engine can encode and decode. The counterpart of [`Codec`], which is what can be
/// negotiated: every coding the engine handles is listed here, so that matches are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Coding {
    /// The coding of a negotiated codec; `None` when the engine cannot handle it.
    #[must_use]
    pub fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Pcmu => Some(Self::Pcmu),
            Codec::Pcma => Some(Self::Pcma),
            Codec::Opus | Codec::G722 | Codec::L16Wide | Codec::L16Narrow | _ => None,
        }
    }

    /// The coding that owns a static payload type (RFC 3551).
    #[must_use]
    pub fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }

    /// The payload byte of a silent sample.
    #[must_use]
    pub fn silence(self) -> u8 {
        match self {
            Self::Pcmu => 0xFF,
            Self::Pcma => 0xD5,
        }
    }

    /// One sample as a payload byte.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcmu => ulaw_encode(sample),
            Self::Pcma => alaw_encode(sample),
        }
    }

    /// One payload byte as a sample.
    #[must_use]
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Self::Pcmu => ULAW_TO_PCM[usize::from(byte)],
            Self::Pcma => ALAW_TO_PCM[usize::from(byte)],
        }
    }

    /// Decodes as many bytes as fit; the number of samples written.
    pub fn decode_frame(self, payload: &[u8], pcm: &mut [i16]) -> usize {
        let table = match self {
            Self::Pcmu => &ULAW_TO_PCM,
            Self::Pcma => &ALAW_TO_PCM,
        };
        for (sample, &byte) in pcm.iter_mut().zip(payload) {
            *sample = table[usize::from(byte)];
        }
        payload.len().min(pcm.len())
    }

    /// Encodes as many samples as fit; the number of bytes written.
    pub fn encode_frame(self, pcm: &[i16], payload: &mut [u8]) -> usize {
        for (byte, &sample) in payload.iter_mut().zip(pcm) {
            *byte = self.encode(sample);
        }
        payload.len().min(pcm.len())
    }

    /// Turns a payload of this coding into one of `other`, in place and by table.
    pub fn transcode(self, other: Self, payload: &mut [u8]) {
        let table = match (self, other) {
            (Self::Pcmu, Self::Pcmu) | (Self::Pcma, Self::Pcma) => return,
            (Self::Pcmu, Self::Pcma) => &ULAW_TO_ALAW,
            (Self::Pcma, Self::Pcmu) => &ALAW_TO_ULAW,
        };
        for byte in payload {
            *byte = table[usize::from(*byte)];
        }
    }
}

static ULAW_TO_PCM: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        table[byte as usize] = ulaw_decode(byte);
        if byte == 255 {
            break table;
        }
        byte += 1;
    }
};

static ALAW_TO_PCM: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        table[byte as usize] = alaw_decode(byte);
        if byte == 255 {
            break table;
        }
        byte += 1;
    }
};

static ULAW_TO_ALAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        table[byte as usize] = alaw_encode(ulaw_decode(byte));
        if byte == 255 {
            break table;
        }
        byte += 1;
    }
};

static ALAW_TO_ULAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        table[byte as usize] = ulaw_encode(alaw_decode(byte));
        if byte == 255 {
            break table;
        }
        byte += 1;
    }
};

#[cfg(test)]
mod tests;
