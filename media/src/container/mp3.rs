//! MP3 frames: walking along them, and the first one, which says what players leave out.
//!
//! Only what recordings are made of: layer III at the low sampling rates of MPEG 2 and its 2.5.

/// Samples per channel of a frame.
pub const FRAME_SAMPLES: u64 = 576;

/// Samples a decoder gives before the first of ours: the encoder's delay and its own.
pub const DELAY: u64 = ENCODER_DELAY as u64 + 529;

/// Samples the encoder begins with.
const ENCODER_DELAY: u16 = 576;

/// Bit rates in kb/s by their index (ISO/IEC 13818-3 section 2.4.2.3).
const BIT_RATES: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Samples per second.
    pub sample_rate: u32,
    /// In kb/s.
    pub bit_rate: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Bytes of the whole frame.
    pub length: usize,
}

impl FrameHeader {
    /// Reads a frame's header; `None` when it is none of a recording.
    #[must_use]
    pub fn parse(bytes: [u8; 4]) -> Option<Self> {
        let [0xFF, second, third, fourth] = bytes else {
            return None;
        };
        // Synchronised, layer III, no CRC.
        let rates: [u32; 3] = match second {
            0xF3 => [22_050, 24_000, 16_000],
            0xE3 => [11_025, 12_000, 8_000],
            _ => return None,
        };
        let bit_rate = *BIT_RATES
            .get(usize::from(third >> 4))
            .filter(|rate| **rate > 0)?;
        let sample_rate = *rates.get(usize::from(third >> 2 & 3))?;
        let padding = u32::from(third >> 1 & 1);
        let length = 72_000 * bit_rate / sample_rate + padding;
        Some(Self {
            sample_rate,
            bit_rate,
            channels: if fourth >> 6 == 3 { 1 } else { 2 },
            length: usize::try_from(length).ok()?,
        })
    }

    /// The header of the frames of a recording at 8 or 16 kHz; `None` for a rate that is not there.
    fn bytes(self) -> Option<[u8; 4]> {
        let (second, index) = match self.sample_rate {
            8_000 => (0xE3, 2),
            16_000 => (0xF3, 2),
            _ => return None,
        };
        let rate = BIT_RATES.iter().position(|rate| *rate == self.bit_rate)?;
        let third = u8::try_from(rate).ok()? << 4 | index << 2;
        // Mono, or stereo whose channels have nothing to do with each other.
        let fourth = if self.channels == 1 { 0xC0 } else { 0x00 };
        Some([0xFF, second, third, fourth])
    }
}

/// What is known of a whole file of constant bit rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Frames behind the first.
    pub frames: u32,
    /// Bytes of the file.
    pub bytes: u32,
    /// Samples at the end that are not ours.
    pub padding: u16,
}

/// A recording's first frame: silent itself, it tells players that the first samples they decode are
/// not ours; once all is known, also how long the file is and how much of its end is not ours.
///
/// `None` for a sampling or bit rate that is not there.
#[must_use]
pub fn info_frame(
    sample_rate: u32,
    channels: u8,
    bit_rate: u32,
    totals: Option<Totals>,
) -> Option<Vec<u8>> {
    let header = FrameHeader {
        sample_rate,
        bit_rate,
        channels,
        length: 0,
    };
    let bytes = header.bytes()?;
    let mut frame = vec![0; FrameHeader::parse(bytes)?.length];
    frame[..4].copy_from_slice(&bytes);
    let mut at = if channels == 1 { 4 + 9 } else { 4 + 17 };
    let mut put = |field: &[u8]| {
        frame[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    put(b"Info");
    // Frames and bytes are said, when they are known.
    put(&[0, 0, 0, if totals.is_some() { 3 } else { 0 }]);
    if let Some(totals) = totals {
        put(&totals.frames.to_be_bytes());
        put(&totals.bytes.to_be_bytes());
    }
    put(b"LAME3.100");
    // Constant bit rate, and no filter or gain to tell of.
    put(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    put(&[u8::try_from(bit_rate).unwrap_or(255)]);
    let padding = totals.map_or(0, |totals| totals.padding.min(0xFFF));
    let [_, a, b, c] = (u32::from(ENCODER_DELAY) << 12 | u32::from(padding)).to_be_bytes();
    put(&[a, b, c]);
    put(&[0; 4]);
    put(&totals.map_or(0, |totals| totals.bytes).to_be_bytes());
    put(&[0; 2]);
    let checked = at;
    let crc = crc16(&frame[..checked]);
    frame[checked..checked + 2].copy_from_slice(&crc.to_be_bytes());
    Some(frame)
}

/// CRC-16 with the polynomial 0x8005, least significant bit first.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            let carry = crc & 1 == 1;
            (crc >> 1) ^ if carry { 0xA001 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_recordings_are_as_long_as_their_bit_rate_says() {
        for (rate, channels, kilobits, length) in [
            (8_000, 1, 16, 144),
            (8_000, 2, 32, 288),
            (16_000, 1, 32, 144),
            (16_000, 2, 64, 288),
        ] {
            let frame = info_frame(rate, channels, kilobits, None).unwrap();
            assert_eq!(frame.len(), length);
            let header = FrameHeader::parse([frame[0], frame[1], frame[2], frame[3]]).unwrap();
            assert_eq!(
                (
                    header.sample_rate,
                    header.channels,
                    header.bit_rate,
                    header.length
                ),
                (rate, channels, kilobits, length)
            );
        }
        assert_eq!(info_frame(44_100, 2, 32, None), None);
        assert_eq!(info_frame(8_000, 2, 33, None), None);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in [
            [0; 4],
            [0xFF; 4],
            [0xFF, 0xE3, 0xF8, 0],
            [0xFF, 0xE3, 0x2C, 0],
        ] {
            assert_eq!(FrameHeader::parse(bytes), None, "{bytes:x?}");
        }
    }
}
