//! What a receiver keeps of one sender: extended sequence numbers, loss and jitter
//! (RFC 3550 appendices A.1, A.3 and A.8).

use std::time::{Duration, Instant};

use crate::rtp::{Bursts, ClockRate, RtpHeader};
use crate::time::RtpTime;

/// A gap wider than this is taken for a restarted sender.
const MAX_DROPOUT: u16 = 3000;

/// A packet this much older than the newest is taken for a restarted sender.
const MAX_MISORDER: u16 = 100;

/// Where extended numbers begin: a whole cycle up, so that a packet from before the first has one.
const FIRST_CYCLE: u32 = 0x1_0000;

/// The receiver's view of the far end's stream, across restarts of it.
#[derive(Debug, Clone)]
pub struct RtpSource {
    clock: ClockRate,
    ssrc: u32,
    /// Counts streams: a new SSRC or a restarted sequence is another one.
    epoch: u32,
    base: u32,
    newest: u32,
    /// The sequence number that, should it come next, proves a restart.
    suspect: Option<u16>,
    /// Which of the 64 numbers up to the newest have come; bit 0 is the newest.
    seen: u64,
    received: u64,
    /// Totals of the streams before this one.
    former_received: u64,
    former_lost: u64,
    expected_at_report: u64,
    received_at_report: u64,
    transit: Option<(Instant, RtpTime)>,
    /// In 1/16 of a timestamp unit.
    jitter: u32,
    bursts: Bursts,
}

/// How a packet fits into its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its sequence number, extended so that it does not wrap; begins above 65 535, so that a
    /// packet from before the first one still has a number.
    pub extended: u32,
    /// Which stream of the far end it belongs to; a change means a restart.
    pub epoch: u32,
}

/// What became of a stream's packets so far: the numbers of a reception report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reception {
    /// The sender.
    pub ssrc: u32,
    /// Packets received, over all streams of this sender's leg.
    pub received: u64,
    /// Packets lost, over all streams. Late packets fill their gap; duplicates do not count.
    pub lost: u64,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// The highest sequence number with its cycles.
    pub highest: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
}

impl RtpSource {
    /// A source that begins with this packet and counts time by this clock.
    #[must_use]
    pub fn new(header: &RtpHeader, arrived: Instant, clock: ClockRate) -> Self {
        let first = FIRST_CYCLE | u32::from(header.sequence);
        Self {
            clock,
            ssrc: header.ssrc,
            epoch: 0,
            base: first,
            newest: first,
            suspect: None,
            seen: 1,
            received: 1,
            former_received: 0,
            former_lost: 0,
            expected_at_report: 0,
            received_at_report: 0,
            transit: Some((arrived, header.time)),
            jitter: 0,
            bursts: Bursts::default(),
        }
    }

    /// The sender.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The stream that is under way.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// From now on the sender counts time by this clock: another codec was agreed on.
    pub fn set_clock(&mut self, clock: ClockRate) {
        if clock != self.clock {
            let same = self.clock.duration(u64::from(self.jitter));
            self.jitter = clock.units(same);
            self.transit = None;
            self.clock = clock;
        }
    }

    /// The clock it counts time by.
    #[must_use]
    pub fn clock(&self) -> ClockRate {
        self.clock
    }

    /// Takes a packet; `None` when it is a duplicate, too old to place, or the first after a jump
    /// that the next packet has yet to confirm.
    pub fn receive(&mut self, header: &RtpHeader, arrived: Instant) -> Option<Arrival> {
        let epoch = self.epoch;
        let arrival = self.place(header, arrived)?;
        if arrival.epoch == epoch {
            self.measure_jitter(header.time, arrived);
        }
        Some(arrival)
    }

    /// Like [`RtpSource::receive`] for a packet whose timestamp is not its own: all reports on a key
    /// carry that of its beginning (RFC 4733 section 2.5.1.2), which is no jitter.
    pub fn place(&mut self, header: &RtpHeader, arrived: Instant) -> Option<Arrival> {
        if header.ssrc != self.ssrc {
            return Some(self.restart(header, arrived));
        }
        let ahead = header.sequence.wrapping_sub(low(self.newest));
        let extended = if ahead == 0 {
            return None;
        } else if ahead < MAX_DROPOUT {
            self.suspect = None;
            self.bursts.receive(u32::from(ahead) - 1);
            self.newest = self.newest.wrapping_add(u32::from(ahead));
            self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.newest
        } else if ahead > u16::MAX - MAX_MISORDER {
            self.place_late(u16::MAX - ahead + 1)?
        } else if self.suspect == Some(header.sequence) {
            return Some(self.restart(header, arrived));
        } else {
            self.suspect = Some(header.sequence.wrapping_add(1));
            return None;
        };
        self.received += 1;
        Some(self.arrival(extended))
    }

    /// The numbers so far.
    #[must_use]
    pub fn reception(&self) -> Reception {
        let lost = self.expected().saturating_sub(self.received);
        Reception {
            ssrc: self.ssrc,
            received: self.former_received + self.received,
            lost: self.former_lost + lost,
            fraction_lost: self.fraction_lost(),
            highest: self.newest.wrapping_sub(FIRST_CYCLE),
            jitter: self.jitter >> 4,
        }
    }

    /// The numbers so far; the next fraction lost counts from here.
    pub fn report(&mut self) -> Reception {
        let reception = self.reception();
        self.expected_at_report = self.expected();
        self.received_at_report = self.received;
        reception
    }

    /// Interarrival jitter.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        self.clock.duration(u64::from(self.jitter >> 4))
    }

    /// How its losses cluster.
    #[must_use]
    pub fn bursts(&self) -> &Bursts {
        &self.bursts
    }

    fn arrival(&self, extended: u32) -> Arrival {
        Arrival {
            extended,
            epoch: self.epoch,
        }
    }

    fn place_late(&mut self, behind: u16) -> Option<u32> {
        let bit = 1u64.checked_shl(u32::from(behind))?;
        if self.seen & bit != 0 {
            return None;
        }
        self.seen |= bit;
        let extended = self.newest - u32::from(behind);
        self.base = self.base.min(extended);
        Some(extended)
    }

    /// Begins another stream with this packet; the totals stay.
    pub fn restart(&mut self, header: &RtpHeader, arrived: Instant) -> Arrival {
        let before = self.reception();
        *self = Self {
            epoch: self.epoch.wrapping_add(1),
            former_received: before.received,
            former_lost: before.lost,
            jitter: self.jitter,
            bursts: self.bursts,
            ..Self::new(header, arrived, self.clock)
        };
        self.first_arrival()
    }

    /// The place of the packet the stream began with.
    #[must_use]
    pub fn first_arrival(&self) -> Arrival {
        self.arrival(self.base)
    }

    fn expected(&self) -> u64 {
        u64::from(self.newest.wrapping_sub(self.base)) + 1
    }

    fn fraction_lost(&self) -> u8 {
        let expected = self.expected() - self.expected_at_report.min(self.expected());
        let received = self.received - self.received_at_report;
        let lost = expected.saturating_sub(received);
        // All 256 of 256 does not fit; 255 is as near as the field gets.
        let share = (lost * 256).checked_div(expected).unwrap_or(0);
        u8::try_from(share).unwrap_or(u8::MAX)
    }

    fn measure_jitter(&mut self, sent: RtpTime, arrived: Instant) {
        if let Some((last_arrived, last_sent)) = self.transit {
            let apart = arrived.saturating_duration_since(last_arrived);
            let apart = i64::from(self.clock.units(apart));
            let change = (apart - i64::from(sent.since(last_sent))).unsigned_abs();
            // A jump in the timestamps, such as after silence, is not jitter.
            if change < u64::from(self.clock.hertz()) {
                let change = u32::try_from(change).unwrap_or(0);
                self.jitter = self.jitter + change - ((self.jitter + 8) >> 4);
            }
        }
        self.transit = Some((arrived, sent));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
fn low(extended: u32) -> u16 {
    extended as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_time::epoch;

    fn header(sequence: u16) -> RtpHeader {
        RtpHeader {
            marker: false,
            payload_type: 0,
            sequence,
            time: RtpTime(u32::from(sequence).wrapping_mul(160)),
            ssrc: 7,
        }
    }

    fn source_after(sequences: &[u16]) -> RtpSource {
        let mut now = epoch();
        let mut source = RtpSource::new(&header(sequences[0]), now, ClockRate::new(8000));
        for &sequence in &sequences[1..] {
            now += Duration::from_millis(20);
            source.receive(&header(sequence), now);
        }
        source
    }

    #[test]
    fn numbers_go_on_across_the_wrap() {
        let mut source = source_after(&[65_534, 65_535]);
        let arrival = source.receive(&header(0), epoch()).unwrap();
        assert_eq!(arrival.extended, 0x2_0000);
        assert_eq!(source.reception().lost, 0);
        assert_eq!(source.reception().received, 3);
    }

    #[test]
    fn a_gap_is_loss_until_its_packet_comes_late() {
        let mut source = source_after(&[10, 11, 14]);
        assert_eq!(source.reception().lost, 2);
        assert_eq!(source.reception().fraction_lost, 102);
        let late = source.receive(&header(12), epoch()).unwrap();
        assert_eq!(late.extended, 0x1_0000 + 12);
        assert_eq!(source.report().lost, 1);
        assert_eq!(source.reception().fraction_lost, 0);
    }

    #[test]
    fn a_duplicate_counts_for_nothing() {
        let mut source = source_after(&[10, 11, 12]);
        for sequence in [12, 11, 10] {
            assert_eq!(source.receive(&header(sequence), epoch()), None);
        }
        assert_eq!(source.reception().received, 3);
    }

    #[test]
    fn one_wild_number_changes_nothing_and_two_in_a_row_are_a_restart() {
        let mut source = source_after(&[10, 11]);
        assert_eq!(source.receive(&header(30_000), epoch()), None);
        assert_eq!(source.receive(&header(12), epoch()).unwrap().epoch, 0);
        assert_eq!(source.receive(&header(40_000), epoch()), None);
        let arrival = source.receive(&header(40_001), epoch()).unwrap();
        assert_eq!(arrival.epoch, 1);
        assert_eq!(source.reception().lost, 0);
        assert_eq!(source.reception().received, 4);
    }

    #[test]
    fn another_ssrc_is_another_stream_and_the_totals_stay() {
        let mut source = source_after(&[10, 12]);
        let other = RtpHeader {
            ssrc: 8,
            ..header(500)
        };
        let arrival = source.receive(&other, epoch()).unwrap();
        assert_eq!((arrival.epoch, source.ssrc()), (1, 8));
        let reception = source.reception();
        assert_eq!((reception.received, reception.lost), (3, 1));
    }

    #[test]
    fn jitter_settles_at_the_mean_deviation() {
        let start = epoch();
        let mut source = RtpSource::new(&header(0), start, ClockRate::new(8000));
        for n in 1..400u16 {
            // Every other packet comes 10 ms late: consecutive transits differ by 10 ms.
            let late = Duration::from_millis(u64::from(n % 2) * 10);
            let at = start + Duration::from_millis(20) * u32::from(n) + late;
            source.receive(&header(n), at);
        }
        let jitter = source.jitter().as_secs_f64();
        assert!((jitter - 0.010).abs() < 0.001, "{jitter}");
    }

    #[test]
    fn steady_packets_have_no_jitter() {
        let sequences: Vec<u16> = (0..100).collect();
        assert_eq!(source_after(&sequences).jitter(), Duration::ZERO);
    }

    #[test]
    fn jitter_is_measured_by_the_clock_and_not_by_keys() {
        let start = epoch();
        let at = |n: u16| start + Duration::from_millis(20) * u32::from(n);
        let header = |n: u16, time: u32| RtpHeader {
            time: RtpTime(time),
            ..header(n)
        };
        let mut source = RtpSource::new(&header(0, 0), start, ClockRate::new(48_000));
        for n in 1..100u16 {
            source.receive(&header(n, u32::from(n) * 960), at(n));
        }
        assert_eq!(source.jitter(), Duration::ZERO);
        for n in 100..120 {
            // All reports on a key carry the time of its beginning.
            source.place(&header(n, 96_000), at(n));
        }
        source.receive(&header(120, 120 * 960), at(120));
        assert_eq!(source.jitter(), Duration::ZERO);
        source.set_clock(ClockRate::new(8000));
        source.receive(&header(121, 120 * 960 + 160), at(121));
        source.receive(&header(122, 120 * 960 + 320), at(122));
        assert_eq!(source.jitter(), Duration::ZERO);
    }
}
