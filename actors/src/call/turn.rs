//! Whose turn it is: places that are rung one after the other (RFC 3261 section 16.7).

use offhook_core::HangupCause;
use offhook_core::event::AttemptOutcome;

use super::effect::RingTarget;
use super::input::Contact;

/// Why a leg did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    /// In our words.
    pub(crate) cause: HangupCause,
    /// The status its INVITE was refused with, if it was.
    pub(crate) status: Option<u16>,
}

impl Failure {
    /// A failure that no response told.
    pub(crate) fn of(cause: HangupCause) -> Self {
        Self {
            cause,
            status: None,
        }
    }

    /// Whether the party has refused for all its places: 6xx.
    pub(crate) fn ends_all(self) -> bool {
        self.status.is_some_and(|status| status >= 600)
    }

    /// Whether those whose turn comes next may be tried. A party may be anywhere, so any of its
    /// phones may fail; of carriers another one helps only if this one has no way or no room, for
    /// what one says about the number the next one would say too.
    pub(crate) fn lets_others_try(self, target: &RingTarget) -> bool {
        if self.ends_all() {
            return false;
        }
        match (target, self.status) {
            (RingTarget::Extension(_), _) | (RingTarget::External(_), Some(408 | 500..=599)) => {
                true
            }
            (RingTarget::External(_), Some(_)) => false,
            (RingTarget::External(_), None) => [
                HangupCause::NoUserResponse,
                HangupCause::NetworkOutOfOrder,
                HangupCause::Congestion,
                HangupCause::RecoveryOnTimerExpiry,
            ]
            .contains(&self.cause),
        }
    }
}

impl RingTarget {
    /// Whether it is reached through a trunk.
    pub(crate) fn is_outside(&self) -> bool {
        matches!(self, Self::External(_))
    }
}

/// Places by their turns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns {
    /// The last turn first.
    waiting: Vec<Contact>,
}

impl Turns {
    /// Places in the order of their turns; those of one turn stay as they are.
    pub(crate) fn new(mut contacts: Vec<Contact>) -> Self {
        contacts.sort_by_key(|contact| contact.turn);
        contacts.reverse();
        Self { waiting: contacts }
    }

    /// How many turns are left.
    pub(crate) fn count(&self) -> u32 {
        let turns: std::collections::BTreeSet<u16> =
            self.waiting.iter().map(|contact| contact.turn).collect();
        u32::try_from(turns.len()).unwrap_or(u32::MAX)
    }

    /// The places to ring at once now; none when all had their turn.
    pub(crate) fn next_turn(&mut self) -> Vec<Contact> {
        let Some(turn) = self.waiting.last().map(|contact| contact.turn) else {
            return Vec::new();
        };
        let first = self
            .waiting
            .iter()
            .position(|contact| contact.turn == turn)
            .unwrap_or(0);
        let mut now = self.waiting.split_off(first);
        now.reverse();
        now
    }
}

/// Reasons that tell the caller most, the most telling first.
const TELLING: [HangupCause; 3] = [
    HangupCause::CallRejected,
    HangupCause::UserBusy,
    HangupCause::NoAnswer,
];

/// Reasons that tell less than any other.
const SAYING_LITTLE: [HangupCause; 2] =
    [HangupCause::SubscriberAbsent, HangupCause::NoUserResponse];

/// Which of two reasons tells the caller more; the first if both tell as much.
pub(super) fn more_telling(one: HangupCause, other: HangupCause) -> HangupCause {
    if rank(other) < rank(one) { other } else { one }
}

/// The less, the more it tells.
fn rank(cause: HangupCause) -> usize {
    if SAYING_LITTLE.contains(&cause) {
        return TELLING.len() + 1;
    }
    TELLING
        .iter()
        .position(|&telling| telling == cause)
        .unwrap_or(TELLING.len())
}

/// What a queue is told of an agent's phone that failed for this reason.
pub(super) fn outcome(cause: HangupCause) -> AttemptOutcome {
    if cause == HangupCause::UserBusy {
        AttemptOutcome::Busy
    } else if cause == HangupCause::CallRejected {
        AttemptOutcome::Rejected
    } else if cause == HangupCause::NoAnswer {
        AttemptOutcome::NoAnswer
    } else {
        AttemptOutcome::Unreachable
    }
}

#[cfg(test)]
mod tests {
    use offhook_core::{ExtensionId, IdSource};

    use super::*;

    fn refused(status: u16) -> Failure {
        Failure {
            cause: HangupCause::from_sip_status(status),
            status: Some(status),
        }
    }

    /// RFC 3261 section 16.7.
    #[test]
    fn phones_are_tried_after_any_failure_and_carriers_after_their_own() {
        let phone = RingTarget::Extension(ExtensionId::new(&mut IdSource::seeded(1)));
        let carrier = RingTarget::External("0301".into());
        for (status, phones, carriers) in [
            (404, true, false),
            (408, true, true),
            (480, true, false),
            (486, true, false),
            (500, true, true),
            (503, true, true),
            (600, false, false),
            (603, false, false),
        ] {
            let failure = refused(status);
            assert_eq!(failure.lets_others_try(&phone), phones, "{status}");
            assert_eq!(failure.lets_others_try(&carrier), carriers, "{status}");
            assert_eq!(failure.ends_all(), status >= 600);
        }
        let unreachable = Failure::of(HangupCause::NetworkOutOfOrder);
        assert!(unreachable.lets_others_try(&carrier));
        let odd = Failure::of(HangupCause::NoCommonCodec);
        assert!(odd.lets_others_try(&phone) && !odd.lets_others_try(&carrier));
    }
}
