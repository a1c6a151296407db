//! Whose packets a leg believes: symmetric RTP without letting strangers in.

use std::net::SocketAddr;

use crate::rtp::RtpHeader;

/// Packets in a row, of one source and in sequence, that another address than the agreed one must
/// send before it is believed. The agreed one, which needs one packet, has that long to be first.
const CONSISTENT: u8 = 4;

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
    Open(Option<Candidate>),
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
            state: State::Open(None),
        }
    }

    /// Whether a packet from there is believed.
    pub fn accepts(&mut self, from: SocketAddr, header: &RtpHeader) -> bool {
        let before = match self.state {
            State::Latched(address) => return from == address,
            State::Open(candidate) => candidate,
        };
        if from == self.agreed {
            self.state = State::Latched(from);
            return true;
        }
        let next = |known: &Candidate| {
            let same = known.from == from && known.ssrc == header.ssrc;
            same && known.sequence.wrapping_add(1) == header.sequence
        };
        let count = before.filter(next).map_or(0, |known| known.count) + 1;
        if count >= CONSISTENT {
            self.state = State::Latched(from);
            return true;
        }
        self.state = State::Open(Some(Candidate {
            from,
            ssrc: header.ssrc,
            sequence: header.sequence,
            count,
        }));
        false
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
}
