//! How many stream connections there may be, and with whom.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ahash::AHashMap;
use offhook_core::config::SipLimits;
use offhook_core::sip::defence::Source;
use parking_lot::Mutex;

use super::handle::Shared;

/// Who begins a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opener {
    /// We connect to a peer.
    Us,
    /// A peer connects to us.
    Peer,
}

/// Why a connection cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyConnections;

/// The seats of all connections.
#[derive(Debug)]
pub(crate) struct Seats {
    limit: usize,
    /// Of one source.
    per_source: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Whoever has an IPv6 network has more addresses than there are seats, so they are counted
    /// like everything else that strangers may have.
    by_source: AHashMap<Source, usize>,
}

/// The place a connection takes from its first byte until its socket is closed, its greeting
/// included. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Seat {
    taken: Arc<Mutex<Taken>>,
    source: Source,
    /// Who began the connection.
    pub(crate) opener: Opener,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        taken.all -= 1;
        if let Some(count) = taken.by_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                taken.by_source.remove(&self.source);
            }
        }
    }
}

impl Seats {
    /// All are free.
    pub(crate) fn new(limits: &SipLimits) -> Self {
        let limit = limits.max_connections;
        let per_source = limits.max_connections_per_source;
        Self {
            limit,
            per_source: per_source.unwrap_or(limit.div_ceil(2)),
            taken: Arc::default(),
        }
    }

    /// Room for one more connection with this address. Strangers leave a quarter of all seats to
    /// those we know and to connections of our own.
    pub(crate) fn take(
        &self,
        address: IpAddr,
        opener: Opener,
        is_stranger: impl Fn(IpAddr) -> bool,
    ) -> Result<Seat, TooManyConnections> {
        let source = Source::of(address);
        let mut taken = self.taken.lock();
        let from_there = taken.by_source.get(&source).copied().unwrap_or(0);
        if taken.all >= self.limit || from_there >= self.per_source {
            return Err(TooManyConnections);
        }
        let theirs = self.limit - self.limit / 4;
        // Below that there is room whoever the others are.
        if opener == Opener::Peer && taken.all >= theirs && is_stranger(address) {
            let all = taken.by_source.iter();
            let strangers = all.filter(|(source, _)| is_stranger(source.address()));
            if strangers.map(|(_, count)| count).sum::<usize>() >= theirs {
                return Err(TooManyConnections);
            }
        }
        taken.all += 1;
        *taken.by_source.entry(source).or_default() += 1;
        Ok(Seat {
            taken: Arc::clone(&self.taken),
            source,
            opener,
        })
    }

    /// Connections that stand, or are being greeted, or are being closed.
    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().all
    }
}

impl Shared {
    /// Room for one more connection with this address. It is taken before anything is read, so that
    /// a greeting that never ends counts as well.
    pub(crate) fn seat(&self, address: IpAddr, opener: Opener) -> Result<Seat, TooManyConnections> {
        let is_stranger = |address| self.guard.is_stranger(address);
        let seat = self.net.seats.take(address, opener, is_stranger);
        if seat.is_err() {
            let refused = &self.net.counters.refused_connections;
            refused.fetch_add(1, Ordering::Relaxed);
        }
        seat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(limit: usize, per_source: usize) -> Seats {
        Seats::new(&SipLimits {
            max_connections: limit,
            max_connections_per_source: Some(per_source),
            ..SipLimits::default()
        })
    }

    fn sits(seats: &Seats, address: &str) -> Result<Seat, TooManyConnections> {
        seats.take(address.parse().unwrap(), Opener::Peer, |_| false)
    }

    #[test]
    fn a_seat_is_free_again_when_its_connection_ends() {
        let seats = seats(3, 2);
        let one = sits(&seats, "192.0.2.1").unwrap();
        let two = sits(&seats, "192.0.2.1").unwrap();
        assert!(sits(&seats, "192.0.2.1").is_err(), "two of one source");
        let three = sits(&seats, "192.0.2.2").unwrap();
        assert!(sits(&seats, "192.0.2.3").is_err(), "three at all");
        drop((one, three));
        assert!(sits(&seats, "192.0.2.1").is_ok());
        assert_eq!(seats.taken(), 1);
        drop(two);
        assert!(seats.taken.lock().by_source.is_empty());
    }

    #[test]
    fn all_addresses_of_an_ipv6_customer_share_their_seats() {
        let seats = seats(10, 2);
        let _one = sits(&seats, "2001:db8::1").unwrap();
        let _two = sits(&seats, "2001:db8::ffff:1").unwrap();
        assert!(sits(&seats, "2001:db8::2").is_err());
        assert!(sits(&seats, "2001:db8:0:1::1").is_ok(), "a neighbour");
    }

    #[test]
    fn strangers_leave_seats_to_those_we_know_and_to_us() {
        let seats = seats(8, 8);
        let known: IpAddr = "192.0.2.1".parse().unwrap();
        let stranger: IpAddr = "198.51.100.1".parse().unwrap();
        let take = |address, opener| seats.take(address, opener, |who| who != known);
        let mut held = Vec::new();
        while let Ok(seat) = take(stranger, Opener::Peer) {
            held.push(seat);
        }
        assert_eq!(held.len(), 6);
        held.push(take(known, Opener::Peer).unwrap());
        assert!(take(stranger, Opener::Peer).is_err());
        held.push(take(stranger, Opener::Us).unwrap());
        assert!(take(known, Opener::Peer).is_err(), "eight at all");
        // Whom we know does not use up what strangers may have.
        held.clear();
        for _ in 0..7 {
            held.push(take(known, Opener::Peer).unwrap());
        }
        assert!(take(stranger, Opener::Peer).is_ok());
    }
}
