//! Who talks: the level of each voice against a threshold that learns the noise behind it.

/// A level in decibels below overload, as RFC 6464 counts: 0 is the loudest there is, 127 silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Level(pub u8);

impl Level {
    /// The mean of squared samples at this level.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 2^30"
    )]
    pub fn mean_square(self) -> u32 {
        (f64::from(1 << 30) * 10f64.powf(-f64::from(self.0) / 10.0)) as u32
    }

    /// The level of so large a mean of squared samples.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range first"
    )]
    pub fn of_mean_square(mean: u32) -> Self {
        let below = 10.0 * (f64::from(1 << 30) / f64::from(mean.max(1))).log10();
        Self(below.round().clamp(0.0, 127.0) as u8)
    }
}

/// Frames of sound after which somebody is said to talk: a click is shorter.
const ATTACK: u8 = 3;

/// Frames a voice is passed on after a sound that did not become talk.
const CLICK: u16 = 5;

/// The loudest noise that is learned, -45 dBov: what is louder, such as a held tone, stays a voice.
const FLOOR_MAX: u32 = 34_000;

/// How much louder than the noise behind it a voice is: 9 dB.
const ABOVE_FLOOR: u32 = 8;

/// Whether somebody began or ended to talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TalkChange {
    Started,
    Stopped,
}

/// What a detector is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TalkSettings {
    /// The lowest mean square that can be talk.
    pub(super) threshold: u32,
    /// Frames of silence after which talk is over.
    pub(super) hangover: u16,
}

/// Listens to one voice, frame by frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct TalkDetector {
    /// The noise behind the voice, as a mean square.
    floor: u32,
    /// The voice's own level, smoothed.
    level: u32,
    state: Talk,
}

#[derive(Debug, Clone, Copy)]
enum Talk {
    Quiet,
    /// Sound, for so many frames.
    Rising(u8),
    /// A sound that was too short, so many frames ago at most.
    Click(u16),
    /// Talk; and so many frames of silence in it so far.
    Talking(u16),
}

impl TalkDetector {
    pub(super) fn new() -> Self {
        Self {
            floor: 1,
            level: 0,
            state: Talk::Quiet,
        }
    }

    /// Hears a frame of this mean square, or that nothing came.
    pub(super) fn hear(&mut self, mean: Option<u32>, settings: TalkSettings) -> Option<TalkChange> {
        let loud = mean.is_some_and(|mean| mean > self.threshold(settings));
        if let Some(mean) = mean {
            self.learn(mean);
        }
        let mean = mean.unwrap_or(0);
        self.level = if mean > self.level {
            self.level / 2 + mean / 2
        } else {
            self.level - (self.level - mean) / 16
        };
        self.advance(loud, settings.hangover)
    }

    fn advance(&mut self, loud: bool, hangover: u16) -> Option<TalkChange> {
        let (state, change) = match (self.state, loud) {
            (Talk::Talking(_), true) => (Talk::Talking(0), None),
            (Talk::Talking(silent), false) if silent >= hangover => {
                (Talk::Quiet, Some(TalkChange::Stopped))
            }
            (Talk::Talking(silent), false) => (Talk::Talking(silent + 1), None),
            (Talk::Rising(frames), true) if frames + 1 >= ATTACK => {
                (Talk::Talking(0), Some(TalkChange::Started))
            }
            (Talk::Rising(frames), true) => (Talk::Rising(frames + 1), None),
            (Talk::Quiet | Talk::Click(_), true) => (Talk::Rising(1), None),
            (Talk::Rising(_), false) => (Talk::Click(CLICK), None),
            (Talk::Click(left), false) if left > 1 => (Talk::Click(left - 1), None),
            (Talk::Click(_) | Talk::Quiet, false) => (Talk::Quiet, None),
        };
        self.state = state;
        change
    }

    /// From when on a frame is loud: with a little less once it was, so that a voice at the border
    /// does not flutter.
    fn threshold(&self, settings: TalkSettings) -> u32 {
        let threshold = settings.threshold.max(self.floor * ABOVE_FLOOR);
        match self.state {
            Talk::Talking(_) => threshold / 2,
            Talk::Quiet | Talk::Rising(_) | Talk::Click(_) => threshold,
        }
    }

    /// The floor falls quickly, in the pauses between words, and rises by 3 dB a second, so that
    /// talk does not lift it above itself.
    fn learn(&mut self, mean: u32) {
        if mean < self.floor {
            self.floor -= (self.floor - mean) / 4;
        } else {
            let risen = self.floor + self.floor / 64 + 1;
            self.floor = risen.min(mean).min(FLOOR_MAX);
        }
    }

    /// Whether the voice is to be passed on: from the first loud frame to the end of the hangover.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, Talk::Quiet)
    }

    /// Whether it was said to talk.
    pub(super) fn is_talking(&self) -> bool {
        matches!(self.state, Talk::Talking(_))
    }

    /// How loud it is of late, as a mean square.
    pub(super) fn level(&self) -> u32 {
        self.level
    }
}

/// The mean of squared samples.
pub(super) fn mean_square(pcm: &[i16]) -> u32 {
    let squares: u64 = pcm
        .chunks(16)
        .map(|chunk| {
            // 16 squares of 31 bits, each without its last three, fit into 32.
            let sum: u32 = chunk.iter().map(|&sample| square(sample) >> 3).sum();
            u64::from(sum) << 3
        })
        .sum();
    u32::try_from(squares / pcm.len().max(1) as u64).unwrap_or(u32::MAX)
}

fn square(sample: i16) -> u32 {
    let size = u32::from(sample.unsigned_abs());
    size * size
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: TalkSettings = TalkSettings {
        threshold: 10_737,
        hangover: 20,
    };

    /// The frame at which each change came, for levels given as mean squares.
    fn changes(levels: impl IntoIterator<Item = u32>) -> Vec<(usize, TalkChange)> {
        let mut detector = TalkDetector::new();
        let hear = |level| detector.hear(Some(level), SETTINGS);
        let changes = levels.into_iter().map(hear).enumerate();
        changes
            .filter_map(|(at, change)| change.map(|change| (at, change)))
            .collect()
    }

    fn frames(level: u32, count: usize) -> impl Iterator<Item = u32> {
        std::iter::repeat_n(level, count)
    }

    const SPEECH: u32 = 2_700_000;

    #[test]
    fn levels_are_those_of_rfc_6464() {
        assert_eq!(Level(50).mean_square(), 10_737);
        assert_eq!(Level::of_mean_square(10_737), Level(50));
        assert_eq!(Level(0).mean_square(), 1 << 30);
        assert_eq!(Level::of_mean_square(0), Level(90));
        assert_eq!(mean_square(&[i16::MIN; 160]), 1 << 30);
        assert_eq!(mean_square(&[]), 0);
        assert!(mean_square(&[100; 160]).abs_diff(10_000) < 4);
    }

    #[test]
    fn talk_begins_after_the_attack_and_ends_after_the_hangover() {
        let said = frames(0, 10).chain(frames(SPEECH, 30)).chain(frames(0, 60));
        let expected = [(12, TalkChange::Started), (60, TalkChange::Stopped)];
        assert_eq!(changes(said), expected);
    }

    #[test]
    fn a_pause_between_words_is_no_end() {
        let word = || frames(SPEECH, 15).chain(frames(100, 15));
        let said = word().chain(word()).chain(word());
        assert_eq!(changes(said), [(2, TalkChange::Started)]);
    }

    #[test]
    fn a_click_is_passed_on_but_is_no_talk() {
        let mut detector = TalkDetector::new();
        detector.hear(Some(SPEECH), SETTINGS);
        assert!(detector.is_open() && !detector.is_talking());
        for _ in 0..CLICK {
            assert!(detector.is_open());
            assert_eq!(detector.hear(Some(0), SETTINGS), None);
        }
        detector.hear(Some(0), SETTINGS);
        assert!(!detector.is_open());
    }

    #[test]
    fn steady_noise_is_learned_and_speech_over_it_is_still_heard() {
        // A fan at -46 dBov, above the threshold until it is known.
        let fan = 27_000;
        let said = frames(fan, 1500)
            .chain(frames(SPEECH, 20))
            .chain(frames(fan, 50));
        let changes = changes(said);
        assert_eq!(changes.len(), 4, "{changes:?}");
        assert!(changes[1].0 < 800, "{changes:?}");
        assert_eq!(changes[2], (1502, TalkChange::Started));
        assert!(changes[3].0 <= 1541, "{changes:?}");
    }

    #[test]
    fn somebody_who_talks_for_a_minute_does_not_become_noise() {
        let said = (0..3000).map(|n| if n % 100 < 90 { SPEECH } else { 500 });
        assert_eq!(changes(said), [(2, TalkChange::Started)]);
        assert_eq!(changes(frames(SPEECH, 3000)).len(), 1);
    }
}
