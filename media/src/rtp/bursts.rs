//! How losses cluster: bursts and the gaps between them (RFC 3611 section 4.7.2 and appendix A.2).

/// So many packets received in a row end a burst.
pub const GMIN: u64 = 16;

/// Tells bursts of loss from single losses. A burst begins and ends with a lost packet and has no
/// [`GMIN`] received packets in a row in it; everything else is gap. A packet that comes out of
/// order counts as lost here: what matters is when it was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bursts {
    /// Packets, lost ones included.
    packets: u64,
    lost: u64,
    /// Unbroken series of lost packets.
    runs: u64,
    /// Finished bursts, and the packets and losses in them.
    bursts: u64,
    packets_in_bursts: u64,
    lost_in_bursts: u64,
    /// The losses that may become a burst, and the packets from the first to the last of them.
    cluster: (u64, u64),
    /// Packets received since the last loss.
    since: u64,
}

/// Bursts and gaps, as they are so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BurstFigures {
    /// Share lost within bursts, 0 to 1.
    pub burst_density: f64,
    /// Share lost within gaps.
    pub gap_density: f64,
    /// Mean length of a burst, in packets.
    pub burst_packets: f64,
    /// Mean length of a gap, in packets.
    pub gap_packets: f64,
}

impl Bursts {
    /// Takes in a packet, after so many that are missing.
    pub fn receive(&mut self, missing: u32) {
        if missing > 0 {
            self.lose(u64::from(missing));
        }
        self.packets += 1;
        self.since += 1;
    }

    /// Totals to take the difference of two moments by: packets lost, and series of lost packets.
    #[must_use]
    pub fn runs(&self) -> (u64, u64) {
        (self.lost, self.runs)
    }

    /// The figures so far.
    #[must_use]
    pub fn figures(&self) -> BurstFigures {
        let mut all = *self;
        all.close();
        let ratio = |part: u64, whole: u64| {
            if whole == 0 {
                0.0
            } else {
                part as f64 / whole as f64
            }
        };
        let packets_in_gaps = all.packets.saturating_sub(all.packets_in_bursts);
        BurstFigures {
            burst_density: ratio(all.lost_in_bursts, all.packets_in_bursts),
            gap_density: ratio(all.lost - all.lost_in_bursts, packets_in_gaps),
            burst_packets: ratio(all.packets_in_bursts, all.bursts),
            gap_packets: ratio(packets_in_gaps, all.bursts + 1),
        }
    }

    fn lose(&mut self, missing: u64) {
        let (lost, _) = self.cluster;
        if lost > 0 && self.since < GMIN {
            self.cluster.0 += missing;
            self.cluster.1 += self.since + missing;
        } else {
            self.close();
            self.cluster = (missing, missing);
        }
        self.packets += missing;
        self.lost += missing;
        self.runs += 1;
        self.since = 0;
    }

    fn close(&mut self) {
        let (lost, packets) = self.cluster;
        if lost >= 2 {
            self.bursts += 1;
            self.lost_in_bursts += lost;
            self.packets_in_bursts += packets;
        }
        self.cluster = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x` is lost, anything else received.
    fn of(story: &str) -> Bursts {
        let mut bursts = Bursts::default();
        let mut missing = 0;
        for packet in story.chars() {
            if packet == 'x' {
                missing += 1;
            } else {
                bursts.receive(missing);
                missing = 0;
            }
        }
        bursts
    }

    #[test]
    fn single_losses_far_apart_are_no_burst() {
        let story = format!("{0}x{0}x{0}", "-".repeat(20));
        let figures = of(&story).figures();
        assert_eq!(figures.burst_packets, 0.0);
        assert!((figures.gap_density - 2.0 / 62.0).abs() < 1e-9);
        assert_eq!(of(&story).runs(), (2, 2));
    }

    #[test]
    fn losses_near_each_other_are_one_burst() {
        let story = format!("{0}xx--x{0}x{0}", "-".repeat(40));
        let figures = of(&story).figures();
        assert_eq!(figures.burst_packets, 5.0);
        assert!((figures.burst_density - 0.6).abs() < 1e-9);
        assert_eq!(figures.gap_packets, 121.0 / 2.0);
        assert_eq!(of(&story).runs(), (4, 3));
    }

    #[test]
    fn a_burst_under_way_is_counted() {
        assert_eq!(of("--xxx-").figures().burst_packets, 3.0);
    }
}
