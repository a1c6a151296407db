//! One direction of a bad network, on made-up time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::{Impairment, Jitter, Loss, Order};

/// Most packets on the way at once; more are lost, as in any queue.
const MOST: usize = 10_000;

/// A generator that gives the same numbers in every run.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// A generator that begins with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 up to 1.
    pub fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = u32::try_from(self.0 >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    /// True with this probability.
    pub fn hits(&mut self, probability: f64) -> bool {
        self.roll() < probability
    }
}

/// What became of the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkStats {
    /// Given to it.
    pub sent: u64,
    /// Lost.
    pub lost: u64,
    /// Doubled.
    pub doubled: u64,
    /// Delivered, copies included.
    pub delivered: u64,
}

/// A bad network, one way. Told of packets and of the time; says what arrives when.
#[derive(Debug)]
pub struct Link {
    impairment: Impairment,
    dice: Dice,
    began: Option<Instant>,
    bad_time: bool,
    /// Packets by arrival, then by number.
    way: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    number: u64,
    latest: Option<Instant>,
    stats: LinkStats,
}

impl Link {
    /// A network like this; the same seed does the same to the same packets.
    #[must_use]
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        Self {
            impairment,
            dice: Dice::new(seed),
            began: None,
            bad_time: false,
            way: BinaryHeap::new(),
            number: 0,
            latest: None,
            stats: LinkStats::default(),
        }
    }

    /// Takes a packet.
    pub fn send(&mut self, now: Instant, packet: &[u8]) {
        self.stats.sent += 1;
        let began = *self.began.get_or_insert(now);
        if self.is_lost() || self.way.len() >= MOST {
            self.stats.lost += 1;
            return;
        }
        let copies = 1 + u32::from(self.dice.hits(self.impairment.duplicates));
        self.stats.doubled += u64::from(copies - 1);
        for _ in 0..copies {
            let elapsed = now.saturating_duration_since(began);
            let drift = elapsed.mul_f64((self.impairment.drift / 1e6).max(0.0));
            let mut at = now + self.impairment.delay + drift + self.jitter(elapsed);
            if self.impairment.order == Order::Kept {
                at = self.latest.map_or(at, |latest| latest.max(at));
                self.latest = Some(at);
            }
            self.number += 1;
            self.way.push(Reverse((at, self.number, packet.to_vec())));
        }
    }

    /// A packet that has arrived by now.
    pub fn poll(&mut self, now: Instant) -> Option<Vec<u8>> {
        let Reverse((at, ..)) = self.way.peek()?;
        if *at > now {
            return None;
        }
        self.stats.delivered += 1;
        self.way.pop().map(|Reverse((_, _, packet))| packet)
    }

    /// When the next one arrives.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.way.peek().map(|Reverse((at, ..))| *at)
    }

    /// What became of the packets so far.
    #[must_use]
    pub fn stats(&self) -> LinkStats {
        self.stats
    }

    fn is_lost(&mut self) -> bool {
        match self.impairment.loss {
            Loss::None => false,
            Loss::Random(share) => self.dice.hits(share),
            Loss::Bursts { begin, end, lost } => {
                let turns = if self.bad_time { end } else { begin };
                self.bad_time ^= self.dice.hits(turns);
                self.bad_time && self.dice.hits(lost)
            }
        }
    }

    fn jitter(&mut self, elapsed: Duration) -> Duration {
        let roll = self.dice.roll();
        match self.impairment.jitter {
            Jitter::None => Duration::ZERO,
            Jitter::Uniform(most) => most.mul_f64(roll),
            Jitter::HalfNormal(deviation) => {
                let radius = (-2.0 * roll.max(1e-9).ln()).sqrt();
                let angle = self.dice.roll() * std::f64::consts::TAU;
                deviation.mul_f64((radius * angle.cos()).abs())
            }
            Jitter::Exponential(mean) => mean.mul_f64(-roll.max(1e-6).ln()),
            Jitter::Bunches(count, apart) => {
                let bunch = (apart * count).as_nanos().max(1);
                let into = elapsed.as_nanos() % bunch;
                Duration::from_nanos(u64::try_from(bunch - into).unwrap_or(0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    /// Sends numbered packets every 20 ms; what arrives, and after how long.
    fn run(impairment: Impairment, seed: u64, packets: u32) -> Vec<(u32, Duration)> {
        let mut link = Link::new(impairment, seed);
        let start = Instant::now();
        let mut arrived = Vec::new();
        let deliver = |link: &mut Link, until: Instant, arrived: &mut Vec<_>| {
            while let Some(at) = link.poll_timeout().filter(|at| *at <= until) {
                let packet = link.poll(at).unwrap();
                let number = u32::from_be_bytes(packet.try_into().unwrap());
                arrived.push((number, at - (start + FRAME * number)));
            }
        };
        for number in 0..packets {
            let now = start + FRAME * number;
            deliver(&mut link, now, &mut arrived);
            link.send(now, &number.to_be_bytes());
        }
        deliver(&mut link, start + FRAME * (packets + 1000), &mut arrived);
        arrived
    }

    fn longest_gap(arrived: &[(u32, Duration)]) -> u32 {
        arrived
            .windows(2)
            .map(|w| w[1].0 - w[0].0 - 1)
            .max()
            .unwrap()
    }

    #[test]
    fn the_same_seed_does_the_same() {
        let impairment = Impairment {
            jitter: Jitter::Exponential(FRAME),
            loss: Loss::Random(0.1),
            duplicates: 0.05,
            ..Impairment::default()
        };
        assert_eq!(run(impairment, 1, 500), run(impairment, 1, 500));
        assert_ne!(run(impairment, 1, 500), run(impairment, 2, 500));
    }

    #[test]
    fn a_good_network_changes_nothing() {
        let arrived = run(Impairment::default(), 1, 100);
        let untouched: Vec<_> = (0..100).map(|n| (n, Duration::ZERO)).collect();
        assert_eq!(arrived, untouched);
    }

    #[test]
    fn loss_is_as_frequent_as_asked_and_comes_in_bursts_if_asked() {
        let random = Impairment {
            loss: Loss::Random(0.05),
            ..Impairment::default()
        };
        let bursts = Impairment {
            loss: Loss::Bursts {
                begin: 0.01,
                end: 0.19,
                lost: 1.0,
            },
            ..Impairment::default()
        };
        let (random, bursts) = (run(random, 3, 10_000), run(bursts, 3, 10_000));
        for arrived in [&random, &bursts] {
            assert!((9400..9600).contains(&arrived.len()), "{}", arrived.len());
        }
        assert!(longest_gap(&random) <= 4 && longest_gap(&bursts) >= 8);
    }

    #[test]
    fn packets_overtake_each_other_unless_order_is_kept() {
        let mut impairment = Impairment {
            jitter: Jitter::Uniform(FRAME * 3),
            ..Impairment::default()
        };
        let is_ordered = |arrived: &[(u32, Duration)]| arrived.is_sorted_by_key(|(n, _)| *n);
        let arrived = run(impairment, 5, 1000);
        assert!(!is_ordered(&arrived) && arrived.len() == 1000);
        assert!(arrived.iter().all(|(_, late)| *late <= FRAME * 3));
        impairment.order = Order::Kept;
        assert!(is_ordered(&run(impairment, 5, 1000)));
    }

    #[test]
    fn bunches_arrive_together_and_a_slow_clock_drifts_away() {
        let bunches = Impairment {
            jitter: Jitter::Bunches(5, FRAME),
            ..Impairment::default()
        };
        let arrived = run(bunches, 1, 100);
        let lateness: Vec<_> = arrived[..5].iter().map(|(_, late)| *late / 20).collect();
        assert!(lateness.is_sorted_by(|one, two| one > two));
        let drifting = Impairment {
            drift: 200.0,
            ..Impairment::default()
        };
        let arrived = run(drifting, 1, 50 * 60);
        let (_, last) = arrived.last().unwrap();
        assert!(last.abs_diff(Duration::from_millis(12)) < Duration::from_millis(1));
    }
}
