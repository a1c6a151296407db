//! The server INVITE transaction (RFC 3261 section 17.2.1, RFC 6026 section 7.1).

use std::time::Instant;

use super::timer::{Backoff, T2, T4, TIMEOUT, TRYING, UNANSWERED, earliest};

/// Where the transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// No final response yet, and none at all (server transactions other than INVITE: Trying).
    Trying,
    /// A provisional response went out.
    Proceeding,
    /// A 2xx went out; the user repeats it. Retransmitted INVITEs are swallowed until timer L.
    Accepted,
    /// A failure went out and is repeated until its ACK or timer H.
    Completed,
    /// The failure was acknowledged; stray ACKs are swallowed until timer I.
    Confirmed,
    /// Over.
    Terminated,
}

/// What the layer has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Ignore,
    /// Send the response.
    Send,
    /// Send the last response again.
    Resend,
    /// Send 100 Trying.
    Trying,
    /// The user may not send this response any more.
    Refuse,
    /// The ACK belongs to the dialog.
    DeliverAck,
    /// Nobody answered for [`UNANSWERED`].
    Abandoned,
}

/// Timers G, H, I and L and the states they move.
#[derive(Debug)]
pub(crate) struct ServerInvite {
    state: State,
    reliable: bool,
    trying_at: Option<Instant>,
    resend: Backoff,
    end_at: Option<Instant>,
}

impl ServerInvite {
    /// The INVITE has just arrived.
    pub(crate) fn start(now: Instant, reliable: bool) -> Self {
        Self {
            state: State::Trying,
            reliable,
            trying_at: Some(now + TRYING),
            resend: Backoff::off(),
            end_at: Some(now + UNANSWERED),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// The INVITE arrived again.
    pub(crate) fn handle_retransmission(&self) -> Step {
        match self.state {
            State::Proceeding | State::Completed => Step::Resend,
            State::Trying | State::Accepted | State::Confirmed | State::Terminated => Step::Ignore,
        }
    }

    /// The user wants to send a response with this status.
    pub(crate) fn handle_response(&mut self, now: Instant, status: u16) -> Step {
        match (self.state, status) {
            (State::Trying | State::Proceeding, ..=199) => {
                self.state = State::Proceeding;
                self.trying_at = None;
            }
            (State::Trying | State::Proceeding, 200..=299) => {
                self.state = State::Accepted;
                self.trying_at = None;
                self.end_at = Some(now + TIMEOUT);
            }
            (State::Trying | State::Proceeding, _) => {
                self.state = State::Completed;
                self.trying_at = None;
                if !self.reliable {
                    self.resend = Backoff::start(now, T2);
                }
                self.end_at = Some(now + TIMEOUT);
            }
            (State::Accepted, 200..=299) => {}
            (State::Accepted | State::Completed | State::Confirmed | State::Terminated, _) => {
                return Step::Refuse;
            }
        }
        Step::Send
    }

    /// An ACK matched.
    pub(crate) fn handle_ack(&mut self, now: Instant) -> Step {
        match self.state {
            State::Completed => {
                self.resend.stop();
                if self.reliable {
                    self.terminate();
                } else {
                    self.state = State::Confirmed;
                    self.end_at = Some(now + T4);
                }
                Step::Ignore
            }
            State::Accepted => Step::DeliverAck,
            State::Trying | State::Proceeding | State::Confirmed | State::Terminated => {
                Step::Ignore
            }
        }
    }

    /// Lets at most one due timer fire.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.end_at.is_some_and(|at| at <= now) {
            let unanswered = matches!(self.state, State::Trying | State::Proceeding);
            self.terminate();
            return if unanswered {
                Step::Abandoned
            } else {
                Step::Ignore
            };
        }
        if self.trying_at.is_some_and(|at| at <= now) {
            self.trying_at = None;
            self.state = State::Proceeding;
            return Step::Trying;
        }
        if self.resend.fire(now) {
            Step::Resend
        } else {
            Step::Ignore
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        earliest(self.trying_at, earliest(self.resend.due_at(), self.end_at))
    }

    /// Ends it at once.
    pub(crate) fn terminate(&mut self) {
        self.state = State::Terminated;
        self.trying_at = None;
        self.resend.stop();
        self.end_at = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_time::epoch;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn trying_goes_out_after_200_ms_unless_the_user_was_quicker() {
        let start = epoch();
        let mut slow = ServerInvite::start(start, false);
        assert_eq!(slow.handle_retransmission(), Step::Ignore);
        assert_eq!(slow.poll_timeout(), Some(start + TRYING));
        assert_eq!(slow.handle_timeout(start + TRYING), Step::Trying);
        assert_eq!(slow.handle_retransmission(), Step::Resend);
        let mut quick = ServerInvite::start(start, false);
        assert_eq!(quick.handle_response(start, 180), Step::Send);
        assert_eq!(quick.poll_timeout(), Some(start + UNANSWERED));
    }

    /// RFC 3261 section 17.2.1.
    #[test]
    fn a_failure_is_repeated_with_timer_g_until_timer_h() {
        let start = epoch();
        let mut machine = ServerInvite::start(start, false);
        assert_eq!(machine.handle_response(start, 486), Step::Send);
        assert_eq!(machine.handle_retransmission(), Step::Resend);
        let mut at = Vec::new();
        while let Some(now) = machine.poll_timeout() {
            if machine.handle_timeout(now) == Step::Resend {
                at.push((now - start).as_millis());
            }
        }
        assert_eq!(
            at,
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
            ]
        );
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn the_ack_stops_timer_g_and_timer_i_swallows_its_copies() {
        let start = epoch();
        let mut machine = ServerInvite::start(start, false);
        machine.handle_response(start, 486);
        assert_eq!(machine.handle_ack(start + MS), Step::Ignore);
        assert_eq!(machine.state(), State::Confirmed);
        assert_eq!(machine.handle_ack(start + MS), Step::Ignore);
        assert_eq!(machine.handle_retransmission(), Step::Ignore);
        assert_eq!(machine.handle_response(start + MS, 200), Step::Refuse);
        assert_eq!(machine.poll_timeout(), Some(start + MS + T4));
        assert_eq!(machine.handle_timeout(start + MS + T4), Step::Ignore);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn over_a_reliable_transport_the_ack_ends_it_and_nothing_is_repeated() {
        let start = epoch();
        let mut machine = ServerInvite::start(start, true);
        machine.handle_response(start, 486);
        assert_eq!(machine.poll_timeout(), Some(start + TIMEOUT));
        assert_eq!(machine.handle_ack(start + MS), Step::Ignore);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn accepted_lets_the_user_repeat_its_2xx_and_hands_up_acks_until_timer_l() {
        let start = epoch();
        let mut machine = ServerInvite::start(start, false);
        machine.handle_response(start, 180);
        assert_eq!(machine.handle_response(start, 200), Step::Send);
        assert_eq!(machine.handle_retransmission(), Step::Ignore);
        assert_eq!(machine.handle_response(start, 200), Step::Send);
        assert_eq!(machine.handle_response(start, 486), Step::Refuse);
        assert_eq!(machine.handle_ack(start), Step::DeliverAck);
        assert_eq!(machine.handle_ack(start), Step::DeliverAck);
        assert_eq!(machine.poll_timeout(), Some(start + TIMEOUT));
        assert_eq!(machine.handle_timeout(start + TIMEOUT), Step::Ignore);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn an_invite_nobody_answers_is_abandoned_in_the_end() {
        let start = epoch();
        let mut machine = ServerInvite::start(start, false);
        assert_eq!(machine.handle_timeout(start + TRYING), Step::Trying);
        assert_eq!(machine.handle_timeout(start + UNANSWERED), Step::Abandoned);
        assert_eq!(machine.poll_timeout(), None);
    }

    #[test]
    fn an_ack_before_any_final_response_is_ignored() {
        let start = epoch();
        let mut machine = ServerInvite::start(start, false);
        assert_eq!(machine.handle_ack(start), Step::Ignore);
        assert_eq!(machine.state(), State::Trying);
    }
}
