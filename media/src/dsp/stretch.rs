//! A little more or less of a sound without a change of its pitch: a pitch period is repeated or
//! left out, with a cross-fade (a simple form of WSOLA).

/// Two stretches of sound are the same wave when they correlate this well.
const SAME_WAVE: f64 = 0.85;

/// Two likenesses so near each other are the same.
const AS_GOOD: f64 = 0.005;

/// Below this mean square (about -46 dBFS) any place will do: nobody hears it.
const QUIET: f64 = 160.0 * 160.0;

/// The cross-fade, as a part of a second: 5 ms.
const FADE: u32 = 200;

/// The shortest and longest pitch periods, as parts of a second: 2.5 and 15 ms.
const SHORTEST: u32 = 400;
const LONGEST: (u32, u32) = (3, 200);

/// The most that [`grow`] adds, in samples.
#[must_use]
pub fn longest(rate: u32) -> usize {
    (rate * LONGEST.0 / LONGEST.1) as usize
}

/// Takes a pitch period of at most `most` samples out of the beginning of `pcm`; how many samples
/// it got shorter. None where the sound has no such period and is not quiet either.
pub fn shrink(pcm: &mut [i16], most: usize, rate: u32) -> usize {
    let fade = (rate / FADE) as usize;
    let Some(period) = period(pcm, most, rate) else {
        return 0;
    };
    for n in 0..fade {
        pcm[n] = blend(pcm[n], pcm[n + period], n, fade);
    }
    pcm.copy_within(fade + period.., fade);
    period
}

/// Repeats a pitch period at the beginning of `pcm[..length]`; how many samples it got longer.
/// There must be room for [`longest`] more, or nothing is added.
pub fn grow(pcm: &mut [i16], length: usize, rate: u32) -> usize {
    let fade = (rate / FADE) as usize;
    if pcm.len() < length + longest(rate) {
        return 0;
    }
    let Some(period) = period(&pcm[..length], usize::MAX, rate) else {
        return 0;
    };
    pcm.copy_within(fade..length, fade + period);
    for n in 0..fade {
        pcm[period + n] = blend(pcm[period + n], pcm[n], n, fade);
    }
    period
}

/// The distance, up to `most` samples, at which the beginning of `pcm` repeats itself best.
fn period(pcm: &[i16], most: usize, rate: u32) -> Option<usize> {
    let fade = (rate / FADE) as usize;
    let longest = longest(rate).min(most);
    let longest = longest.min(pcm.len().checked_sub(fade)?);
    let shortest = (rate / SHORTEST) as usize;
    if longest < shortest {
        return None;
    }
    let energy = energy(&pcm[..longest + fade]) / (longest + fade) as f64;
    if energy < QUIET {
        return Some(longest);
    }
    // Coarsely at 8 kHz, then finely around the best.
    let coarse = (rate / 8000).max(1) as usize;
    let best = best_lag(pcm, (shortest..=longest).step_by(coarse), fade, coarse);
    let (around, _) = best?;
    let from = around.saturating_sub(coarse).max(shortest);
    let to = (around + coarse).min(longest);
    let (lag, likeness) = best_lag(pcm, from..=to, fade, 1)?;
    (likeness >= SAME_WAVE).then_some(lag)
}

fn best_lag(
    pcm: &[i16],
    lags: impl Iterator<Item = usize>,
    length: usize,
    step: usize,
) -> Option<(usize, f64)> {
    let mut best = None;
    for lag in lags {
        let likeness = likeness(&pcm[..length], &pcm[lag..lag + length], step);
        // Several periods at once rather than one after the other: fewer joints.
        if best.is_none_or(|(_, greatest)| likeness > greatest - AS_GOOD) {
            let greatest = best.map_or(likeness, |(_, greatest)| likeness.max(greatest));
            best = Some((lag, greatest));
        }
    }
    best
}

/// Normalised cross-correlation of every `step`th sample.
fn likeness(one: &[i16], other: &[i16], step: usize) -> f64 {
    let (mut product, mut first, mut second) = (0i64, 0i64, 0i64);
    for (&a, &b) in one.iter().zip(other).step_by(step) {
        let (a, b) = (i64::from(a), i64::from(b));
        product += a * b;
        first += a * a;
        second += b * b;
    }
    if first == 0 || second == 0 {
        return 0.0;
    }
    product as f64 / (first as f64 * second as f64).sqrt()
}

fn energy(pcm: &[i16]) -> f64 {
    let sum: i64 = pcm.iter().map(|&s| i64::from(s) * i64::from(s)).sum();
    sum as f64
}

/// From `from` to `to`, at `n` of `length`.
fn blend(from: i16, to: i16, n: usize, length: usize) -> i16 {
    let (n, length) = (n as i64, length.max(1) as i64);
    let value = (i64::from(from) * (length - n) + i64::from(to) * n) / length;
    i16::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::sine;

    /// The greatest second difference: a click in a sine has a far greater one than the sine.
    fn sharpest(pcm: &[i16]) -> i32 {
        let bend = |w: &[i16]| (i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2])).abs();
        pcm.windows(3).map(bend).max().unwrap_or(0)
    }

    #[test]
    fn a_tone_gets_shorter_and_longer_without_a_click() {
        for hertz in [90.0, 200.0, 440.0, 1004.0] {
            let whole = sine(hertz, 320, 10_000.0);
            let limit = sharpest(&whole) * 12 / 10 + 60;
            let mut pcm = whole.clone();
            let shorter = shrink(&mut pcm, 320, 8000);
            assert!(shorter >= 20, "{hertz}: {shorter}");
            assert!(sharpest(&pcm[..320 - shorter]) <= limit, "{hertz}");
            let mut pcm = whole.clone();
            pcm.resize(640, 0);
            let longer = grow(&mut pcm, 320, 8000);
            assert!(longer >= 20, "{hertz}: {longer}");
            assert!(sharpest(&pcm[..320 + longer]) <= limit, "{hertz}");
        }
    }

    #[test]
    fn what_is_quiet_is_cut_anywhere_and_what_is_noise_nowhere() {
        let mut quiet = vec![3; 320];
        assert_eq!(shrink(&mut quiet, 320, 8000), 120);
        assert_eq!(shrink(&mut quiet, 44, 8000), 44);
        let mut state = 1u32;
        let mut noise: Vec<i16> = (0..320)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                i16::try_from(state >> 17).unwrap() - 16_384
            })
            .collect();
        assert_eq!(shrink(&mut noise, 320, 8000), 0);
        assert_eq!(grow(&mut noise, 300, 8000), 0);
    }

    #[test]
    fn too_little_sound_is_left_as_it_is() {
        assert_eq!(shrink(&mut sine(440.0, 50, 9000.0), 50, 8000), 0);
        assert_eq!(shrink(&mut [], 9, 48_000), 0);
        assert_eq!(grow(&mut [0; 100], 90, 8000), 0);
    }
}
