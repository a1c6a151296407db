//! What strangers may do before they are kept out.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Broken, units};

/// Section `[sip.defence]`. A *source* is one IPv4 address, or the /64 network of an IPv6 address. A
/// source is *trusted* when a trunk's networks or `allow` hold it, *known* for two hours after a
/// phone there proved its password or we sent a request there, and a *stranger* otherwise. Trusted
/// sources are neither limited nor banned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DefenceConfig {
    /// False: nobody is limited, and nobody banned but by operators; `deny` still counts.
    pub enabled: bool,
    /// Networks that are never limited or banned. Where `deny` holds an address as well, the
    /// narrower network counts.
    pub allow: Vec<IpNet>,
    /// Networks whose packets are dropped unread.
    pub deny: Vec<IpNet>,
    /// Words in `User-Agent`, in any case, that tell a scanner. A stranger with one is banned.
    pub scanners: Vec<String>,
    /// Wrong passwords for one name from one source within `window`: a stranger is banned, and a
    /// known source may not try this name any more for as long.
    pub login_failures: u32,
    /// Wrong passwords for all names together after which a known source is banned as well.
    pub source_failures: u32,
    /// Different names tried with wrong passwords after which a stranger is banned.
    pub probed_names: u32,
    /// The stretch of time failures are counted in.
    #[serde(with = "units::duration")]
    pub window: Duration,
    /// How long the first ban lasts. Each further one of the same source lasts twice as long.
    #[serde(with = "units::duration")]
    pub ban: Duration,
    /// No ban lasts longer, but those an operator sets.
    #[serde(with = "units::duration")]
    pub max_ban: Duration,
    /// Strangers remembered at once, and known sources; above it those silent longest are forgotten.
    pub max_sources: usize,
    /// Bans at once; above it those that end soonest make room.
    pub max_bans: usize,
    /// How many times as much a known source may send.
    pub known_factor: u32,
    /// What a stranger may send, by kind.
    pub limits: DefenceLimits,
}

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// In the long run.
    pub per_minute: u32,
}

/// Section `[sip.defence.limits]`: what a stranger may send. What is more is dropped. Whoever sends
/// as much again of REGISTER, INVITE, SUBSCRIBE or garbage is banned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DefenceLimits {
    /// REGISTER.
    pub register: Rate,
    /// INVITE.
    pub invite: Rate,
    /// OPTIONS.
    pub options: Rate,
    /// SUBSCRIBE, MESSAGE and PUBLISH.
    pub subscribe: Rate,
    /// Every other request.
    pub other: Rate,
    /// What is no SIP message, and responses to nothing we asked.
    pub garbage: Rate,
    /// New connections.
    pub connections: Rate,
}

impl Default for DefenceConfig {
    fn default() -> Self {
        let scanners = [
            "friendly-scanner",
            "sipvicious",
            "sipcli",
            "sip-scan",
            "sipscan",
            "sundayddr",
            "vaxsipuseragent",
            "vaxasip",
            "sipptk",
            "pplsip",
            "friendly-request",
        ];
        Self {
            enabled: true,
            allow: Vec::new(),
            deny: Vec::new(),
            scanners: scanners.map(str::to_owned).to_vec(),
            login_failures: 3,
            // An office of twenty phones of which some have an old password.
            source_failures: 20,
            probed_names: 5,
            window: Duration::from_mins(10),
            ban: Duration::from_mins(10),
            max_ban: Duration::from_hours(24),
            // About 500 bytes each.
            max_sources: 20_000,
            max_bans: 10_000,
            known_factor: 10,
            limits: DefenceLimits::default(),
        }
    }
}

impl Default for DefenceLimits {
    fn default() -> Self {
        let rate = |burst, per_minute| Rate { burst, per_minute };
        Self {
            register: rate(180, 180),
            invite: rate(180, 180),
            options: rate(60, 60),
            subscribe: rate(180, 180),
            other: rate(600, 1200),
            garbage: rate(60, 60),
            connections: rate(60, 120),
        }
    }
}

impl DefenceConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        let counts = [
            ("sip.defence.login_failures", self.login_failures),
            ("sip.defence.source_failures", self.source_failures),
            ("sip.defence.probed_names", self.probed_names),
            ("sip.defence.known_factor", self.known_factor),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err((key, "must be at least 1"));
        }
        if self.max_sources < 100 {
            return Err(("sip.defence.max_sources", "must be at least 100"));
        }
        if self.max_bans == 0 {
            return Err(("sip.defence.max_bans", "must be at least 1"));
        }
        if self.window < Duration::from_secs(1) {
            return Err(("sip.defence.window", "must be at least 1s"));
        }
        if self.ban < Duration::from_secs(1) {
            return Err(("sip.defence.ban", "must be at least 1s"));
        }
        if self.max_ban < self.ban {
            return Err(("sip.defence.max_ban", "must not be less than ban"));
        }
        if self.scanners.iter().any(|word| word.trim().is_empty()) {
            return Err((
                "sip.defence.scanners",
                "must not hold an empty word: everybody would be a scanner",
            ));
        }
        self.limits.check()
    }
}

impl DefenceLimits {
    fn check(&self) -> Result<(), Broken> {
        let rates = [
            ("sip.defence.limits.register", self.register),
            ("sip.defence.limits.invite", self.invite),
            ("sip.defence.limits.options", self.options),
            ("sip.defence.limits.subscribe", self.subscribe),
            ("sip.defence.limits.other", self.other),
            ("sip.defence.limits.garbage", self.garbage),
            ("sip.defence.limits.connections", self.connections),
        ];
        match rates.iter().find(|(_, rate)| rate.burst == 0) {
            Some((key, _)) => Err((key, "burst must be at least 1: nobody could send anything")),
            None => Ok(()),
        }
    }
}
