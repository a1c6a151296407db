//! Which way media flows (RFC 8866 section 6.7, RFC 3264 section 5.1).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which way media flows, as seen by the side whose direction it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both ways; what a description without a direction means.
    #[default]
    SendRecv,
    /// This side only sends.
    SendOnly,
    /// This side only listens.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// Every direction.
    pub const ALL: &[Self] = &[
        Self::SendRecv,
        Self::SendOnly,
        Self::RecvOnly,
        Self::Inactive,
    ];

    /// The direction of a side that sends and receives as told.
    #[must_use]
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "two flows, on or off, are what a direction is"
    )]
    pub fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// True when this side may send.
    #[must_use]
    pub fn can_send(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// True when this side may receive.
    #[must_use]
    pub fn can_receive(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow as the other side sees it.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::of(self.can_receive(), self.can_send())
    }

    /// What remains when both must allow it; both seen from the same side.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of(
            self.can_send() && other.can_send(),
            self.can_receive() && other.can_receive(),
        )
    }

    /// The attribute's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The direction this attribute names, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let same = |direction: &Self| direction.as_str().eq_ignore_ascii_case(name);
        Self::ALL.iter().copied().find(same)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reversing_twice_changes_nothing() {
        for &direction in Direction::ALL {
            assert_eq!(direction.reversed().reversed(), direction);
            assert_eq!(Direction::from_name(direction.as_str()), Some(direction));
        }
        assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
    }

    #[test]
    fn both_sides_must_allow_a_flow() {
        let answer = Direction::SendRecv.and(Direction::SendOnly.reversed());
        assert_eq!(answer, Direction::RecvOnly);
        let both_hold = Direction::SendOnly.and(Direction::SendOnly.reversed());
        assert_eq!(both_hold, Direction::Inactive);
    }
}
