//! How good a leg sounds, by the E-model (ITU-T G.107, 2015) with the default values of its table 2.
//!
//! All codecs are rated on the narrow-band scale, so that figures compare: 93.2 is the best there
//! is. What a wide-band codec gains over G.711 is left out, since the other party may not hear it.

use std::time::Duration;

use offhook_core::sdp::Codec;

use crate::rtp::{Bursts, Reception};

/// The rating without any impairment (G.107 section 7.7).
const BEST: f64 = 93.2;

/// Talker echo loudness rating, in dB.
const TELR: f64 = 65.0;

/// Weighted echo path loss, in dB.
const WEPL: f64 = 110.0;

/// Ro by the default levels and noises, in dB: also what talker echo is compared to.
const RO: f64 = 94.77;

/// Delay in a far end that does not tell it: its own frame and its sound card.
const FAR_END: Duration = Duration::from_millis(20);

/// The least sound that is rated, in seconds: of a few packets one that is missing would weigh like
/// a catastrophe.
const LEAST: f64 = 1.0;

/// A rating of the last seconds. In whole tenths and hundredths, so that equal ones are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rating {
    r_tenths: u16,
    mos_hundredths: u16,
}

impl Rating {
    /// By the transmission rating factor; below 0 and above 100 it is cut off.
    #[must_use]
    pub fn of(r: f64) -> Self {
        let r = r.clamp(0.0, 100.0);
        Self {
            r_tenths: whole(r * 10.0),
            mos_hundredths: whole(mos(r) * 100.0),
        }
    }

    /// The transmission rating factor R: 93 is excellent, below 50 hardly usable.
    #[must_use]
    pub fn r(self) -> f64 {
        f64::from(self.r_tenths) / 10.0
    }

    /// The mean opinion score of a conversation, 1 to 4.5 (G.107 annex B; MOS-CQE).
    #[must_use]
    pub fn mos(self) -> f64 {
        f64::from(self.mos_hundredths) / 100.0
    }
}

/// What the network and we did to the sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairments {
    /// The codec.
    pub codec: Codec,
    /// Share of the sound that did not come in time, 0 to 1.
    pub loss: f64,
    /// Mean length of a series of losses over that of as many random ones; 1 for random loss.
    pub burst_ratio: f64,
    /// From mouth to ear.
    pub delay: Duration,
}

impl Impairments {
    /// The rating of a conversation with these.
    #[must_use]
    pub fn rate(&self) -> Rating {
        Rating::of(self.listening() - delay_impairment(self.delay))
    }

    /// The rating of who only listens: without the delay.
    #[must_use]
    pub fn rate_listening(&self) -> Rating {
        Rating::of(self.listening())
    }

    fn listening(&self) -> f64 {
        let (ie, bpl) = equipment(self.codec);
        let loss = self.loss.clamp(0.0, 1.0) * 100.0;
        // G.107 equation 7-29.
        BEST - (ie + (95.0 - ie) * loss / (loss / self.burst_ratio.max(1.0) + bpl))
    }
}

/// Equipment impairment and packet-loss robustness of a codec (Ie and Bpl).
///
/// G.711 with concealment: ITU-T G.113 appendix I. That has no figures for Opus and G.722 on this
/// scale. Unimpaired they are no worse than G.711; how they bear loss is our estimate, between G.711
/// with concealment (25.1) and without (4.3). L16 is G.711 without its quantisation.
fn equipment(codec: Codec) -> (f64, f64) {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::L16Narrow | Codec::L16Wide => (0.0, 25.1),
        // Codecs to come are taken for the less robust.
        Codec::Opus | Codec::G722 | _ => (0.0, 11.3),
    }
}

/// What the delay costs more than none would: Idte, Idle and Idd (G.107 section 7.4).
fn delay_impairment(delay: Duration) -> f64 {
    let at = |t: f64| talker_echo(t) + listener_echo(2.0 * t) + long_delay(t);
    at(delay.as_secs_f64() * 1000.0) - at(0.0)
}

fn talker_echo(t: f64) -> f64 {
    let terv =
        TELR - 40.0 * ((1.0 + t / 10.0) / (1.0 + t / 150.0)).log10() + 6.0 * (-0.3 * t * t).exp();
    let half = (RO - (80.0 + 2.5 * (terv - 14.0))) / 2.0;
    (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-t).exp())
}

fn listener_echo(round_trip: f64) -> f64 {
    let half = (RO - 10.5 * (WEPL + 7.0) * (round_trip + 1.0).powf(-0.25)) / 2.0;
    half + (half * half + 169.0).sqrt()
}

fn long_delay(t: f64) -> f64 {
    if t <= 100.0 {
        return 0.0;
    }
    let x = (t / 100.0).log2();
    let part = |x: f64| (1.0 + x.powi(6)).powf(1.0 / 6.0);
    25.0 * (part(x) - 3.0 * part(x / 3.0) + 2.0)
}

/// G.107 annex B.
fn mos(r: f64) -> f64 {
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 1000"
)]
fn whole(value: f64) -> u16 {
    value.round() as u16
}

/// What is known of a leg's way when it is rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The codec.
    pub codec: Codec,
    /// Sound per packet.
    pub ptime: Duration,
    /// To the far end and back, if it reports.
    pub round_trip: Option<Duration>,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// The delay within the far end, if it tells.
    pub far_end: Option<Duration>,
    /// The wait in our jitter buffer; none where packets are passed on, and the other far end
    /// evens them out.
    pub buffered: Option<Duration>,
    /// Packets that our jitter buffer gave up although they came, in all.
    pub discarded: u64,
    /// Sound it made up, in all, for packets that came after all and were played later.
    pub stalled: Duration,
}

/// Rates a leg's sound from one look to the next.
#[derive(Debug, Clone, Copy, Default)]
pub struct QualityMeter {
    received: u64,
    lost: u64,
    discarded: u64,
    stalled: Duration,
    runs: (u64, u64),
}

impl QualityMeter {
    /// What became of the sound since the last look that told; `None` if too little was due, and
    /// then the next look takes it in.
    pub fn measure(
        &mut self,
        reception: &Reception,
        bursts: &Bursts,
        way: &Way,
    ) -> Option<Impairments> {
        let before = *self;
        let now = Self {
            received: reception.received,
            lost: reception.lost,
            discarded: way.discarded,
            stalled: way.stalled,
            runs: bursts.runs(),
        };
        let received = now.received.saturating_sub(before.received);
        // A packet that came late after all makes the total smaller.
        let lost = now.lost.saturating_sub(before.lost);
        let expected = received + lost;
        if expected == 0 || expected as f64 * way.ptime.as_secs_f64() < LEAST {
            if now.received < before.received {
                // Another stream, counted from nothing.
                *self = now;
            }
            return None;
        }
        *self = now;
        // What a stall delays may be passed over behind it: one gap for the ear, and not two.
        let discarded = now.discarded.saturating_sub(before.discarded);
        let stalled = now.stalled.saturating_sub(before.stalled).as_secs_f64();
        let stalled = stalled / way.ptime.as_secs_f64().max(0.001);
        let unheard = (discarded as f64).max(stalled).min(received as f64);
        let loss = (lost as f64 + unheard) / expected as f64;
        let in_runs = now.runs.0.saturating_sub(before.runs.0);
        let runs = now.runs.1.saturating_sub(before.runs.1);
        let burst_ratio = match runs {
            0 => 1.0,
            runs => (in_runs as f64 / runs as f64 * (1.0 - loss)).max(1.0),
        };
        Some(Impairments {
            codec: way.codec,
            loss,
            burst_ratio,
            delay: way.delay(),
        })
    }
}

impl Way {
    /// From the far end's mouth to our hand-over: half the round trip, the packet itself, the wait
    /// in a jitter buffer, and what the far end needs.
    fn delay(&self) -> Duration {
        let travel = self.round_trip.unwrap_or_default() / 2;
        // Where somebody else has the buffer it is taken for a usual one.
        let usual = (self.jitter * 3).max(Duration::from_millis(20));
        travel + self.ptime + self.buffered.unwrap_or(usual) + self.far_end.unwrap_or(FAR_END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impairments(loss: f64, delay: u64) -> Impairments {
        Impairments {
            codec: Codec::Pcmu,
            loss,
            burst_ratio: 1.0,
            delay: Duration::from_millis(delay),
        }
    }

    #[test]
    fn the_best_is_93_2_and_a_mos_of_4_41() {
        let best = impairments(0.0, 0).rate();
        assert_eq!((best.r(), best.mos()), (93.2, 4.41));
    }

    /// The shape of the curve in ITU-T G.114: flat to 150 ms, then falling.
    #[test]
    fn delay_costs_little_up_to_150_ms_and_much_beyond() {
        let r = |delay| impairments(0.0, delay).rate().r();
        assert!((88.5..91.5).contains(&r(150)), "{}", r(150));
        assert!((58.0..66.0).contains(&r(400)), "{}", r(400));
        assert!(r(50) > 91.0 && r(250) < 84.0);
        let falls = (0..100u64).all(|n| r(n * 10) >= r(n * 10 + 10));
        assert!(falls);
        // Who only listens does not mind.
        assert_eq!(impairments(0.0, 400).rate_listening().r(), 93.2);
    }

    #[test]
    fn loss_costs_by_the_codecs_robustness() {
        let r = |codec, loss, burst_ratio| {
            let all = Impairments {
                codec,
                burst_ratio,
                ..impairments(loss, 0)
            };
            all.rate().r()
        };
        // 93.2 − 95·5/(5 + 25.1).
        assert_eq!(r(Codec::Pcma, 0.05, 1.0), 77.4);
        assert!(r(Codec::Opus, 0.05, 1.0) < r(Codec::Pcma, 0.05, 1.0));
        assert!(r(Codec::Pcma, 0.05, 3.0) < r(Codec::Pcma, 0.05, 1.0));
        assert_eq!(Rating::of(-20.0).mos(), 1.0);
        assert_eq!(Rating::of(200.0).mos(), 4.5);
    }

    #[test]
    fn each_look_rates_what_came_since_the_last() {
        let way = Way {
            codec: Codec::Pcmu,
            ptime: Duration::from_millis(20),
            round_trip: Some(Duration::from_millis(60)),
            jitter: Duration::from_millis(2),
            far_end: None,
            buffered: None,
            discarded: 0,
            stalled: Duration::ZERO,
        };
        let mut meter = QualityMeter::default();
        let mut bursts = Bursts::default();
        let mut reception = Reception::default();
        assert_eq!(meter.measure(&reception, &bursts, &way), None);
        (0..250).for_each(|_| bursts.receive(0));
        reception.received = 250;
        let first = meter.measure(&reception, &bursts, &way).unwrap();
        assert_eq!((first.loss, first.burst_ratio), (0.0, 1.0));
        assert_eq!(first.delay, Duration::from_millis(30 + 20 + 20 + 20));
        // Twenty of 250 are lost, in series of four.
        for _ in 0..5 {
            bursts.receive(4);
            (0..45).for_each(|_| bursts.receive(0));
        }
        reception.received += 230;
        reception.lost += 20;
        let second = meter.measure(&reception, &bursts, &way).unwrap();
        assert!((second.loss - 0.08).abs() < 1e-9);
        assert!((second.burst_ratio - 4.0 * 0.92).abs() < 1e-9);
        assert!(second.rate() < first.rate());
        // What our own buffer gave up counts like what was lost.
        reception.received += 250;
        let late = Way {
            discarded: 25,
            ..way
        };
        let third = meter.measure(&reception, &bursts, &late).unwrap();
        assert!((third.loss - 0.1).abs() < 1e-9);
        // So does a stall; what was passed over behind it is the same gap.
        reception.received += 250;
        let stalled = Way {
            discarded: 25 + 5,
            stalled: Duration::from_millis(1000),
            ..way
        };
        let fourth = meter.measure(&reception, &bursts, &stalled).unwrap();
        assert!((fourth.loss - 0.2).abs() < 1e-9, "{fourth:?}");
    }

    #[test]
    fn a_few_packets_are_rated_with_those_that_follow_them() {
        let way = Way {
            codec: Codec::Pcmu,
            ptime: Duration::from_millis(20),
            round_trip: None,
            jitter: Duration::ZERO,
            far_end: None,
            buffered: None,
            discarded: 0,
            stalled: Duration::ZERO,
        };
        let mut meter = QualityMeter::default();
        let mut bursts = Bursts::default();
        // Two packets, and one that is missing between them.
        bursts.receive(0);
        bursts.receive(1);
        let mut reception = Reception {
            received: 2,
            lost: 1,
            ..Reception::default()
        };
        assert_eq!(meter.measure(&reception, &bursts, &way), None);
        (0..97).for_each(|_| bursts.receive(0));
        reception.received += 97;
        let measured = meter.measure(&reception, &bursts, &way).unwrap();
        assert!((measured.loss - 0.01).abs() < 1e-9, "{measured:?}");
    }
}
