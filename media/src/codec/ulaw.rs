//! G.711 µ-law (ITU-T G.711 table 2), on samples scaled to 16 bits.

/// Added to a magnitude so that segment borders fall on powers of two.
const BIAS: i32 = 132;

/// The largest magnitude that can be coded.
const CLIP: i32 = 32_635;

/// One sample as a µ-law byte.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "segment and mantissa are masked to 7 bits"
)]
pub const fn ulaw_encode(sample: i16) -> u8 {
    let sign: u8 = if sample < 0 { 0x80 } else { 0 };
    let mut magnitude = (sample as i32).abs();
    if magnitude > CLIP {
        magnitude = CLIP;
    }
    magnitude += BIAS;
    let segment = 24 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (segment + 3)) & 0x0F;
    !(sign | (segment << 4) as u8 | mantissa as u8)
}

/// One µ-law byte as a sample.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the largest magnitude is 32124"
)]
pub const fn ulaw_decode(byte: u8) -> i16 {
    let bits = !byte;
    let segment = (bits >> 4) & 7;
    let mantissa = ((bits & 0x0F) as i32) << 3;
    let magnitude = ((mantissa + BIAS) << segment) - BIAS;
    (if bits & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }) as i16
}
