//! The pitch period of what was heard last.

/// The shortest and the longest period, in samples at 8 kHz: 200 and 66 Hz. Shorter ones are found
/// as their multiples, which repeat as well and buzz less.
pub(super) const SHORTEST: usize = 40;
/// The longest.
pub(super) const LONGEST: usize = 120;

/// Samples at 8 kHz that are compared: 20 ms.
const COMPARED: usize = 160;

/// Samples at 8 kHz that the search looks back for.
pub(super) const LOOKED_AT: usize = LONGEST + COMPARED;

/// The lag at which the end of `heard` is most like itself. `finer` is the rate in units of 8 kHz;
/// there are [`LOOKED_AT`] times as many samples.
pub(super) fn pitch(heard: &[i16], finer: usize) -> usize {
    // First at 8 kHz by every other sample, then around what was found by all there are.
    let coarse = (SHORTEST * finer..=LONGEST * finer).step_by(finer);
    let around = most_alike(heard, finer, coarse, 2 * finer);
    let from = around.saturating_sub(finer).max(SHORTEST * finer);
    let to = (around + finer).min(LONGEST * finer);
    most_alike(heard, finer, from..=to, 1)
}

fn most_alike(
    heard: &[i16],
    finer: usize,
    lags: impl Iterator<Item = usize>,
    step: usize,
) -> usize {
    let length = COMPARED * finer;
    let recent = &heard[heard.len() - length..];
    let mut best = (f32::MIN, SHORTEST * finer);
    for lag in lags {
        let former = &heard[heard.len() - length - lag..heard.len() - lag];
        let alike = likeness(recent, former, step);
        if alike > best.0 {
            best = (alike, lag);
        }
    }
    best.1
}

/// Correlation over the root of the former's energy: the recent one's is the same for all lags.
fn likeness(recent: &[i16], former: &[i16], step: usize) -> f32 {
    let (mut product, mut energy) = (0i64, 0i64);
    for (&one, &two) in recent.iter().zip(former).step_by(step) {
        product += i64::from(i32::from(one) * i32::from(two));
        energy += i64::from(i32::from(two) * i32::from(two));
    }
    // Noise so low that any lag would do is not divided by.
    product as f32 / (energy.max(1000) as f32).sqrt()
}
