//! The server transaction of every method but INVITE and ACK (RFC 3261 section 17.2.2).

use std::time::Instant;

use super::server_invite::{State, Step};
use super::timer::TIMEOUT;

/// Timer J and the states it moves.
#[derive(Debug)]
pub(crate) struct Server {
    state: State,
    reliable: bool,
    end_at: Option<Instant>,
}

impl Server {
    /// The request has just arrived.
    pub(crate) fn start(now: Instant, reliable: bool) -> Self {
        Self {
            state: State::Trying,
            reliable,
            // After timer F the client has given up, and a late answer must not go out
            // (RFC 4320 section 4.2).
            end_at: Some(now + TIMEOUT),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// The request arrived again.
    pub(crate) fn handle_retransmission(&self) -> Step {
        match self.state {
            State::Proceeding | State::Completed => Step::Resend,
            State::Trying | State::Accepted | State::Confirmed | State::Terminated => Step::Ignore,
        }
    }

    /// The user wants to send a response with this status.
    pub(crate) fn handle_response(&mut self, now: Instant, status: u16) -> Step {
        match (self.state, status) {
            (State::Trying | State::Proceeding, ..=199) => self.state = State::Proceeding,
            (State::Trying | State::Proceeding, _) => {
                if self.reliable {
                    self.terminate();
                } else {
                    self.state = State::Completed;
                    self.end_at = Some(now + TIMEOUT);
                }
            }
            (State::Accepted | State::Completed | State::Confirmed | State::Terminated, _) => {
                return Step::Refuse;
            }
        }
        Step::Send
    }

    /// Lets the deadline pass.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.end_at.is_none_or(|at| at > now) {
            return Step::Ignore;
        }
        let unanswered = matches!(self.state, State::Trying | State::Proceeding);
        self.terminate();
        if unanswered {
            Step::Abandoned
        } else {
            Step::Ignore
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.end_at
    }

    /// Ends it at once.
    pub(crate) fn terminate(&mut self) {
        self.state = State::Terminated;
        self.end_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_time::epoch;

    #[test]
    fn retransmissions_are_answered_with_the_last_response_until_timer_j() {
        let start = epoch();
        let mut machine = Server::start(start, false);
        assert_eq!(machine.handle_retransmission(), Step::Ignore);
        assert_eq!(machine.handle_response(start, 100), Step::Send);
        assert_eq!(machine.handle_retransmission(), Step::Resend);
        assert_eq!(machine.handle_response(start, 200), Step::Send);
        assert_eq!(machine.state(), State::Completed);
        assert_eq!(machine.handle_retransmission(), Step::Resend);
        assert_eq!(machine.handle_response(start, 200), Step::Refuse);
        assert_eq!(machine.handle_timeout(start + TIMEOUT), Step::Ignore);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn over_a_reliable_transport_the_final_response_ends_it() {
        let start = epoch();
        let mut machine = Server::start(start, true);
        assert_eq!(machine.handle_response(start, 200), Step::Send);
        assert_eq!(machine.state(), State::Terminated);
        assert_eq!(machine.poll_timeout(), None);
    }

    #[test]
    fn a_request_nobody_answers_is_dropped_when_its_sender_has_given_up() {
        let start = epoch();
        let mut machine = Server::start(start, false);
        assert_eq!(machine.handle_timeout(start), Step::Ignore);
        assert_eq!(machine.handle_timeout(start + TIMEOUT), Step::Abandoned);
        assert_eq!(machine.poll_timeout(), None);
    }
}
