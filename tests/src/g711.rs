//! G.711 as ITU-T wrote it down, for the phone only: an independent check of the engine's tables.

/// Which of the two companding laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// µ-law: PCMU, payload type 0.
    Mu,
    /// A-law: PCMA, payload type 8.
    A,
}

impl Law {
    /// The static payload type.
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// The name in an `rtpmap`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mu => "PCMU",
            Self::A => "PCMA",
        }
    }

    /// One octet of this law.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => encode_mu(sample),
            Self::A => encode_a(sample),
        }
    }

    /// The sample an octet stands for.
    #[must_use]
    pub fn decode(self, octet: u8) -> i16 {
        match self {
            Self::Mu => decode_mu(octet),
            Self::A => decode_a(octet),
        }
    }
}

/// The segment a magnitude lies in, given the first segment's end as a power of two.
fn segment(magnitude: u16, first: u32) -> u32 {
    (16 - magnitude.leading_zeros())
        .saturating_sub(first)
        .min(7)
}

fn low_bits(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x00 } else { 0x80 };
    let magnitude = sample.unsigned_abs().min(32_635) + 132;
    let segment = segment(magnitude, 8);
    let mantissa = (u32::from(magnitude) >> (segment + 3)) & 0x0f;
    sign | !low_bits(segment << 4 | mantissa) & 0x7f
}

fn decode_mu(octet: u8) -> i16 {
    let bits = !octet;
    let (segment, mantissa) = (bits >> 4 & 7, i16::from(bits & 0x0f));
    let magnitude = (((mantissa << 3) + 132) << segment) - 132;
    if bits & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

fn encode_a(sample: i16) -> u8 {
    // Negative values are mirrored around −½, so that −1 and 0 are neighbours of equal size.
    let (sign, magnitude) = if sample < 0 {
        (0x00, (!sample).unsigned_abs())
    } else {
        (0x80, sample.unsigned_abs())
    };
    let segment = segment(magnitude, 8);
    let shift = if segment == 0 { 4 } else { segment + 3 };
    let mantissa = (u32::from(magnitude) >> shift) & 0x0f;
    (sign | low_bits(segment << 4 | mantissa)) ^ 0x55
}

fn decode_a(octet: u8) -> i16 {
    let bits = octet ^ 0x55;
    let (segment, mantissa) = (bits >> 4 & 7, i16::from(bits & 0x0f));
    let magnitude = match segment {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 264) << (segment - 1),
    };
    if bits & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_standard() {
        assert_eq!(Law::Mu.encode(0), 0xff);
        assert_eq!(Law::Mu.encode(32_767), 0x80);
        assert_eq!(Law::Mu.encode(-32_768), 0x00);
        assert_eq!(Law::Mu.decode(0x80), 32_124);
        assert_eq!(Law::Mu.decode(0xff), 0);
        assert_eq!(Law::A.encode(0), 0xd5);
        assert_eq!(Law::A.encode(32_767), 0xaa);
        assert_eq!(Law::A.encode(-32_768), 0x2a);
        assert_eq!(Law::A.decode(0xd5), 8);
        assert_eq!(Law::A.decode(0xaa), 32_256);
    }

    #[test]
    fn every_octet_survives_its_own_sample() {
        for law in [Law::Mu, Law::A] {
            for octet in 0..=255 {
                let again = law.encode(law.decode(octet));
                // µ-law has two zeros.
                let same = again == octet || law == Law::Mu && octet == 0x7f;
                assert!(same, "{law:?} {octet:#x} {again:#x}");
            }
        }
    }

    #[test]
    fn the_error_of_a_sample_is_within_its_step() {
        for law in [Law::Mu, Law::A] {
            for sample in (-32_000..32_000).step_by(7) {
                let error = i32::from(law.decode(law.encode(sample))) - i32::from(sample);
                let bound = (i32::from(sample).abs() / 16).max(16);
                assert!(error.abs() <= bound, "{law:?} {sample} {error}");
            }
        }
    }
}
