//! The client INVITE transaction (RFC 3261 section 17.1.1, RFC 6026 section 7.2).

use std::time::{Duration, Instant};

use super::timer::{Backoff, TIMEOUT, UNANSWERED, earliest};

/// Where the transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Sent, nothing heard.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A 2xx came; more may come from other branches, until timer M.
    Accepted,
    /// A failure came and was acknowledged; its retransmissions are acknowledged until timer D.
    Completed,
    /// Over.
    Terminated,
}

/// What the layer has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Ignore,
    /// Hand the response to the user.
    Deliver,
    /// Hand the response to the user and acknowledge it.
    DeliverAndAck,
    /// Acknowledge a retransmitted failure.
    Ack,
    /// Send the request again.
    Resend,
    /// Tell the user that no answer came.
    TimedOut,
}

/// Timers A, B, D and M and the states they move.
#[derive(Debug)]
pub(crate) struct ClientInvite {
    state: State,
    reliable: bool,
    resend: Backoff,
    end_at: Option<Instant>,
}

impl ClientInvite {
    /// The INVITE has just been sent.
    pub(crate) fn start(now: Instant, reliable: bool) -> Self {
        // Timer A has no cap of its own: timer B ends it first.
        let resend = if reliable {
            Backoff::off()
        } else {
            Backoff::start(now, Duration::MAX)
        };
        Self {
            state: State::Calling,
            reliable,
            resend,
            end_at: Some(now + TIMEOUT),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// A response with this status matched.
    pub(crate) fn handle_response(&mut self, now: Instant, status: u16) -> Step {
        match (self.state, status) {
            (State::Calling | State::Proceeding, ..=199) => {
                if self.state == State::Calling {
                    self.end_at = Some(now + UNANSWERED);
                }
                self.state = State::Proceeding;
                self.resend.stop();
                Step::Deliver
            }
            (State::Calling | State::Proceeding, 200..=299) => {
                self.state = State::Accepted;
                self.resend.stop();
                self.end_at = Some(now + TIMEOUT);
                Step::Deliver
            }
            (State::Calling | State::Proceeding, _) => {
                self.resend.stop();
                if self.reliable {
                    self.terminate();
                } else {
                    self.state = State::Completed;
                    self.end_at = Some(now + TIMEOUT);
                }
                Step::DeliverAndAck
            }
            (State::Accepted, 200..=299) => Step::Deliver,
            (State::Completed, 300..) => Step::Ack,
            (State::Accepted | State::Completed | State::Terminated, _) => Step::Ignore,
        }
    }

    /// Stops timer A: nobody waits for this INVITE any more.
    pub(crate) fn stop_repeating(&mut self) {
        self.resend.stop();
    }

    /// A CANCEL went out: without a final response within 64 × T1 the transaction is given up
    /// (RFC 3261 section 9.1).
    pub(crate) fn handle_cancelled(&mut self, now: Instant) {
        if self.state == State::Proceeding {
            self.end_at = Some(now + TIMEOUT);
        }
    }

    /// Lets at most one due timer fire.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.end_at.is_some_and(|at| at <= now) {
            let unanswered = matches!(self.state, State::Calling | State::Proceeding);
            self.terminate();
            return if unanswered {
                Step::TimedOut
            } else {
                Step::Ignore
            };
        }
        if self.resend.fire(now) {
            Step::Resend
        } else {
            Step::Ignore
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        earliest(self.resend.due_at(), self.end_at)
    }

    /// Ends it at once: its connection is gone, or its user is.
    pub(crate) fn terminate(&mut self) {
        self.state = State::Terminated;
        self.resend.stop();
        self.end_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::timer::T1;
    use super::*;
    use crate::test_time::epoch;

    const MS: Duration = Duration::from_millis(1);

    fn resends(machine: &mut ClientInvite, start: Instant) -> (Vec<u128>, u128) {
        let mut at = Vec::new();
        loop {
            let now = machine.poll_timeout().unwrap();
            match machine.handle_timeout(now) {
                Step::Resend => at.push((now - start).as_millis()),
                Step::TimedOut => return (at, (now - start).as_millis()),
                Step::Ignore | Step::Deliver | Step::DeliverAndAck | Step::Ack => {
                    panic!("nobody answered")
                }
            }
        }
    }

    /// RFC 3261 section 17.1.1.2.
    #[test]
    fn timer_a_doubles_until_timer_b_gives_up() {
        let start = epoch();
        let mut machine = ClientInvite::start(start, false);
        let (at, end) = resends(&mut machine, start);
        assert_eq!(at, [500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!(end, 32_000);
        assert_eq!(machine.state(), State::Terminated);
        assert_eq!(machine.poll_timeout(), None);
    }

    #[test]
    fn a_reliable_transport_repeats_nothing() {
        let start = epoch();
        let mut machine = ClientInvite::start(start, true);
        assert_eq!(resends(&mut machine, start), (vec![], 32_000));
    }

    #[test]
    fn a_provisional_response_stops_timers_a_and_b() {
        let start = epoch();
        let mut machine = ClientInvite::start(start, false);
        assert_eq!(machine.handle_response(start, 180), Step::Deliver);
        assert_eq!(machine.poll_timeout(), Some(start + UNANSWERED));
        assert_eq!(machine.handle_timeout(start + TIMEOUT), Step::Ignore);
        assert_eq!(machine.handle_response(start + TIMEOUT, 183), Step::Deliver);
        assert_eq!(machine.poll_timeout(), Some(start + UNANSWERED));
        assert_eq!(machine.handle_timeout(start + UNANSWERED), Step::TimedOut);
    }

    /// RFC 6026 section 7.2.
    #[test]
    fn accepted_hands_up_every_2xx_until_timer_m() {
        let start = epoch();
        let mut machine = ClientInvite::start(start, true);
        assert_eq!(machine.handle_response(start, 200), Step::Deliver);
        assert_eq!(machine.state(), State::Accepted);
        assert_eq!(machine.handle_response(start + MS, 200), Step::Deliver);
        assert_eq!(machine.handle_response(start + MS, 180), Step::Ignore);
        assert_eq!(machine.handle_response(start + MS, 486), Step::Ignore);
        assert_eq!(machine.handle_timeout(start + TIMEOUT), Step::Ignore);
        assert_eq!(machine.state(), State::Terminated);
        assert_eq!(machine.handle_response(start + TIMEOUT, 200), Step::Ignore);
    }

    #[test]
    fn a_failure_is_acknowledged_each_time_until_timer_d() {
        let start = epoch();
        let mut machine = ClientInvite::start(start, false);
        assert_eq!(machine.handle_response(start, 486), Step::DeliverAndAck);
        assert_eq!(machine.handle_response(start + MS, 486), Step::Ack);
        assert_eq!(machine.handle_response(start + MS, 200), Step::Ignore);
        assert_eq!(machine.handle_timeout(start + TIMEOUT), Step::Ignore);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn a_failure_over_a_reliable_transport_ends_at_once() {
        let start = epoch();
        let mut machine = ClientInvite::start(start, true);
        assert_eq!(machine.handle_response(start, 180), Step::Deliver);
        assert_eq!(machine.handle_response(start, 603), Step::DeliverAndAck);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn a_cancelled_invite_waits_32_seconds_for_its_final_response() {
        let start = epoch();
        let mut machine = ClientInvite::start(start, false);
        machine.handle_response(start, 180);
        machine.handle_cancelled(start + T1);
        assert_eq!(machine.poll_timeout(), Some(start + T1 + TIMEOUT));
        assert_eq!(machine.handle_timeout(start + T1 + TIMEOUT), Step::TimedOut);
    }
}
