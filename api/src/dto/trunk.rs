//! Trunks over the wire. Their passwords can be set and are never shown.

use ipnet::IpNet;
use offhook_core::TrunkId;
use offhook_core::directory::{Directory, SipTransport, Trunk};
use offhook_core::pii::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;
use crate::error::{ApiError, ApiResult};

/// How SIP messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SipTransport)]
pub enum TransportDto {
    /// Datagrams.
    #[default]
    Udp,
    /// Streams.
    Tcp,
}

impl From<SipTransport> for TransportDto {
    fn from(transport: SipTransport) -> Self {
        match transport {
            SipTransport::Udp => Self::Udp,
            SipTransport::Tcp => Self::Tcp,
        }
    }
}

impl From<TransportDto> for SipTransport {
    fn from(transport: TransportDto) -> Self {
        match transport {
            TransportDto::Udp => Self::Udp,
            TransportDto::Tcp => Self::Tcp,
        }
    }
}

/// A link to a carrier or another exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Trunk)]
pub struct TrunkView {
    /// Its id.
    #[schema(value_type = String, example = "trunk_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: TrunkId,
    /// What operators call it.
    pub name: String,
    /// False: neither accepts nor places calls.
    pub enabled: bool,
    /// The carrier's host name or address; null: this trunk only accepts calls.
    pub host: Option<String>,
    /// The carrier's port.
    pub port: u16,
    /// How to reach the carrier.
    pub transport: TransportDto,
    /// Calls from these networks are this trunk's.
    #[schema(value_type = Vec<String>, example = json!(["192.0.2.0/24"]))]
    pub trusted: Vec<IpNet>,
    /// User name for the carrier's digest challenges.
    pub username: Option<String>,
    /// Whether a password is set.
    pub has_password: bool,
    /// The caller's number shown on calls out; null: the calling extension's.
    pub caller_id: Option<String>,
    /// Numbers beginning with this are sent out here; null: none is.
    pub outbound_prefix: Option<String>,
    /// Calls at once, both ways together; 0 is no limit.
    pub max_calls: u32,
}

/// What can be set of a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrunkSettings {
    /// What operators call it.
    #[schema(example = "carrier")]
    pub name: String,
    /// False: neither accepts nor places calls.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub enabled: bool,
    /// The carrier's host name or address; null: this trunk only accepts calls.
    #[serde(default)]
    #[schema(example = "sip.carrier.example")]
    pub host: Option<String>,
    /// The carrier's port.
    #[serde(default = "port")]
    #[schema(default = 5060, minimum = 1)]
    pub port: u16,
    /// How to reach the carrier.
    #[serde(default)]
    pub transport: TransportDto,
    /// Calls from these networks are this trunk's, without digest authentication.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["192.0.2.0/24"]))]
    pub trusted: Vec<IpNet>,
    /// User name for the carrier's digest challenges.
    #[serde(default)]
    pub username: Option<String>,
    /// Password for the carrier's digest challenges. Absent when changing: it stays; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub password: Option<String>,
    /// The caller's number shown on calls out; null: the calling extension's.
    #[serde(default)]
    pub caller_id: Option<String>,
    /// Numbers beginning with this are sent out here; null: none is.
    #[serde(default)]
    #[schema(example = "00")]
    pub outbound_prefix: Option<String>,
    /// Calls at once, both ways together; 0 is no limit.
    #[serde(default)]
    pub max_calls: u32,
}

fn yes() -> bool {
    true
}

fn port() -> u16 {
    5060
}

impl TrunkView {
    /// How a trunk is shown.
    #[must_use]
    pub fn of(trunk: &Trunk) -> Self {
        Self {
            id: trunk.id,
            name: trunk.name.clone(),
            enabled: trunk.enabled,
            host: trunk.host.clone(),
            port: trunk.port,
            transport: trunk.transport.into(),
            trusted: trunk.trusted.clone(),
            username: trunk.username.clone(),
            has_password: trunk.password.is_some(),
            caller_id: trunk.caller_id.clone(),
            outbound_prefix: trunk.outbound_prefix.clone(),
            max_calls: trunk.max_calls,
        }
    }
}

impl TrunkSettings {
    /// What would make this trunk again, but for its password.
    #[must_use]
    pub fn of(trunk: &Trunk) -> Self {
        Self {
            name: trunk.name.clone(),
            enabled: trunk.enabled,
            host: trunk.host.clone(),
            port: trunk.port,
            transport: trunk.transport.into(),
            trusted: trunk.trusted.clone(),
            username: trunk.username.clone(),
            password: None,
            caller_id: trunk.caller_id.clone(),
            outbound_prefix: trunk.outbound_prefix.clone(),
            max_calls: trunk.max_calls,
        }
    }

    /// The trunk these settings make.
    ///
    /// # Errors
    /// What is wrong with them, or that the name is taken.
    pub fn build(self, old: Option<&Trunk>, directory: &Directory) -> ApiResult<Trunk> {
        let id = old.map_or_else(TrunkId::random, |old| old.id);
        let taken = |trunk: &Trunk| trunk.name == self.name && trunk.id != id;
        if directory.office().trunks.iter().any(taken) {
            return Err(ApiError::duplicate("name", "is the name of another trunk"));
        }
        let mut checks = Checks::default();
        checks.name("name", &self.name);
        checks.require(self.port != 0, "port", "must be 1 to 65535");
        if let Some(host) = &self.host {
            checks.require(is_host(host), "host", "must be a host name or an address");
        }
        checks.require(
            self.trusted.len() <= 100,
            "trusted",
            "must have at most 100 networks",
        );
        for (at, net) in self.trusted.iter().enumerate() {
            if net.prefix_len() == 0 {
                checks.wrong(
                    format!("trusted[{at}]"),
                    "would trust the whole internet to place calls without a password",
                );
            }
        }
        for (field, text) in [("username", &self.username), ("password", &self.password)] {
            checks.text(field, text.as_deref().unwrap_or_default());
        }
        for (field, number) in [
            ("caller_id", &self.caller_id),
            ("outbound_prefix", &self.outbound_prefix),
        ] {
            if let Some(number) = number {
                checks.require(
                    is_dialable(number),
                    field,
                    "must be digits, or + and digits",
                );
            }
        }
        checks.require(
            self.outbound_prefix.is_none() || self.host.is_some(),
            "host",
            "is needed to send calls out",
        );
        checks.at_most("max_calls", self.max_calls, 100_000);
        checks.finish()?;
        let password = match self.password {
            None => old.and_then(|old| old.password.clone()),
            Some(password) if password.is_empty() => None,
            Some(password) => Some(Secret::new(password)),
        };
        Ok(Trunk {
            id,
            name: self.name,
            enabled: self.enabled,
            host: self.host,
            port: self.port,
            transport: self.transport.into(),
            trusted: self.trusted,
            username: self.username,
            password,
            caller_id: self.caller_id,
            outbound_prefix: self.outbound_prefix,
            max_calls: self.max_calls,
        })
    }
}

fn is_host(host: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let fits = !host.is_empty() && host.len() <= 253;
    fits && (host.chars().all(name) || host.parse::<std::net::IpAddr>().is_ok())
}

fn is_dialable(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
