//! How late packets come, compared to the quickest of the last seconds.

/// Packets looked back on: five seconds of 20 ms packets.
const WINDOW: usize = 256;

/// Of so many packets one may be later than the estimate.
const ONE_LATE_IN: usize = 200;

/// Spans of a quarter of a second whose quickest packets are remembered.
const SPANS: usize = 8;

/// An estimate of the delay that all but one in [`ONE_LATE_IN`] packets keep.
///
/// A packet's transit is its arrival less its time on the line; only differences of transits mean
/// anything. The base is the least transit of the last two seconds with packets, so that it follows
/// clocks that drift apart and a route that changes. The estimate is an order statistic of the
/// window, not an average: it rises with the first late packets, and falls once they have left.
#[derive(Debug)]
pub(super) struct DelayEstimate {
    /// Transits less `origin`, the newest at `next - 1`.
    transits: Box<[i32; WINDOW]>,
    count: usize,
    next: usize,
    origin: i64,
    spans: [Span; SPANS],
    /// The span under way.
    span: usize,
    /// The estimate as a transit less `origin`.
    late: i32,
    /// Packets since the estimate was made.
    since: usize,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    number: i64,
    least: i64,
}

impl DelayEstimate {
    pub(super) fn new() -> Self {
        let unused = Span {
            number: i64::MIN,
            least: i64::MAX,
        };
        Self {
            transits: Box::new([0; WINDOW]),
            count: 0,
            next: 0,
            origin: 0,
            spans: [unused; SPANS],
            span: 0,
            late: 0,
            since: 0,
        }
    }

    /// Packets it knows of, up to the size of its window.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Takes in a packet that came at `arrived`; `clock` is in units per second.
    pub(super) fn add(&mut self, arrived: i64, transit: i64, clock: u32) {
        if self.count == 0 {
            self.origin = transit;
        }
        let number = arrived / i64::from(clock / 4);
        if self.spans[self.span].number != number {
            self.span = (self.span + 1) % SPANS;
            self.spans[self.span] = Span {
                number,
                least: transit,
            };
        }
        let least = &mut self.spans[self.span].least;
        *least = transit.min(*least);
        let offset = (transit - self.origin).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        let entry = i32::try_from(offset).unwrap_or(0);
        self.transits[self.next] = entry;
        self.next = (self.next + 1) % WINDOW;
        self.count = (self.count + 1).min(WINDOW);
        self.since += 1;
        if entry > self.late || self.since >= 8 {
            self.since = 0;
            self.late = self.all_but_few();
        }
    }

    /// The transit of the quickest packets.
    pub(super) fn base(&self) -> i64 {
        self.spans.iter().map(|span| span.least).min().unwrap_or(0)
    }

    /// How much later than the quickest all but a few packets come, in units.
    pub(super) fn lateness(&self) -> i64 {
        (self.origin + i64::from(self.late) - self.base()).max(0)
    }

    /// The greatest transit but for the few that may be late.
    fn all_but_few(&self) -> i32 {
        let seen = &self.transits[..self.count];
        let (mut greatest, mut second) = (i32::MIN, i32::MIN);
        for &entry in seen {
            second = second.max(entry.min(greatest));
            greatest = greatest.max(entry);
        }
        if self.count < ONE_LATE_IN {
            greatest
        } else {
            second
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: u32 = 8000;

    fn feed(estimate: &mut DelayEstimate, from: i64, lateness: impl Iterator<Item = i64>) -> i64 {
        let mut sent = from;
        for late in lateness {
            estimate.add(sent + late, late, CLOCK);
            sent += 160;
        }
        sent
    }

    #[test]
    fn late_packets_raise_it_at_once_and_leave_after_five_seconds() {
        let mut estimate = DelayEstimate::new();
        let at = feed(&mut estimate, 0, [0; 300].into_iter());
        assert_eq!(estimate.lateness(), 0);
        let at = feed(&mut estimate, at, [400, 0, 0, 320].into_iter());
        assert_eq!(estimate.lateness(), 320);
        let at = feed(&mut estimate, at, [0; 250].into_iter());
        assert_eq!(estimate.lateness(), 320);
        feed(&mut estimate, at, [0; 16].into_iter());
        assert_eq!(estimate.lateness(), 0);
    }

    #[test]
    fn one_packet_in_two_hundred_may_be_late() {
        let mut estimate = DelayEstimate::new();
        let at = feed(&mut estimate, 0, [0; 256].into_iter());
        feed(&mut estimate, at, [800, 0, 0, 0].into_iter());
        assert_eq!(estimate.lateness(), 0);
    }

    #[test]
    fn a_longer_way_is_the_new_base_after_two_seconds() {
        let mut estimate = DelayEstimate::new();
        let at = feed(&mut estimate, 0, [0; 300].into_iter());
        feed(&mut estimate, at, [800; 120].into_iter());
        assert_eq!((estimate.base(), estimate.lateness()), (800, 0));
    }
}
