//! Mixing: sums in 32 bits, each listener's own voice taken out, and levels.

/// Adds a frame to the sum.
pub fn add(sum: &mut [i32], pcm: &[i16]) {
    for (sum, &sample) in sum.iter_mut().zip(pcm) {
        *sum += i32::from(sample);
    }
}

/// What somebody hears whose own frame is part of the sum: everyone else, cut to 16 bits.
pub fn minus_self(sum: &[i32], own: &[i16], heard: &mut [i16]) {
    for ((heard, &sum), &own) in heard.iter_mut().zip(sum).zip(own) {
        *heard = saturate(sum - i32::from(own));
    }
}

/// The sum cut to 16 bits: what somebody hears who says nothing.
pub fn saturate_all(sum: &[i32], heard: &mut [i16]) {
    for (heard, &sum) in heard.iter_mut().zip(sum) {
        *heard = saturate(sum);
    }
}

/// The energy of a frame: the sum of its squared samples.
#[must_use]
pub fn energy(pcm: &[i16]) -> u64 {
    let square =
        |&sample: &i16| u64::from(sample.unsigned_abs()) * u64::from(sample.unsigned_abs());
    pcm.iter().map(square).sum()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is clamped to the range first"
)]
fn saturate(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_hears_the_others_and_not_himself() {
        let voices = [[100i16, -5], [20, 30_000], [3, 30_000]];
        let mut sum = [0; 2];
        for voice in &voices {
            add(&mut sum, voice);
        }
        let mut heard = [0; 2];
        minus_self(&sum, &voices[0], &mut heard);
        assert_eq!(heard, [23, i16::MAX]);
        minus_self(&sum, &voices[1], &mut heard);
        assert_eq!(heard, [103, 29_995]);
        saturate_all(&sum, &mut heard);
        assert_eq!(heard, [123, i16::MAX]);
    }

    #[test]
    fn energy_is_the_sum_of_squares() {
        assert_eq!(energy(&[3, -4]), 25);
        assert_eq!(energy(&[i16::MIN; 2]), 2 * 32_768 * 32_768);
    }
}
