//! Bans over the wire.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use offhook_actors::alarm;
use offhook_core::sip::defence::{Ban, BanReason, show};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;
use crate::error::ApiResult;
use crate::extract::Named;

/// The longest ban an operator can set: ten years.
const LONGEST: u32 = 10 * 365 * 86_400;

/// A source of SIP that is not listened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Ban)]
pub struct BanView {
    /// Who: an address, or a network with its length.
    #[schema(example = "192.0.2.66")]
    pub address: String,
    /// Why: `wrong_passwords`, `probing`, `scanner`, `flood`, `garbage` or `operator`.
    #[schema(value_type = String, example = "scanner")]
    pub reason: BanReason,
    /// What the operator said about it.
    pub note: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The how manieth ban of this address within a day; each lasts twice as long as the one before.
    pub count: u32,
}

/// A ban an operator wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBan {
    /// Who: an address, or a network such as `198.51.100.0/24`. Of an IPv6 address its /64 is banned.
    #[schema(example = "198.51.100.0/24")]
    pub address: String,
    /// For how many seconds.
    #[schema(example = 3600, minimum = 1)]
    pub duration: u32,
    /// Why, for other operators.
    #[serde(default)]
    #[schema(example = "abuse desk asked for it")]
    pub reason: String,
}

impl BanView {
    /// How a ban is shown.
    #[must_use]
    pub fn of(ban: Ban) -> Self {
        Self {
            address: show(ban.network),
            reason: ban.reason,
            note: ban.note,
            since: alarm::wall_at(ban.since),
            until: alarm::wall_at(ban.until),
            count: ban.count,
        }
    }
}

impl NewBan {
    /// The network, how long, and why.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(self) -> ApiResult<(IpNet, Duration, String)> {
        let mut checks = Checks::default();
        let address = self.address.parse::<BanAddress>();
        if address.is_err() {
            checks.wrong("address", "must be an IP address or a network");
        }
        if address
            .as_ref()
            .is_ok_and(|found| found.0.prefix_len() == 0)
        {
            checks.wrong("address", "must not be everybody");
        }
        checks.require(self.duration > 0, "duration", "must be at least 1 second");
        checks.at_most("duration", self.duration, LONGEST);
        checks.text("reason", &self.reason);
        checks.finish()?;
        let network = address.map(|found| found.0).unwrap_or_default();
        let length = Duration::from_secs(u64::from(self.duration));
        Ok((network, length, self.reason))
    }
}

/// Who is banned, in a path: an address, or a network with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanAddress(pub IpNet);

impl FromStr for BanAddress {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self(address.to_canonical().into())),
            Err(_) => text.parse::<IpNet>().map(|network| Self(network.trunc())),
        }
    }
}

impl fmt::Display for BanAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show(self.0))
    }
}

impl Named for BanAddress {
    const NAME: &'static str = "ban";
}
