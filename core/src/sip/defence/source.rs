//! Whom limits are counted for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// One IPv4 address, or the /64 network of an IPv6 address: the least that a customer of an access
/// provider is given, so that changing the address within it changes nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl Source {
    /// The source an address belongs to. An IPv4 address in IPv6 clothes counts as itself.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
        }
    }

    /// Its first address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }

    /// It as a network: /32 or /64.
    #[must_use]
    pub fn network(self) -> IpNet {
        match self.0 {
            IpAddr::V4(address) => Ipv4Net::from(address).into(),
            IpAddr::V6(address) => Ipv6Net::new_assert(address, 64).into(),
        }
    }

    /// The source that is exactly this network, if it is one.
    #[must_use]
    pub fn exactly(network: IpNet) -> Option<Self> {
        let source = Self::of(network.network());
        (source.network() == network.trunc()).then_some(source)
    }

    /// Its bytes, for hashing.
    #[must_use]
    pub fn octets(self) -> [u8; 16] {
        match self.0 {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(_) => self.network().fmt(f),
        }
    }
}

/// Whether an address is of a network of its own: loopback, private, link-local or shared by a
/// provider's customers (RFC 1918, 3927, 4193, 6598). It is in no country anybody could look up.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let shared = Ipv4Net::new_assert([100, 64, 0, 0].into(), 10);
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || shared.contains(&address)
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}
