//! One band: what is expected next, and how large the steps are (blocks 3 and 4 of G.722).

/// The inverse quantizer of the four upper bits of the lower band (table 12), the only one the
/// predictor follows, so that lower modes keep in step.
const LOW_STEPS: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];

/// By how much each of these bits changes the lower band's scale (tables 13 and 14).
const LOW_GROWTH: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];

/// The inverse quantizer of the upper band.
const HIGH_STEPS: [i32; 4] = [-7408, -1616, 7408, 1616];

/// By how much each of its codes changes the upper band's scale.
const HIGH_GROWTH: [i32; 4] = [798, -214, 798, -214];

/// Powers of two in steps of a 32nd (table 15).
const POWERS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// Cut to 16 bits.
pub(super) fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// The state of one band, the same at both ends of the line.
#[derive(Debug, Clone)]
pub(super) struct Band {
    /// The scale of the steps, linear and as a logarithm.
    scale: i32,
    log_scale: i32,
    predictor: Predictor,
}

impl Band {
    pub(super) fn low() -> Self {
        Self::with_scale(32)
    }

    pub(super) fn high() -> Self {
        Self::with_scale(8)
    }

    fn with_scale(scale: i32) -> Self {
        Self {
            scale,
            log_scale: 0,
            predictor: Predictor::default(),
        }
    }

    /// The scale of the steps.
    pub(super) fn scale(&self) -> i32 {
        self.scale
    }

    /// The sample that is expected next.
    pub(super) fn expected(&self) -> i32 {
        self.predictor.signal
    }

    /// Takes the four upper bits of the lower band's code.
    pub(super) fn take_low(&mut self, code: usize) {
        let difference = (self.scale * LOW_STEPS[code & 15]) >> 15;
        self.grow(LOW_GROWTH[code & 15], 18_432, 8);
        self.predictor.take(difference);
    }

    /// Takes the upper band's code; the difference it stands for.
    pub(super) fn take_high(&mut self, code: usize) -> i32 {
        let difference = (self.scale * HIGH_STEPS[code & 3]) >> 15;
        self.grow(HIGH_GROWTH[code & 3], 22_528, 10);
        self.predictor.take(difference);
        difference
    }

    /// Blocks LOGSCL and SCALEL or their twins of the upper band.
    fn grow(&mut self, by: i32, most: i32, shift: i32) {
        self.log_scale = (((self.log_scale * 127) >> 7) + by).clamp(0, most);
        let fraction = usize::try_from((self.log_scale >> 6) & 31).unwrap_or(0);
        let exponent = shift - (self.log_scale >> 11);
        let power = POWERS[fraction];
        let power = if exponent < 0 {
            power << -exponent
        } else {
            power >> exponent
        };
        self.scale = power << 2;
    }
}

/// Two poles and six zeros that follow the signal by the signs of what they missed (block 4).
#[derive(Debug, Clone, Default)]
struct Predictor {
    /// What it expects: by all coefficients, and by the zeros alone.
    signal: i32,
    by_zeros: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The last two signals, and the last two that the zeros alone would have given.
    signals: [i32; 2],
    partial: [i32; 2],
    differences: [i32; 6],
}

impl Predictor {
    fn take(&mut self, difference: i32) {
        let signal = saturate(self.signal + difference);
        let partial = saturate(self.by_zeros + difference);
        self.move_poles(partial);
        self.move_zeros(difference);
        self.signals = [signal, self.signals[0]];
        self.partial = [partial, self.partial[0]];
        self.differences.copy_within(0..5, 1);
        self.differences[0] = difference;
        let weighted = |coefficient: i32, value: i32| (coefficient * saturate(2 * value)) >> 15;
        let by_poles =
            weighted(self.poles[0], self.signals[0]) + weighted(self.poles[1], self.signals[1]);
        let pairs = self.zeros.iter().zip(&self.differences);
        let by_zeros: i32 = pairs.map(|(&zero, &value)| weighted(zero, value)).sum();
        self.by_zeros = saturate(by_zeros);
        self.signal = saturate(saturate(by_poles) + self.by_zeros);
    }

    /// Blocks UPPOL2 and UPPOL1.
    fn move_poles(&mut self, partial: i32) {
        let same = |former: i32| (partial < 0) == (former < 0);
        let first = saturate(4 * self.poles[0]);
        let first = if same(self.partial[0]) {
            (-first).min(32_767)
        } else {
            first
        };
        let leaning = if same(self.partial[1]) { 128 } else { -128 };
        let second = (first >> 7) + leaning + ((self.poles[1] * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);
        let leaning = if same(self.partial[0]) { 192 } else { -192 };
        let limit = saturate(15_360 - second);
        let first = saturate(leaning + ((self.poles[0] * 32_640) >> 15)).clamp(-limit, limit);
        self.poles = [first, second];
    }

    /// Block UPZERO.
    fn move_zeros(&mut self, difference: i32) {
        let leaning = if difference == 0 { 0 } else { 128 };
        for (zero, &former) in self.zeros.iter_mut().zip(&self.differences) {
            let same = (difference < 0) == (former < 0);
            let leaning = if same { leaning } else { -leaning };
            *zero = saturate(leaning + ((*zero * 32_640) >> 15));
        }
    }
}
