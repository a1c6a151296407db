//! Who is kept out, since when and why.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::table::Table;

/// Why somebody is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BanReason {
    /// Too many wrong passwords.
    WrongPasswords,
    /// Wrong passwords for too many names.
    Probing,
    /// The `User-Agent` of a scanner.
    Scanner,
    /// Too many requests.
    Flood,
    /// Too much that is no SIP.
    Garbage,
    /// An operator wanted it.
    Operator,
}

impl BanReason {
    /// The word for it over REST, in events and figures.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongPasswords => "wrong_passwords",
            Self::Probing => "probing",
            Self::Scanner => "scanner",
            Self::Flood => "flood",
            Self::Garbage => "garbage",
            Self::Operator => "operator",
        }
    }
}

/// Why a ban has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnbanReason {
    /// Its time is over.
    Expired,
    /// An operator ended it.
    Operator,
    /// There were too many bans, and this one ended soonest.
    Displaced,
}

/// A network as people write it: one address without its length.
#[must_use]
pub fn show(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// One ban.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who: a /32, a /64, or whatever network an operator has named.
    pub network: IpNet,
    /// Why.
    pub reason: BanReason,
    /// What the operator said about it.
    pub note: String,
    /// When it began.
    pub since: Instant,
    /// When it ends.
    pub until: Instant,
    /// The how manieth ban of this network within a day.
    pub count: u32,
}

/// How long it is remembered that somebody was banned.
const MEMORY: Duration = Duration::from_hours(24);

#[derive(Debug, Default)]
struct Past {
    count: u32,
    /// When the last of them ended, or will.
    until: Option<Instant>,
}

/// The bans there are.
#[derive(Debug)]
pub(super) struct Bans {
    bans: AHashMap<IpNet, Ban>,
    ends: BTreeSet<(Instant, IpNet)>,
    past: Table<IpNet, Past>,
    most: usize,
}

impl Bans {
    pub(super) fn new(most: usize) -> Self {
        Self {
            bans: AHashMap::new(),
            ends: BTreeSet::new(),
            past: Table::new(most.saturating_mul(2)),
            most,
        }
    }

    /// The how manieth ban of a network one would be that began now.
    pub(super) fn next_count(&self, now: Instant, network: IpNet) -> u32 {
        let past = self.past.get(network);
        let recent = past.filter(|past| past.until.is_some_and(|until| now < until + MEMORY));
        recent.map_or(1, |past| past.count.saturating_add(1))
    }

    /// Adds a ban, or replaces the one of the same network. Returns those that had to make room: the
    /// first to end, those of operators last.
    pub(super) fn insert(&mut self, ban: Ban) -> Vec<IpNet> {
        self.remove(ban.network);
        let mut displaced = Vec::new();
        while self.bans.len() >= self.most {
            let of_operator = |network: &IpNet| {
                let ban = self.bans.get(network);
                ban.is_some_and(|ban| ban.reason == BanReason::Operator)
            };
            let mut ends = self.ends.iter().map(|(_, network)| *network);
            let first = ends.find(|network| !of_operator(network));
            let Some(network) = first.or_else(|| Some(self.ends.first()?.1)) else {
                break;
            };
            self.remove(network);
            displaced.push(network);
        }
        let past = self.past.entry(ban.network);
        past.count = ban.count;
        past.until = Some(ban.until);
        self.ends.insert((ban.until, ban.network));
        self.bans.insert(ban.network, ban);
        displaced
    }

    /// Ends a ban; that it was is remembered.
    pub(super) fn remove(&mut self, network: IpNet) -> Option<Ban> {
        let ban = self.bans.remove(&network)?;
        self.ends.remove(&(ban.until, network));
        Some(ban)
    }

    /// Ends a ban as if it had never been.
    pub(super) fn pardon(&mut self, network: IpNet) -> Option<Ban> {
        self.past.remove(network);
        self.remove(network)
    }

    /// A ban whose time is over.
    pub(super) fn expired(&self, now: Instant) -> Option<IpNet> {
        let (until, network) = self.ends.first()?;
        (*until <= now).then_some(*network)
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    pub(super) fn get(&self, network: IpNet) -> Option<&Ban> {
        self.bans.get(&network)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Ban> {
        self.bans.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::defence::Source;
    use crate::test_time::epoch;

    fn ban(host: u8, reason: BanReason, minutes: u64) -> Ban {
        Ban {
            network: Source::of([192, 0, 2, host].into()).network(),
            reason,
            note: String::new(),
            since: epoch(),
            until: epoch() + Duration::from_mins(minutes),
            count: 1,
        }
    }

    #[test]
    fn what_an_operator_has_banned_makes_room_for_nobody_else() {
        let mut bans = Bans::new(2);
        let own = ban(1, BanReason::Operator, 1);
        bans.insert(own.clone());
        for host in 2..10 {
            bans.insert(ban(host, BanReason::Flood, 60));
        }
        assert_eq!(bans.get(own.network), Some(&own));
        assert_eq!(bans.iter().len(), 2);
        // Operators' bans are bounded as well.
        for host in 20..25 {
            bans.insert(ban(host, BanReason::Operator, 60));
        }
        assert_eq!(bans.iter().len(), 2);
    }
}
