//! How callers are shown to a carrier.

use serde::{Deserialize, Serialize};

/// Which header tells a carrier who really calls. The others carry the trunk's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerIdMethod {
    /// None: the carrier is told the trunk's own number.
    #[default]
    Static,
    /// P-Asserted-Identity or P-Preferred-Identity (RFC 3325).
    Asserted,
    /// Remote-Party-ID.
    RemotePartyId,
    /// From.
    From,
    /// From and P-Asserted-Identity.
    FromAndAsserted,
}

impl CallerIdMethod {
    /// Every method.
    pub const ALL: &[Self] = &[
        Self::Static,
        Self::Asserted,
        Self::RemotePartyId,
        Self::From,
        Self::FromAndAsserted,
    ];

    /// The number carriers' forms have for it; there is no 4.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Static => 0,
            Self::Asserted => 1,
            Self::RemotePartyId => 2,
            Self::From => 3,
            Self::FromAndAsserted => 5,
        }
    }

    /// The method with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        let same = |method: &Self| method.number() == number;
        Self::ALL.iter().copied().find(same)
    }

    /// Whether From tells who really calls.
    #[must_use]
    pub fn in_from(self) -> bool {
        matches!(self, Self::From | Self::FromAndAsserted)
    }

    /// Whether an asserted or preferred identity is sent.
    #[must_use]
    pub fn asserts(self) -> bool {
        matches!(self, Self::Asserted | Self::FromAndAsserted)
    }
}

/// Which header of RFC 3325 is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityHeader {
    /// P-Asserted-Identity: the carrier trusts us to have checked it.
    #[default]
    Asserted,
    /// P-Preferred-Identity: the carrier checks it and asserts it itself.
    Preferred,
}

/// Whether callers' numbers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberDisplay {
    /// They are.
    #[default]
    Show,
    /// No caller's is (RFC 3323, RFC 3325 section 9.3).
    Block,
}

/// How callers are shown to a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CallerPresentation {
    /// Which header tells who really calls.
    pub method: CallerIdMethod,
    /// The header of RFC 3325 that is used where the method wants one.
    pub header: IdentityHeader,
    /// Whether numbers are shown at all.
    pub display: NumberDisplay,
    /// Whether callers from outside who are sent on are shown with their own number.
    pub foreign: ForeignCallers,
    /// Who of those that want to stay unknown is told to the carrier all the same.
    pub hidden: HiddenCallers,
    /// The host part of our addresses; none: the carrier's host when we register there, else our
    /// own domain.
    pub domain: Option<String>,
}

/// What a carrier is told of callers who want to stay unknown, beside `Privacy: id`: it has to keep
/// that to itself (RFC 3325 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenCallers {
    /// The numbers of our own callers: its customers'.
    #[default]
    Own,
    /// Also the numbers that other carriers asserted, where callers from outside are shown as they
    /// are: it belongs to the same trust domain (RFC 3324).
    All,
    /// No number: it is not trusted to hide any.
    None,
}

/// How callers are shown that came from outside and are sent out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignCallers {
    /// With the trunk's own number: carriers refuse numbers that are not the customer's.
    #[default]
    AsOurs,
    /// With their own.
    AsTheyAre,
}
