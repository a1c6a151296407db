//! Where a request can be sent, and what we could send it with.

use std::net::SocketAddr;

use super::question::Family;
use crate::sip::endpoint::SipTransport;

/// One place to try.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// How.
    pub transport: SipTransport,
    /// Where.
    pub address: SocketAddr,
    /// Whom a certificate there has to name: the domain that was asked for, never the name a DNS
    /// record put in its place (RFC 3263 section 4.1).
    pub host: String,
}

/// What we speak, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Means {
    /// Transports we use by ourselves.
    pub transports: Vec<SipTransport>,
    /// Transports we use where the URI names them.
    pub asked_for: Vec<SipTransport>,
    /// Addresses we have a socket for.
    pub families: Vec<Family>,
}

impl Means {
    pub(super) fn speaks(&self, transport: SipTransport) -> bool {
        self.transports.contains(&transport) || self.asked_for.contains(&transport)
    }
}
