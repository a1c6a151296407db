//! The limiter: how a sum of voices becomes 16 bits again.
//!
//! A curve without memory, so that nothing pumps: up to the knee samples stay as they are, above it
//! they come ever closer to full scale and never reach past it. The curve and its slope have no step.

/// From here on samples are pressed together: 2.5 dB below full scale.
pub(super) const KNEE: i32 = 24_576;

const FULL: i32 = 32_767;

/// What is left between the knee and full scale.
const ROOM: i32 = FULL - KNEE;

/// Beyond this the curve is flat as good as; `ROOM` times it still fits 32 bits.
const FAR: i32 = 262_143;

/// Presses a sum into 16 bits.
pub(super) fn limit(sum: &[i32], heard: &mut [i16]) {
    let loudest = sum.iter().map(|sample| sample.unsigned_abs()).max();
    if loudest.is_none_or(|loudest| loudest <= KNEE.unsigned_abs()) {
        for (heard, &sample) in heard.iter_mut().zip(sum) {
            *heard = narrow(sample);
        }
        return;
    }
    for (heard, &sample) in heard.iter_mut().zip(sum) {
        *heard = limited(sample);
    }
}

fn limited(sample: i32) -> i16 {
    let over = sample.saturating_abs() - KNEE;
    if over <= 0 {
        return narrow(sample);
    }
    let over = over.min(FAR);
    let pressed = KNEE + ROOM * over / (ROOM + over);
    narrow(pressed * sample.signum())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is clamped to the range first"
)]
fn narrow(sample: i32) -> i16 {
    sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_rises_without_a_step_and_never_wraps() {
        let mut last = limited(-400_000);
        for sample in -400_000..400_000 {
            let now = limited(sample);
            assert!((0..=1).contains(&(now - last)), "{sample}: {last} {now}");
            assert_eq!(now, -limited(-sample));
            last = now;
        }
        assert!((32_400..=32_767).contains(&limited(i32::MAX)));
        assert!((-32_767..=-32_400).contains(&limited(i32::MIN)));
    }

    #[test]
    fn below_the_knee_nothing_changes() {
        let mut heard = [0; 3];
        limit(&[KNEE, -KNEE, 5], &mut heard);
        assert_eq!(heard, [24_576, -24_576, 5]);
        limit(&[KNEE, -KNEE, 50_000], &mut heard);
        assert_eq!(&heard[..2], [24_576, -24_576]);
        assert!(heard[2] > 24_576);
        limit(&[], &mut []);
    }
}
