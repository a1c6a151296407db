//! Whose packets a leg believes: symmetric RTP without letting strangers in.

use std::net::SocketAddr;

use crate::rtp::RtpHeader;

/// Packets in a row, of one source and in sequence, that another address than the agreed one must
/// send before it is believed. The agreed one, which needs one packet, has that long to be first.
const CONSISTENT: u8 = 4;

/// Strangers that may try at the same time. With room for one, somebody who sends into the gaps of
/// the far end's packets would keep it from ever being believed.
const CANDIDATES: usize = 4;

/// Where packets may come from. The address in the session description is believed at once;
/// behind a NAT the packets come from elsewhere, and then one other source is, once it has been
/// consistent for a few packets. Whoever came first stays until the description changes.
#[derive(Debug, Clone, Copy)]
pub struct Latch {
    agreed: SocketAddr,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open([Option<Candidate>; CANDIDATES]),
    Latched(SocketAddr),
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    sequence: u16,
    count: u8,
}

impl Latch {
    /// A latch for this description.
    #[must_use]
    pub fn new(agreed: SocketAddr) -> Self {
        Self {
            agreed,
            state: State::Open([None; CANDIDATES]),
        }
    }

    /// Whether a packet from there is believed.
    pub fn accepts(&mut self, from: SocketAddr, header: &RtpHeader) -> bool {
        let candidates = match &mut self.state {
            State::Latched(address) => return from == *address,
            State::Open(candidates) => candidates,
        };
        if from == self.agreed || is_consistent(candidates, from, header) {
            self.believe(from);
            return true;
        }
        false
    }

    /// Believes whoever is there from now on: its packet was authentic, so that nothing else has to
    /// speak for it.
    pub fn believe(&mut self, from: SocketAddr) {
        self.state = State::Latched(from);
    }

    /// Who is believed, once somebody is.
    #[must_use]
    pub fn latched(&self) -> Option<SocketAddr> {
        match self.state {
            State::Latched(address) => Some(address),
            State::Open(_) => None,
        }
    }

    /// Where to send: to who is believed, before that where the description says.
    #[must_use]
    pub fn destination(&self) -> SocketAddr {
        self.latched().unwrap_or(self.agreed)
    }

    /// Takes a new description; true when it names another address, which opens the latch.
    pub fn update(&mut self, agreed: SocketAddr) -> bool {
        if agreed == self.agreed {
            return false;
        }
        *self = Self::new(agreed);
        true
    }
}

/// Counts a packet for its sender; whether it was enough.
fn is_consistent(
    candidates: &mut [Option<Candidate>; CANDIDATES],
    from: SocketAddr,
    header: &RtpHeader,
) -> bool {
    let known = candidates
        .iter()
        .position(|slot| slot.is_some_and(|known| known.from == from));
    // The one that has proved least gives way.
    let least = || {
        let counts = candidates.iter().enumerate();
        counts.min_by_key(|(_, slot)| slot.map_or(0, |known| known.count))
    };
    let place = known
        .or_else(|| least().map(|(place, _)| place))
        .unwrap_or(0);
    let next = |known: &Candidate| {
        let same = known.from == from && known.ssrc == header.ssrc;
        same && known.sequence.wrapping_add(1) == header.sequence
    };
    let before = candidates[place].filter(next);
    let count = before.map_or(0, |known| known.count) + 1;
    candidates[place] = Some(Candidate {
        from,
        ssrc: header.ssrc,
        sequence: header.sequence,
        count,
    });
    count >= CONSISTENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::RtpTime;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn packet(ssrc: u32, sequence: u16) -> RtpHeader {
        RtpHeader {
            marker: false,
            payload_type: 0,
            sequence,
            time: RtpTime(0),
            ssrc,
        }
    }

    #[test]
    fn the_agreed_address_is_believed_at_once_and_alone() {
        let mut latch = Latch::new(at(1));
        assert_eq!(latch.destination(), at(1));
        assert!(latch.accepts(at(1), &packet(7, 1)));
        for sequence in 2..20 {
            assert!(!latch.accepts(at(2), &packet(8, sequence)));
        }
        assert_eq!(latch.latched(), Some(at(1)));
    }

    #[test]
    fn another_address_is_believed_after_consistent_packets() {
        let mut latch = Latch::new(at(1));
        let believed = [65_534, 65_535, 0, 1].map(|n| latch.accepts(at(2), &packet(7, n)));
        assert_eq!(believed, [false, false, false, true]);
        assert_eq!(latch.destination(), at(2));
        assert!(
            !latch.accepts(at(1), &packet(9, 1)),
            "first come, first served"
        );
    }

    #[test]
    fn a_source_that_changes_its_ssrc_or_skips_numbers_is_not_consistent() {
        let mut latch = Latch::new(at(1));
        for n in 0..40 {
            assert!(!latch.accepts(at(2), &packet(u32::from(n), n)));
            assert!(!latch.accepts(at(3), &packet(7, n * 2)));
        }
        let mut latch = Latch::new(at(1));
        for n in 0..40 {
            assert!(!latch.accepts(at(2), &packet(7, n * 2)));
        }
    }

    #[test]
    fn only_another_description_opens_the_latch_again() {
        let mut latch = Latch::new(at(1));
        latch.accepts(at(1), &packet(7, 1));
        assert!(!latch.update(at(1)));
        assert_eq!(latch.latched(), Some(at(1)));
        assert!(latch.update(at(5)));
        assert_eq!((latch.latched(), latch.destination()), (None, at(5)));
        assert!(latch.accepts(at(5), &packet(7, 2)));
    }

    #[test]
    fn who_sends_into_the_gaps_of_another_does_not_keep_it_out() {
        let mut latch = Latch::new(at(1));
        for n in 0..3 {
            assert!(!latch.accepts(at(2), &packet(7, n)));
            // Three strangers, each with packets that fit nowhere.
            for stranger in 3..6 {
                assert!(!latch.accepts(at(stranger), &packet(8, n * 9)));
            }
        }
        assert!(latch.accepts(at(2), &packet(7, 3)));
        assert_eq!(latch.destination(), at(2));
    }

    #[test]
    fn a_flood_from_many_addresses_does_not_push_out_who_is_nearly_believed() {
        let mut latch = Latch::new(at(1));
        for n in 0..3 {
            latch.accepts(at(2), &packet(7, n));
        }
        for stranger in 100..200 {
            assert!(!latch.accepts(at(stranger), &packet(8, 1)));
        }
        assert!(latch.accepts(at(2), &packet(7, 3)));
    }

    #[test]
    fn a_stranger_that_copies_the_source_of_another_does_not_finish_its_run() {
        let mut latch = Latch::new(at(1));
        for n in 0..3 {
            latch.accepts(at(2), &packet(7, n));
        }
        assert!(!latch.accepts(at(3), &packet(7, 3)));
        assert!(latch.accepts(at(2), &packet(7, 3)));
    }

    #[test]
    fn who_proved_itself_is_believed_at_once() {
        let mut latch = Latch::new(at(1));
        latch.believe(at(9));
        assert!(!latch.accepts(at(1), &packet(7, 1)));
        assert!(latch.accepts(at(9), &packet(7, 1)));
    }
}
