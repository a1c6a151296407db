//! G.711 by table: one byte is one sample, so a payload can be changed where it lies.

use super::alaw::{alaw_decode, alaw_encode};
use super::ulaw::{ulaw_decode, ulaw_encode};

/// The two laws of ITU-T G.711, by which a sample becomes a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law.
    Mu,
    /// A-law.
    A,
}

impl Law {
    /// The law that owns a static payload type (RFC 3551 table 4).
    #[must_use]
    pub fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Mu),
            8 => Some(Self::A),
            _ => None,
        }
    }

    /// The payload byte of a silent sample.
    #[must_use]
    pub fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xFF,
            Self::A => 0xD5,
        }
    }

    /// One sample as a payload byte.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => ulaw_encode(sample),
            Self::A => alaw_encode(sample),
        }
    }

    /// One payload byte as a sample.
    #[must_use]
    pub fn decode(self, byte: u8) -> i16 {
        self.samples()[usize::from(byte)]
    }

    /// Decodes as many bytes as fit; the number of samples written.
    pub fn decode_frame(self, payload: &[u8], pcm: &mut [i16]) -> usize {
        let table = self.samples();
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

    /// Turns a payload of this law into one of `other`, in place and by table.
    pub fn transcode(self, other: Self, payload: &mut [u8]) {
        let table = match (self, other) {
            (Self::Mu, Self::Mu) | (Self::A, Self::A) => return,
            (Self::Mu, Self::A) => &ULAW_TO_ALAW,
            (Self::A, Self::Mu) => &ALAW_TO_ULAW,
        };
        for byte in payload {
            *byte = table[usize::from(*byte)];
        }
    }

    fn samples(self) -> &'static [i16; 256] {
        match self {
            Self::Mu => &ULAW_TO_PCM,
            Self::A => &ALAW_TO_PCM,
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
