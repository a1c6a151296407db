//! How a trunk does.

use std::time::Duration;

use jiff::Timestamp;

/// Whether calls can go out by a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrunkState {
    /// They can, as far as is known.
    Up,
    /// The carrier does not answer, or the registration the trunk depends on is missing.
    Down,
    /// It was disabled, or there is no such trunk.
    Disabled,
}

impl TrunkState {
    /// Whether routing may choose it.
    #[must_use]
    pub fn is_usable(self) -> bool {
        self == Self::Up
    }
}

/// How far the registration of a trunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RegistrationState {
    /// It does not register.
    #[default]
    None,
    /// It has asked and waits for an answer.
    Registering,
    /// It is registered.
    Registered,
    /// The carrier refused: the password is wrong, or the account is closed.
    Refused,
    /// No registrar answers as one should.
    Unreachable,
}

impl RegistrationState {
    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Registering => "registering",
            Self::Registered => "registered",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What OPTIONS say about a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum QualifyState {
    /// Nobody asks.
    #[default]
    Off,
    /// No answer yet.
    Unknown,
    /// It answers.
    Up,
    /// It does not.
    Down,
}

impl QualifyState {
    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A trunk at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkStatus {
    /// Whether calls can go out.
    pub state: TrunkState,
    /// How far its registration is.
    pub registration: RegistrationState,
    /// Where it is registered.
    pub registrar: Option<String>,
    /// Since when the registration is as it is.
    pub since: Option<Timestamp>,
    /// When the registration ends unless it is renewed.
    pub expires_at: Option<Timestamp>,
    /// What OPTIONS say.
    pub qualify: QualifyState,
    /// How long the last answer to OPTIONS took.
    pub round_trip: Option<Duration>,
    /// Calls on it now, both ways; only the edge knows.
    pub calls: usize,
    /// What went wrong last.
    pub last_error: Option<String>,
}

impl TrunkStatus {
    /// A trunk of which nothing is known.
    #[must_use]
    pub fn unknown(state: TrunkState) -> Self {
        Self {
            state,
            registration: RegistrationState::None,
            registrar: None,
            since: None,
            expires_at: None,
            qualify: QualifyState::Off,
            round_trip: None,
            calls: 0,
            last_error: None,
        }
    }
}
