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

/// The length of the narrowest of these networks that holds the address.
fn narrowest(networks: &[IpNet], address: IpAddr) -> Option<u8> {
    let holding = networks.iter().filter(|net| net.contains(&address));
    holding.map(IpNet::prefix_len).max()
}
