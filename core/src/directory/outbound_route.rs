//! Which numbers outside go out by which trunks, for whom and when.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::id::{OutboundRouteId, TrunkId};
use crate::number::NumberPattern;

/// A kind of call that an extension may place or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Within the area.
    Local,
    /// Within the country.
    National,
    /// To mobile phones.
    Mobile,
    /// To other countries.
    International,
    /// To numbers the called side pays for.
    TollFree,
    /// To numbers that cost extra.
    Premium,
}

impl Permission {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::Local,
        Self::National,
        Self::Mobile,
        Self::International,
        Self::TollFree,
        Self::Premium,
    ];

    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::National => "national",
            Self::Mobile => "mobile",
            Self::International => "international",
            Self::TollFree => "toll_free",
            Self::Premium => "premium",
        }
    }

    /// What a new extension may do: everything but premium numbers.
    #[must_use]
    pub fn usual() -> BTreeSet<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|kind| *kind != Self::Premium).collect()
    }
}

/// What rules a route is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// Permissions, hours and the trunks' limits count.
    #[default]
    Ordinary,
    /// None of them does: whoever calls for help gets through.
    Emergency,
}

/// Where calls to some numbers outside go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundRoute {
    /// Its id.
    pub id: OutboundRouteId,
    /// What operators call it.
    pub name: String,
    /// False: as if it were not there.
    pub enabled: bool,
    /// Routes are looked at in this order, the lowest first.
    pub priority: u32,
    /// The numbers it is for, as they are dialled.
    pub patterns: Vec<NumberPattern>,
    /// How many signs are taken off the front of the dialled number.
    pub strip: u32,
    /// What is put there instead.
    pub prepend: String,
    /// What an extension must all be allowed to do.
    pub permissions: BTreeSet<Permission>,
    /// When it is open; none: always.
    pub schedule: Option<Schedule>,
    /// The trunks to try, in this order.
    pub trunks: Vec<TrunkId>,
    /// What rules it is under.
    pub kind: RouteKind,
}

impl OutboundRoute {
    /// Whether it is for this number.
    #[must_use]
    pub fn takes(&self, number: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(number))
    }

    /// The number as the trunks get it.
    #[must_use]
    pub fn number_for(&self, dialled: &str) -> String {
        let strip = usize::try_from(self.strip).unwrap_or(usize::MAX);
        let rest: String = dialled.chars().skip(strip).collect();
        format!("{}{rest}", self.prepend)
    }
}
