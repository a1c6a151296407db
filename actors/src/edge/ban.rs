//! Addresses that guess passwords.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ahash::AHashMap;

/// Wrong passwords within [`WINDOW`] after which an address is banned. A phone with a stale
/// password tries a few times per minute; an office behind one address has a few such phones.
const FAILURES: usize = 20;

/// The stretch of time failures are counted in.
const WINDOW: Duration = Duration::from_secs(60);

/// How long an address is banned.
const BAN: Duration = Duration::from_secs(600);

/// Addresses remembered at once. When there are more, all those that are not banned are forgotten,
/// so that an attack from many addresses costs bounded memory.
const ADDRESSES: usize = 10_000;

/// Counts wrong passwords per source address. No address is exempt, loopback neither. A request
/// without credentials, or with a nonce that is not ours, is no failure: the first is how every
/// phone begins, and the second anybody could send in another's name.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    sources: AHashMap<IpAddr, Source>,
}

#[derive(Debug, Default)]
struct Source {
    failures: VecDeque<Instant>,
    banned_until: Option<Instant>,
}

impl Bans {
    /// Whether this address is to be refused without looking at its credentials.
    pub(crate) fn is_banned(&mut self, now: Instant, address: IpAddr) -> bool {
        let Some(source) = self.sources.get(&address) else {
            return false;
        };
        match source.banned_until {
            Some(until) if now < until => true,
            Some(_) => {
                self.sources.remove(&address);
                false
            }
            None => false,
        }
    }

    /// Counts a wrong password; true when that bans the address.
    pub(crate) fn record(&mut self, now: Instant, address: IpAddr) -> bool {
        if self.sources.len() >= ADDRESSES && !self.sources.contains_key(&address) {
            self.sources
                .retain(|_, source| source.banned_until.is_some_and(|until| now < until));
            if self.sources.len() >= ADDRESSES {
                return false;
            }
        }
        let source = self.sources.entry(address).or_default();
        source.failures.push_back(now);
        while source
            .failures
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW)
        {
            source.failures.pop_front();
        }
        if source.failures.len() < FAILURES || source.banned_until.is_some() {
            return false;
        }
        source.failures.clear();
        source.banned_until = Some(now + BAN);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::alarm;

    #[test]
    fn twenty_wrong_passwords_in_a_minute_ban_for_ten() {
        let (mut bans, now) = (Bans::default(), alarm::now());
        let home = IpAddr::from(Ipv4Addr::LOCALHOST);
        for _ in 1..FAILURES {
            assert!(!bans.record(now, home));
        }
        assert!(!bans.is_banned(now, home));
        assert!(bans.record(now, home));
        assert!(bans.is_banned(now + BAN / 2, home));
        assert!(!bans.is_banned(now + BAN, home));
        assert!(!bans.record(now + BAN, home));
    }

    #[test]
    fn a_wrong_password_now_and_then_bans_nobody() {
        let (mut bans, now) = (Bans::default(), alarm::now());
        let home = IpAddr::from(Ipv4Addr::LOCALHOST);
        for at in 0..200 {
            assert!(!bans.record(now + at * (WINDOW / 10), home));
        }
    }

    #[test]
    fn an_attack_from_everywhere_costs_bounded_memory() {
        let (mut bans, now) = (Bans::default(), alarm::now());
        for number in 0..100_000_u32 {
            bans.record(now, Ipv4Addr::from(number).into());
        }
        assert!(bans.sources.len() <= ADDRESSES);
    }
}
