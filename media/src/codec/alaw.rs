//! G.711 A-law (ITU-T G.711 table 1), on samples scaled to 16 bits.

/// Even bits are inverted on the wire.
const TOGGLE: u8 = 0x55;

/// One sample as an A-law byte.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "segment and mantissa are masked to 7 bits"
)]
pub const fn alaw_encode(sample: i16) -> u8 {
    // A negative sample is coded by its ones' complement, so that both signs have equal steps.
    let (sign, magnitude) = if sample < 0 {
        (0u8, !(sample as i32))
    } else {
        (0x80, sample as i32)
    };
    let magnitude = magnitude >> 4;
    let code = if magnitude < 32 {
        magnitude
    } else {
        let segment = 27 - magnitude.leading_zeros();
        (((segment + 1) << 4) as i32) | ((magnitude >> segment) & 0x0F)
    };
    (sign | code as u8) ^ TOGGLE
}

/// One A-law byte as a sample: the middle of its step.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the largest magnitude is 32256"
)]
pub const fn alaw_decode(byte: u8) -> i16 {
    let bits = byte ^ TOGGLE;
    let segment = (bits >> 4) & 7;
    let step = ((bits & 0x0F) as i32) << 4;
    let magnitude = if segment == 0 {
        step + 8
    } else {
        (step + 0x108) << (segment - 1)
    };
    (if bits & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }) as i16
}
