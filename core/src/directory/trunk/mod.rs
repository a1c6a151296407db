//! Links to carriers and other exchanges.

mod caller;
mod did_source;
mod number_plan;
#[cfg(test)]
mod tests;

use std::time::Duration;

use data_encoding::HEXLOWER;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use caller::{
    CallerIdMethod, CallerPresentation, ForeignCallers, HiddenCallers, IdentityHeader,
    NumberDisplay,
};
pub use did_source::{DidSource, DidSourceError};
pub use number_plan::{NumberFormat, NumberPlan};

use crate::directory::Destination;
use crate::id::TrunkId;
use crate::pii::Secret;
use crate::sdp::{Codec, SrtpPolicy};

/// How SIP messages travel.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SipTransport {
    /// As DNS says (RFC 3263 section 4.1); datagrams where it says nothing.
    #[default]
    Auto,
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
    /// Streams inside TLS.
    Tls,
}

/// How a trunk and its carrier know each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkMode {
    /// By address or certificate alone: nothing is registered.
    #[default]
    Peer,
    /// We register; without a registration the trunk is not used.
    Register,
    /// We register, and calls go out also while that fails.
    PeerAndRegister,
}

impl TrunkMode {
    /// Whether we register with the carrier.
    #[must_use]
    pub fn registers(self) -> bool {
        self != Self::Peer
    }
}

/// With whom a trunk registers, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrunkRegistration {
    /// SIP URIs without user part, the first choice first; none: the carrier's host.
    pub registrars: Vec<String>,
    /// How long a registration is asked to last; 600 s by default.
    pub expires: Duration,
}

impl Default for TrunkRegistration {
    fn default() -> Self {
        Self {
            registrars: Vec::new(),
            expires: Duration::from_secs(600),
        }
    }
}

/// Whether and how a carrier is asked if it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrunkQualify {
    /// How often OPTIONS are sent; none: never.
    pub interval: Option<Duration>,
    /// Failures in a row after which the carrier counts as down; 3 by default.
    pub down_after: u32,
    /// Answers in a row after which it counts as up again; 2 by default.
    pub up_after: u32,
}

impl Default for TrunkQualify {
    fn default() -> Self {
        Self {
            interval: None,
            down_after: 3,
            up_after: 2,
        }
    }
}

/// How calls from a carrier are known and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrunkInbound {
    /// Calls over TLS whose verified client certificate has one of these names are this trunk's.
    pub tls_names: Vec<String>,
    /// Where the public number that is called stands.
    pub did_source: DidSource,
    /// Where calls to numbers go that no DID has; none: they are refused with 404.
    pub default_destination: Option<Destination>,
}

/// Whether sound before the answer is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyMedia {
    /// Both ways: what the carrier plays is heard, and what the called party plays is sent to it.
    #[default]
    Pass,
    /// Neither way: until the answer there is ringing and nothing else.
    Withhold,
}

/// A link to a carrier or another exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Its id.
    pub id: TrunkId,
    /// What operators call it.
    pub name: String,
    /// False: neither accepts nor places calls, and is not registered.
    pub enabled: bool,
    /// The carrier's host name or address; none: this trunk only accepts calls.
    pub host: Option<String>,
    /// The carrier's port; none: as DNS says, else the transport's usual one.
    pub port: Option<u16>,
    /// How to reach the carrier.
    pub transport: SipTransport,
    /// A SIP URI every request of this trunk visits first.
    pub outbound_proxy: Option<String>,
    /// How the carrier and we know each other.
    pub mode: TrunkMode,
    /// With whom we register, if we do.
    pub registration: TrunkRegistration,
    /// Calls from these networks are this trunk's, without digest authentication.
    pub trusted: Vec<IpNet>,
    /// How else its calls are known, and where they go.
    pub inbound: TrunkInbound,
    /// The account at the carrier: the user part of the registered address.
    pub username: Option<String>,
    /// User name for the carrier's digest challenges; none: `username`.
    pub auth_username: Option<String>,
    /// Password for the carrier's digest challenges.
    pub password: Option<Secret>,
    /// Whether the carrier is asked if it is there.
    pub qualify: TrunkQualify,
    /// The caller's number shown on calls out; none: the calling extension's number.
    pub caller_id: Option<String>,
    /// How callers are shown to the carrier.
    pub caller: CallerPresentation,
    /// How numbers are written here.
    pub numbers: NumberPlan,
    /// Numbers beginning with this are sent out here; none: no number is.
    pub outbound_prefix: Option<String>,
    /// Calls at once, both ways together; 0 is no limit.
    pub max_calls: u32,
    /// New calls per second, for each way; 0 is no limit.
    pub calls_per_second: u32,
    /// The codecs spoken with the carrier, the best first; none: all of the configuration.
    pub codecs: Vec<Codec>,
    /// Whether media is protected on its way to the carrier; none: as the configuration says.
    pub srtp: Option<SrtpPolicy>,
    /// Whether sound before the answer is passed on.
    pub early_media: EarlyMedia,
    /// How long a call may go without a sign of life (RFC 4028); none: as the carrier wishes.
    pub session_expires: Option<Duration>,
}

impl Trunk {
    /// A trunk with every setting at its default: enabled, without a host, trusting nobody.
    #[must_use]
    pub fn new(id: TrunkId, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            enabled: true,
            host: None,
            port: None,
            transport: SipTransport::default(),
            outbound_proxy: None,
            mode: TrunkMode::default(),
            registration: TrunkRegistration::default(),
            trusted: Vec::new(),
            inbound: TrunkInbound::default(),
            username: None,
            auth_username: None,
            password: None,
            qualify: TrunkQualify::default(),
            caller_id: None,
            caller: CallerPresentation::default(),
            numbers: NumberPlan::default(),
            outbound_prefix: None,
            max_calls: 0,
            calls_per_second: 0,
            codecs: Vec::new(),
            srtp: None,
            early_media: EarlyMedia::default(),
            session_expires: None,
        }
    }

    /// The user part of the Contact we register and of every Contact on this trunk. Calls to it are
    /// this trunk's, wherever they come from, so only the carrier may know it: it follows from the
    /// password, which is shown to nobody, and is the same after a restart. A trunk without a
    /// password has its id there.
    #[must_use]
    pub fn contact_user(&self) -> String {
        let Some(password) = &self.password else {
            return self.id.to_string();
        };
        // A key of fixed length, and the output is cut: nothing can be appended to what was hashed.
        let key = Sha256::digest(password.expose().as_bytes());
        let mut hasher = Sha256::new();
        hasher.update(key);
        hasher.update(self.id.to_string());
        format!("t{}", HEXLOWER.encode(&hasher.finalize()[..16]))
    }

    /// Whether we register with the carrier.
    #[must_use]
    pub fn registers(&self) -> bool {
        self.enabled && self.mode.registers()
    }

    /// Whether calls can go out here at all.
    #[must_use]
    pub fn dials_out(&self) -> bool {
        self.enabled && self.host.is_some()
    }
}
