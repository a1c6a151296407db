//! The client transaction of every method but INVITE (RFC 3261 section 17.1.2).

use std::time::Instant;

use super::client_invite::{State, Step};
use super::timer::{Backoff, T2, T4, TIMEOUT, earliest};

/// Timers E, F and K and the states they move. [`State::Calling`] is what the RFC calls Trying.
#[derive(Debug)]
pub(crate) struct Client {
    state: State,
    reliable: bool,
    resend: Backoff,
    end_at: Option<Instant>,
}

impl Client {
    /// The request has just been sent.
    pub(crate) fn start(now: Instant, reliable: bool) -> Self {
        let resend = if reliable {
            Backoff::off()
        } else {
            Backoff::start(now, T2)
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
                self.state = State::Proceeding;
                self.resend.slow_down();
                Step::Deliver
            }
            (State::Calling | State::Proceeding, _) => {
                self.resend.stop();
                if self.reliable {
                    self.terminate();
                } else {
                    self.state = State::Completed;
                    self.end_at = Some(now + T4);
                }
                Step::Deliver
            }
            (State::Accepted | State::Completed | State::Terminated, _) => Step::Ignore,
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

    /// Ends it at once.
    pub(crate) fn terminate(&mut self) {
        self.state = State::Terminated;
        self.resend.stop();
        self.end_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_time::epoch;

    fn resends(machine: &mut Client, start: Instant) -> (Vec<u128>, u128) {
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

    /// RFC 3261 section 17.1.2.2.
    #[test]
    fn timer_e_doubles_to_t2_until_timer_f_gives_up() {
        let start = epoch();
        let mut machine = Client::start(start, false);
        let (at, end) = resends(&mut machine, start);
        assert_eq!(
            at,
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
            ]
        );
        assert_eq!(end, 32_000);
    }

    #[test]
    fn in_proceeding_timer_e_waits_t2_each_time() {
        let start = epoch();
        let mut machine = Client::start(start, false);
        assert_eq!(machine.handle_response(start, 100), Step::Deliver);
        let (at, end) = resends(&mut machine, start);
        assert_eq!(at[..3], [500, 4500, 8500]);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn a_final_response_is_handed_up_once_and_timer_k_swallows_the_rest() {
        let start = epoch();
        let mut machine = Client::start(start, false);
        assert_eq!(machine.handle_response(start, 200), Step::Deliver);
        assert_eq!(machine.state(), State::Completed);
        assert_eq!(machine.handle_response(start, 200), Step::Ignore);
        assert_eq!(machine.poll_timeout(), Some(start + T4));
        assert_eq!(machine.handle_timeout(start + T4), Step::Ignore);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn over_a_reliable_transport_timer_k_is_zero_and_nothing_is_repeated() {
        let start = epoch();
        let mut machine = Client::start(start, true);
        assert_eq!(machine.poll_timeout(), Some(start + TIMEOUT));
        assert_eq!(machine.handle_response(start, 481), Step::Deliver);
        assert_eq!(machine.state(), State::Terminated);
    }
}
