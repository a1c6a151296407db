//! Who may watch whom, and for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Broken, units};
use crate::sip::subscription::Terms;

/// Whose calls and presence an extension may watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchPolicy {
    /// Everybody's.
    All,
    /// Its own.
    Own,
}

/// Section `[sip.subscriptions]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriptionConfig {
    /// Subscriptions at once; further ones are refused with 503.
    pub max: usize,
    /// Subscriptions of one extension, all its phones together; further ones are refused with 403.
    pub max_per_extension: usize,
    /// A shorter subscription is refused with 423.
    #[serde(with = "units::duration")]
    pub min_expires: Duration,
    /// How long a subscription lasts that does not say.
    #[serde(with = "units::duration")]
    pub default_expires: Duration,
    /// A longer subscription is shortened to this.
    #[serde(with = "units::duration")]
    pub max_expires: Duration,
    /// Whose calls and presence an extension may watch: `all` or `own`.
    pub watch: WatchPolicy,
    /// Whether phones that have not asked are told of voice messages too. Can also be set for
    /// single extensions.
    pub unsolicited_mwi: bool,
}

impl Default for SubscriptionConfig {
    fn default() -> Self {
        Self {
            // About 4 KB each.
            max: 20_000,
            // Ten phones with three key modules.
            max_per_extension: 400,
            min_expires: Duration::from_secs(60),
            // What RFC 3842 and RFC 4235 recommend.
            default_expires: Duration::from_secs(3600),
            max_expires: Duration::from_secs(7200),
            watch: WatchPolicy::All,
            // Most phones ask, and some are confused by what they did not ask for.
            unsolicited_mwi: false,
        }
    }
}

impl SubscriptionConfig {
    /// How long subscriptions may last.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            min_expires: self.min_expires,
            default_expires: self.default_expires,
            max_expires: self.max_expires,
        }
    }

    pub(super) fn check(&self) -> Result<(), Broken> {
        if self.min_expires < Duration::from_secs(1) {
            return Err(("sip.subscriptions.min_expires", "must be at least 1s"));
        }
        if self.default_expires < self.min_expires {
            return Err((
                "sip.subscriptions.default_expires",
                "must not be less than min_expires",
            ));
        }
        if self.max_expires < self.default_expires {
            return Err((
                "sip.subscriptions.max_expires",
                "must not be less than default_expires",
            ));
        }
        Ok(())
    }
}
