//! What is known of addresses without asking anybody.

use std::net::IpAddr;

use ahash::AHashSet;
use ipnet::IpNet;

use super::source::Source;

/// The bans, the lists of the configuration and the networks of trunks at one moment. Immutable.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    pub(super) banned: AHashSet<Source>,
    /// Banned networks that are no single source.
    pub(super) wide: Vec<IpNet>,
    pub(super) allow: Vec<IpNet>,
    pub(super) deny: Vec<IpNet>,
    /// Where trunks call from.
    pub(super) trusted: Vec<IpNet>,
}

/// How somebody at an address is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// Never limited, never banned.
    Free,
    /// Dropped by the configuration.
    Denied,
    /// Dropped for a while.
    Banned,
    /// Listened to as far as limits go.
    Ordinary,
}

impl Gate {
    /// How somebody at this address is met. The narrowest network of `allow` and `deny` counts, a
    /// ban comes after `deny` and before trunks: an operator who bans a trunk's address means it.
    #[must_use]
    pub fn stance(&self, address: IpAddr) -> Stance {
        let address = address.to_canonical();
        let allowed = narrowest(&self.allow, address);
        let denied = narrowest(&self.deny, address);
        if denied.is_some() && denied >= allowed {
            return Stance::Denied;
        }
        if allowed.is_some() {
            return Stance::Free;
        }
        if self.banned.contains(&Source::of(address)) || narrowest(&self.wide, address).is_some() {
            return Stance::Banned;
        }
        if narrowest(&self.trusted, address).is_some() {
            return Stance::Free;
        }
        Stance::Ordinary
    }
}

/// Bans as they come and go: one costs the same however many there are.
impl Gate {
    /// Keeps a network out.
    pub(super) fn ban(&mut self, network: IpNet) {
        match Source::exactly(network) {
            Some(source) => {
                self.banned.insert(source);
            }
            None if self.wide.contains(&network) => {}
            None => self.wide.push(network),
        }
    }

    /// Keeps it out no longer.
    pub(super) fn unban(&mut self, network: IpNet) {
        match Source::exactly(network) {
            Some(source) => {
                self.banned.remove(&source);
            }
            None => self.wide.retain(|wide| *wide != network),
        }
    }
}

/// The length of the narrowest of these networks that holds the address.
fn narrowest(networks: &[IpNet], address: IpAddr) -> Option<u8> {
    let holding = networks.iter().filter(|net| net.contains(&address));
    holding.map(IpNet::prefix_len).max()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Defence;
    use super::*;
    use crate::config::DefenceConfig;
    use crate::id::IdSource;
    use crate::test_time::epoch;

    #[test]
    fn the_gate_is_closed_to_whoever_is_banned_and_to_nobody_else() {
        let config = DefenceConfig {
            max_bans: 4,
            ..DefenceConfig::default()
        };
        let networks = [
            "192.0.2.7/32",
            "192.0.2.8/32",
            "198.51.100.0/24",
            "203.0.113.0/30",
            "2001:db8:1::/64",
            "2001:db8:2::/48",
        ]
        .map(|text| text.parse::<IpNet>().unwrap());
        let mut ids = IdSource::seeded(7);
        let (mut defence, mut now) = (Defence::new(config, &mut ids), epoch());
        for step in 0..2000 {
            let network = networks[usize::try_from(ids.below(6)).unwrap()];
            match ids.below(4) {
                0 | 1 => {
                    let length = Duration::from_secs(1 + ids.below(20));
                    defence.ban(now, network, length, String::new());
                }
                2 => {
                    defence.unban(network);
                }
                _ => {
                    now += Duration::from_secs(ids.below(10));
                    defence.handle_timeout(now);
                }
            }
            let gate = defence.gate();
            for network in networks {
                let banned = defence.bans().any(|ban| ban.network == network);
                let closed = gate.stance(network.addr()) == Stance::Banned;
                assert_eq!(closed, banned, "{network} at step {step}");
            }
        }
    }
}
