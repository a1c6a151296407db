//! What an Opus packet says about itself, without decoding it (RFC 6716 section 3).

use crate::time::Rate;

/// The longest frame in bytes, rule R2.
const MAX_FRAME_BYTES: usize = 1275;

/// The longest packet in units of 48 kHz: 120 ms, rule R5.
const MAX_UNITS: u32 = 5760;

/// Which rule of RFC 6716 section 3.4 a packet breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TocError {
    /// R1: a packet has at least its first byte.
    #[error("no first byte")]
    Empty,
    /// R2: a frame has at most 1275 bytes.
    #[error("a frame of more than 1275 bytes")]
    FrameTooLong,
    /// R3: two frames of the same length take an even number of bytes.
    #[error("two equal frames in an odd number of bytes")]
    Uneven,
    /// R4: the length of the first of two frames must be there and lie within the packet.
    #[error("the first frame ends outside of the packet")]
    FirstFrame,
    /// R5: a packet of any number of frames says how many; at least one.
    #[error("no number of frames")]
    NoFrames,
    /// R5: a packet lasts at most 120 ms.
    #[error("a packet of more than 120 ms")]
    Duration,
    /// R6 and R7: padding and its length lie within the packet.
    #[error("padding outside of the packet")]
    Padding,
    /// R6: frames of the same length share the bytes without a rest.
    #[error("equal frames do not fill the packet")]
    Unshared,
    /// R7: all lengths are there and their frames lie within the packet.
    #[error("frames longer than the packet")]
    Frames,
}

/// How the frames of a packet are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpusMode {
    /// Linear prediction alone: speech.
    Silk,
    /// Linear prediction below 8 kHz, transform above.
    Hybrid,
    /// Transform alone: music, and the shortest frames.
    Celt,
}

/// What a legal packet says about itself: how many frames of which length, how they are made,
/// and whether the packet before can be had from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toc {
    config: u8,
    stereo: bool,
    frames: u8,
    /// The first byte of the first frame, if it has any.
    first: Option<u8>,
}

impl Toc {
    /// Reads a packet and checks every rule of section 3.4.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn parse(packet: &[u8]) -> Result<Self, TocError> {
        let (&toc, rest) = packet.split_first().ok_or(TocError::Empty)?;
        let config = toc >> 3;
        let (frames, first) = match toc & 3 {
            0 => (1, fits(rest)?),
            1 if rest.len() % 2 == 1 => return Err(TocError::Uneven),
            1 => (2, fits(&rest[..rest.len() / 2])?),
            2 => (2, two_frames(rest)?),
            _ => any_frames(config, rest)?,
        };
        Ok(Self {
            config,
            stereo: toc & 4 != 0,
            frames,
            first: first.first().copied(),
        })
    }

    /// How the frames are made.
    #[must_use]
    pub fn mode(&self) -> OpusMode {
        match self.config {
            0..=11 => OpusMode::Silk,
            12..=15 => OpusMode::Hybrid,
            _ => OpusMode::Celt,
        }
    }

    /// Whether two channels are coded. They are decoded to one.
    #[must_use]
    pub fn is_stereo(&self) -> bool {
        self.stereo
    }

    /// How many frames there are, 1 to 48.
    #[must_use]
    pub fn frames(&self) -> u8 {
        self.frames
    }

    /// How long one frame lasts, in units of the RTP clock of 48 kHz: 120 (2.5 ms) to 2880 (60 ms).
    #[must_use]
    pub fn frame_units(&self) -> u32 {
        frame_units(self.config)
    }

    /// How long all frames last, in units of the RTP clock of 48 kHz: at most 5760 (120 ms).
    #[must_use]
    pub fn packet_units(&self) -> u32 {
        self.frame_units() * u32::from(self.frames)
    }

    /// How many samples of one channel the packet holds at `rate`.
    #[must_use]
    pub fn samples(&self, rate: Rate) -> usize {
        let each = Rate::Full.hertz() / rate.hertz();
        usize::try_from(self.packet_units() / each).unwrap_or(usize::MAX)
    }

    /// Whether the frame before can be had from the first of this packet: speech that is coded
    /// twice, the second time coarsely (RFC 6716 section 4.2.5, flags in section 4.2.3).
    #[must_use]
    pub fn has_fec(&self) -> bool {
        let Some(first) = self.first.filter(|_| self.mode() != OpusMode::Celt) else {
            return false;
        };
        // One flag of voice activity per 20 ms, then the one that is looked for; for the second
        // channel the same again. They are coded with even odds, which leaves the bits as they are.
        let parts = self.frame_units().div_ceil(960);
        let flag = |behind: u32| (u32::from(first) >> (7 - behind)) & 1 == 1;
        flag(parts) || (self.stereo && flag(2 * parts + 1))
    }
}

fn frame_units(config: u8) -> u32 {
    match (config, config & 3) {
        (0..=11, 0) => 480,
        (0..=11, 1) => 960,
        (0..=11, 2) => 1920,
        (0..=11, _) => 2880,
        (12..=15, length) => 480 << (length & 1),
        (_, length) => 120 << length,
    }
}

fn fits(frame: &[u8]) -> Result<&[u8], TocError> {
    if frame.len() > MAX_FRAME_BYTES {
        return Err(TocError::FrameTooLong);
    }
    Ok(frame)
}

/// A frame's length in one or two bytes (section 3.2.1), and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [short @ 0..=251, ref rest @ ..] => Some((usize::from(short), rest)),
        [low, high, ref rest @ ..] => Some((usize::from(high) * 4 + usize::from(low), rest)),
        _ => None,
    }
}

/// Code 2: two frames, the first with its length.
fn two_frames(bytes: &[u8]) -> Result<&[u8], TocError> {
    let (size, rest) = length(bytes).ok_or(TocError::FirstFrame)?;
    let (first, second) = rest.split_at_checked(size).ok_or(TocError::FirstFrame)?;
    fits(second)?;
    fits(first)
}

/// Code 3: any number of frames, of one length or of many, with padding or without.
fn any_frames(config: u8, bytes: &[u8]) -> Result<(u8, &[u8]), TocError> {
    let (&count, mut rest) = bytes.split_first().ok_or(TocError::NoFrames)?;
    let frames = count & 0x3F;
    if frames == 0 {
        return Err(TocError::NoFrames);
    }
    if frame_units(config) * u32::from(frames) > MAX_UNITS {
        return Err(TocError::Duration);
    }
    if count & 0x40 != 0 {
        rest = without_padding(rest)?;
    }
    let first = if count & 0x80 == 0 {
        equal_frames(frames, rest)?
    } else {
        unequal_frames(frames, rest)?
    };
    Ok((frames, first))
}

/// What is left when padding is taken off: its length stands in front, itself behind.
fn without_padding(bytes: &[u8]) -> Result<&[u8], TocError> {
    let (mut rest, mut padding) = (bytes, 0);
    loop {
        let (&more, behind) = rest.split_first().ok_or(TocError::Padding)?;
        rest = behind;
        if more < 255 {
            padding += usize::from(more);
            break;
        }
        padding += 254;
    }
    let kept = rest.len().checked_sub(padding).ok_or(TocError::Padding)?;
    Ok(&rest[..kept])
}

fn equal_frames(frames: u8, bytes: &[u8]) -> Result<&[u8], TocError> {
    let frames = usize::from(frames);
    if !bytes.len().is_multiple_of(frames) {
        return Err(TocError::Unshared);
    }
    fits(&bytes[..bytes.len() / frames])
}

fn unequal_frames(frames: u8, bytes: &[u8]) -> Result<&[u8], TocError> {
    // All lengths but the last stand in front.
    let (mut rest, mut taken, mut first_size) = (bytes, 0, None);
    for _ in 1..frames {
        let (size, behind) = length(rest).ok_or(TocError::Frames)?;
        if size > MAX_FRAME_BYTES {
            return Err(TocError::FrameTooLong);
        }
        rest = behind;
        taken += size;
        first_size = first_size.or(Some(size));
    }
    let last = rest.len().checked_sub(taken).ok_or(TocError::Frames)?;
    if last > MAX_FRAME_BYTES {
        return Err(TocError::FrameTooLong);
    }
    Ok(&rest[..first_size.unwrap_or(last)])
}
