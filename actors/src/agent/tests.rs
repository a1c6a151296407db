//! Given, when, then for one agent; and the whole table of states and inputs.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_core::directory::{Agent, AgentState};
use offhook_core::event::{AttemptOutcome, EventKind};
use offhook_core::id::{AgentId, AttemptId, CallId, ExtensionId, IdSource, QueueId};

use super::message::{AgentCommand, AgentEffect, AgentInput};
use super::{AgentMachine, MISSED_CALLS};
use crate::alarm;
use crate::queue::{AgentToQueue, Availability, QueueToAgent, Refusal};

const WRAP_UP: Duration = Duration::from_secs(20);

/// One agent, two queues and a clock.
struct Office {
    agent: AgentMachine,
    now: Instant,
    support: QueueId,
    sales: QueueId,
    call: CallId,
    attempt: AttemptId,
    other: AttemptId,
    own_call: CallId,
}

impl Office {
    fn new() -> Self {
        let mut ids = IdSource::seeded(1);
        let now = alarm::now();
        let agent = Agent {
            id: AgentId::new(&mut ids),
            name: "Anna".to_owned(),
            extension: ExtensionId::new(&mut ids),
            user: None,
            max_missed: 2,
        };
        let mut office = Self {
            agent: AgentMachine::new(Arc::new(agent), true, now),
            now,
            support: QueueId::new(&mut ids),
            sales: QueueId::new(&mut ids),
            call: CallId::new(&mut ids),
            attempt: AttemptId::new(&mut ids),
            other: AttemptId::new(&mut ids),
            own_call: CallId::new(&mut ids),
        };
        for queue in [office.support, office.sales] {
            office.queue_says(QueueToAgent::Subscribe { queue });
        }
        office.effects();
        office
    }

    fn ready() -> Self {
        let mut office = Self::new();
        office.asks(AgentCommand::Ready);
        office.effects();
        office
    }

    fn reserved() -> Self {
        let mut office = Self::ready();
        office.reserve(office.attempt, office.support);
        office.effects();
        office
    }

    fn ringing() -> Self {
        let mut office = Self::reserved();
        office.queue_says(QueueToAgent::Ringing {
            attempt: office.attempt,
        });
        office.effects();
        office
    }

    fn on_call() -> Self {
        let mut office = Self::ringing();
        office.connect();
        office.effects();
        office
    }

    fn given(&mut self, input: AgentInput) {
        self.agent.handle(self.now, input);
    }

    fn asks(&mut self, command: AgentCommand) {
        self.given(AgentInput::SetState(command));
    }

    fn queue_says(&mut self, message: QueueToAgent) {
        self.given(AgentInput::FromQueue(message));
    }

    fn reserve(&mut self, attempt: AttemptId, queue: QueueId) {
        let call = self.call;
        self.queue_says(QueueToAgent::Reserve {
            attempt,
            queue,
            call,
        });
    }

    fn release(&mut self, outcome: AttemptOutcome) {
        let attempt = self.attempt;
        self.queue_says(QueueToAgent::Release { attempt, outcome });
    }

    fn connect(&mut self) {
        let attempt = self.attempt;
        let wrap_up = WRAP_UP;
        self.queue_says(QueueToAgent::Connected { attempt, wrap_up });
    }

    /// Another agent's call, at their own phone.
    fn picks_up(&mut self) {
        let input = AgentInput::PickedUp {
            attempt: self.other,
            queue: self.support,
            call: self.call,
            wrap_up: WRAP_UP,
        };
        self.given(input);
    }

    fn call_ends(&mut self) {
        let attempt = self.attempt;
        self.given(AgentInput::CallEnded { attempt });
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.agent.handle_timeout(self.now);
    }

    fn effects(&mut self) -> Vec<AgentEffect> {
        std::iter::from_fn(|| self.agent.poll_effect()).collect()
    }

    /// What the queues were told, without which queue.
    fn said(&mut self) -> Vec<AgentToQueue> {
        let effects = self.effects().into_iter();
        let said = effects.filter_map(|effect| match effect {
            AgentEffect::TellQueue { message, .. } => Some(message),
            AgentEffect::Publish(_) => None,
        });
        said.collect()
    }

    fn break_for(reason: &str) -> AgentCommand {
        let reason = reason.to_owned();
        AgentCommand::OnBreak { reason }
    }
}

fn granted(said: &[AgentToQueue]) -> usize {
    let grants = said.iter();
    let grants = grants.filter(|message| matches!(message, AgentToQueue::Granted { .. }));
    grants.count()
}

fn refusals(said: &[AgentToQueue]) -> Vec<Refusal> {
    let refusals = said.iter().filter_map(|message| match message {
        AgentToQueue::Refused { refusal, .. } => Some(*refusal),
        AgentToQueue::Granted { .. }
        | AgentToQueue::Availability { .. }
        | AgentToQueue::Withdraw { .. }
        | AgentToQueue::StillHeld { .. } => None,
    });
    refusals.collect()
}

fn withdrawals(said: &[AgentToQueue]) -> usize {
    let withdrawn = said.iter();
    let withdrawn = withdrawn.filter(|message| matches!(message, AgentToQueue::Withdraw { .. }));
    withdrawn.count()
}

#[test]
fn two_queues_want_one_agent_and_the_second_is_refused() {
    let mut office = Office::ready();
    office.reserve(office.attempt, office.support);
    office.reserve(office.other, office.sales);
    let said = office.said();
    assert_eq!(granted(&said), 1);
    assert_eq!(refusals(&said), [Refusal::Busy]);
    // Only the holder may ring.
    office.queue_says(QueueToAgent::Ringing {
        attempt: office.other,
    });
    assert_eq!(office.agent.state(), AgentState::Reserved);
    office.queue_says(QueueToAgent::Connected {
        attempt: office.other,
        wrap_up: WRAP_UP,
    });
    assert_eq!(office.agent.state(), AgentState::Reserved);
    assert_eq!(office.agent.attempt(), Some(office.attempt));
}

#[test]
fn every_change_of_availability_reaches_every_queue_that_asked() {
    let mut office = Office::new();
    office.asks(AgentCommand::Ready);
    let since = office.now;
    let availability = Availability::Available { since };
    let agent = office.agent.id();
    let told: Vec<_> = office
        .effects()
        .into_iter()
        .filter_map(|effect| match effect {
            AgentEffect::TellQueue { queue, message } => Some((queue, message)),
            AgentEffect::Publish(_) => None,
        })
        .collect();
    let message = AgentToQueue::Availability {
        agent,
        availability,
    };
    assert!(told.contains(&(office.support, message.clone())));
    assert!(told.contains(&(office.sales, message)));
    office.queue_says(QueueToAgent::Unsubscribe {
        queue: office.sales,
    });
    office.asks(AgentCommand::LogOut);
    let effects = office.effects();
    assert!(effects.iter().all(|effect| !matches!(
        effect,
        AgentEffect::TellQueue { queue, .. } if *queue == office.sales
    )));
}

#[test]
fn agents_are_not_stuck_reserved_when_another_answers_first() {
    let mut office = Office::ringing();
    let idle_since = office.now;
    office.now += Duration::from_secs(5);
    office.release(AttemptOutcome::AnsweredElsewhere);
    assert_eq!(office.agent.state(), AgentState::Ready);
    // The place in the line of the idle is kept.
    let since = idle_since;
    assert_eq!(
        office.agent.availability(),
        Availability::Available { since }
    );
}

#[test]
fn a_missed_attempt_moves_the_agent_to_the_end_of_the_idle() {
    let mut office = Office::ringing();
    office.now += Duration::from_secs(15);
    office.release(AttemptOutcome::NoAnswer);
    let since = office.now;
    assert_eq!(
        office.agent.availability(),
        Availability::Available { since }
    );
    assert_eq!(office.agent.missed(), 1);
}

#[test]
fn an_agent_who_misses_calls_is_on_break_and_one_put_makes_them_ready() {
    let mut office = Office::ringing();
    office.release(AttemptOutcome::NoAnswer);
    office.reserve(office.attempt, office.support);
    office.release(AttemptOutcome::Rejected);
    assert_eq!(office.agent.state(), AgentState::OnBreak);
    assert_eq!(office.agent.reason(), Some(MISSED_CALLS));
    office.effects();
    office.asks(AgentCommand::Ready);
    office.reserve(office.attempt, office.support);
    assert_eq!(granted(&office.said()), 1);
    assert_eq!(office.agent.missed(), 0);
}

#[test]
fn an_answered_call_forgives_the_misses_before_it() {
    let mut office = Office::ringing();
    office.release(AttemptOutcome::NoAnswer);
    office.reserve(office.attempt, office.support);
    office.connect();
    assert_eq!(office.agent.missed(), 0);
}

#[test]
fn a_busy_phone_is_no_missed_call() {
    let mut office = Office::ringing();
    office.release(AttemptOutcome::Busy);
    office.reserve(office.attempt, office.support);
    office.release(AttemptOutcome::Busy);
    assert_eq!(office.agent.state(), AgentState::Ready);
}

#[test]
fn wrap_up_follows_a_call_and_ready_follows_wrap_up() {
    let mut office = Office::on_call();
    office.call_ends();
    assert_eq!(office.agent.state(), AgentState::WrapUp);
    assert_eq!(office.agent.call(), Some(office.call));
    office.reserve(office.other, office.sales);
    assert_eq!(refusals(&office.said()), [Refusal::WrapUp]);
    office.pass(WRAP_UP);
    assert_eq!(office.agent.state(), AgentState::Ready);
    let since = office.now;
    assert_eq!(
        office.agent.availability(),
        Availability::Available { since }
    );
}

#[test]
fn ready_ends_the_wrap_up_early_and_its_timer_with_it() {
    let mut office = Office::on_call();
    office.call_ends();
    office.asks(AgentCommand::Ready);
    assert_eq!(office.agent.state(), AgentState::Ready);
    assert_eq!(office.agent.poll_timeout(), None);
}

#[test]
fn a_break_asked_for_during_a_call_is_visible_and_comes_after_it() {
    let mut office = Office::on_call();
    office.asks(Office::break_for("lunch"));
    assert_eq!(office.agent.state(), AgentState::OnCall);
    assert_eq!(office.agent.next(), Some(&Office::break_for("lunch")));
    office.call_ends();
    assert_eq!(office.agent.state(), AgentState::OnBreak);
    assert_eq!(office.agent.reason(), Some("lunch"));
    assert_eq!(office.agent.next(), None);
}

#[test]
fn who_goes_home_after_the_call_is_nobody_to_wait_for_unless_they_stay_after_all() {
    let mut office = Office::on_call();
    let heard = |office: &mut Office| {
        let said = office.said().into_iter();
        let availability = said.map(|message| match message {
            AgentToQueue::Availability { availability, .. } => Some(availability),
            AgentToQueue::Granted { .. }
            | AgentToQueue::Refused { .. }
            | AgentToQueue::Withdraw { .. }
            | AgentToQueue::StillHeld { .. } => None,
        });
        availability.collect::<Vec<_>>()
    };
    office.asks(AgentCommand::LogOut);
    assert_eq!(office.agent.state(), AgentState::OnCall);
    assert_eq!(heard(&mut office), [Some(Availability::LoggedOut); 2]);
    office.asks(AgentCommand::Ready);
    assert_eq!(heard(&mut office), [Some(Availability::Unavailable); 2]);
}

#[test]
fn ready_during_a_call_takes_back_the_break_asked_for() {
    let mut office = Office::on_call();
    office.asks(AgentCommand::LogOut);
    office.asks(AgentCommand::Ready);
    assert_eq!(office.agent.next(), None);
    office.call_ends();
    assert_eq!(office.agent.state(), AgentState::WrapUp);
}

#[test]
fn logging_out_while_rung_gives_the_attempt_back_and_frees_nobody_before_the_queue_knows() {
    let mut office = Office::ringing();
    office.asks(AgentCommand::LogOut);
    assert_eq!(office.agent.state(), AgentState::LoggedOut);
    assert_eq!(withdrawals(&office.said()), 1);
    // Ready again before the queue has answered: not yet for another queue.
    office.asks(AgentCommand::Ready);
    office.reserve(office.other, office.sales);
    assert_eq!(refusals(&office.said()), [Refusal::Busy]);
    office.release(AttemptOutcome::Withdrawn);
    office.reserve(office.other, office.sales);
    assert_eq!(granted(&office.said()), 1);
}

#[test]
fn an_answer_in_the_moment_of_logging_out_is_this_agents_call() {
    let mut office = Office::ringing();
    office.asks(AgentCommand::LogOut);
    office.connect();
    assert_eq!(office.agent.state(), AgentState::OnCall);
    assert_eq!(office.agent.next(), Some(&AgentCommand::LogOut));
    office.call_ends();
    assert_eq!(office.agent.state(), AgentState::LoggedOut);
}

#[test]
fn a_call_that_ends_before_its_queue_reports_the_answer_leaves_nobody_on_call() {
    let mut office = Office::ringing();
    office.call_ends();
    assert_eq!(office.agent.state(), AgentState::Ringing);
    office.connect();
    assert_eq!(office.agent.state(), AgentState::WrapUp);
}

#[test]
fn members_do_not_stay_on_a_call_that_is_gone() {
    let mut office = Office::on_call();
    let call = office.call;
    office.given(AgentInput::CallGone { call });
    assert_eq!(office.agent.state(), AgentState::WrapUp);
}

#[test]
fn a_phone_that_unregisters_while_ringing_gives_the_attempt_back() {
    let mut office = Office::ringing();
    office.given(AgentInput::PhoneGone);
    assert_eq!(withdrawals(&office.said()), 1);
    assert_eq!(office.agent.state(), AgentState::Ready);
    office.release(AttemptOutcome::Withdrawn);
    assert_eq!(office.agent.availability(), Availability::Unavailable);
    office.reserve(office.other, office.sales);
    assert_eq!(refusals(&office.said()), [Refusal::PhoneGone]);
    office.given(AgentInput::PhoneReachable);
    office.reserve(office.other, office.sales);
    assert_eq!(granted(&office.said()), 1);
}

#[test]
fn an_agent_promised_for_long_asks_the_queue_again_and_again() {
    let mut office = Office::reserved();
    for _ in 0..3 {
        office.pass(Duration::from_secs(10));
        let (attempt, agent) = (office.attempt, office.agent.id());
        assert_eq!(office.said(), [AgentToQueue::StillHeld { attempt, agent }]);
    }
    office.release(AttemptOutcome::Withdrawn);
    assert_eq!(office.agent.state(), AgentState::Ready);
    assert_eq!(office.agent.poll_timeout(), None);
}

#[test]
fn a_call_of_the_agents_own_keeps_queues_away_until_it_ends() {
    let mut office = Office::ready();
    let call = office.own_call;
    office.given(AgentInput::DirectCallStarted { call });
    assert_eq!(office.agent.state(), AgentState::OnCall);
    office.reserve(office.attempt, office.support);
    assert_eq!(refusals(&office.said()), [Refusal::Busy]);
    office.given(AgentInput::DirectCallEnded { call });
    assert_eq!(office.agent.state(), AgentState::Ready);
}

#[test]
fn a_stale_release_or_end_changes_nothing() {
    let mut office = Office::on_call();
    office.release(AttemptOutcome::NoAnswer);
    assert_eq!(office.agent.state(), AgentState::OnCall);
    let attempt = office.other;
    office.given(AgentInput::CallEnded { attempt });
    assert_eq!(office.agent.state(), AgentState::OnCall);
    assert_eq!(office.effects(), []);
}

#[test]
fn a_retired_agent_logs_out_after_the_call_and_is_finished() {
    let mut office = Office::on_call();
    office.given(AgentInput::Retire);
    office.asks(AgentCommand::Ready);
    assert!(!office.agent.is_finished());
    office.call_ends();
    assert!(office.agent.is_finished());
}

#[test]
fn a_state_is_published_once_and_only_when_it_changes() {
    let mut office = Office::ready();
    office.asks(AgentCommand::Ready);
    assert_eq!(office.effects(), []);
    office.asks(Office::break_for("lunch"));
    let published: Vec<_> = office
        .effects()
        .into_iter()
        .filter_map(|effect| match effect {
            AgentEffect::Publish(kind) => Some(kind),
            AgentEffect::TellQueue { .. } => None,
        })
        .collect();
    let expected = EventKind::AgentStateChanged {
        agent: office.agent.id(),
        state: AgentState::OnBreak,
        reason: Some("lunch".to_owned()),
        call: None,
    };
    assert_eq!(published, [expected]);
}

type Given = fn() -> Office;
type When = fn(&mut Office);

/// Every state as a manager knows it, with the way to get there.
fn states() -> Vec<(&'static str, Given)> {
    vec![
        ("logged out", Office::new),
        ("ready", Office::ready),
        ("reserved", Office::reserved),
        ("ringing", Office::ringing),
        ("on call", Office::on_call),
        ("on call, then break", || {
            let mut office = Office::on_call();
            office.asks(Office::break_for("lunch"));
            office
        }),
        ("on call, then home", || {
            let mut office = Office::on_call();
            office.asks(AgentCommand::LogOut);
            office
        }),
        ("wrap-up", || {
            let mut office = Office::on_call();
            office.call_ends();
            office
        }),
        ("on break", || {
            let mut office = Office::ready();
            office.asks(Office::break_for("lunch"));
            office
        }),
        ("logged out while rung", || {
            let mut office = Office::ringing();
            office.asks(AgentCommand::LogOut);
            office
        }),
        ("own call", || {
            let mut office = Office::ready();
            let call = office.own_call;
            office.given(AgentInput::DirectCallStarted { call });
            office
        }),
    ]
}

fn inputs() -> Vec<(&'static str, When)> {
    vec![
        ("ready", |office| office.asks(AgentCommand::Ready)),
        ("break", |office| office.asks(Office::break_for("tea"))),
        ("log out", |office| office.asks(AgentCommand::LogOut)),
        ("reserve", |office| {
            office.reserve(office.other, office.sales);
        }),
        ("ringing", |office| {
            office.queue_says(QueueToAgent::Ringing {
                attempt: office.attempt,
            });
        }),
        ("connected", Office::connect),
        ("release: no answer", |office| {
            office.release(AttemptOutcome::NoAnswer);
        }),
        ("release: caller gone", |office| {
            office.release(AttemptOutcome::CallerGone);
        }),
        ("picks up", Office::picks_up),
        ("call ended", Office::call_ends),
        ("call gone", |office| {
            let call = office.call;
            office.given(AgentInput::CallGone { call });
        }),
        ("time passes", |office| office.pass(WRAP_UP)),
        ("own call starts", |office| {
            let call = office.own_call;
            office.given(AgentInput::DirectCallStarted { call });
        }),
        ("own call ends", |office| {
            let call = office.own_call;
            office.given(AgentInput::DirectCallEnded { call });
        }),
        ("phone gone", |office| office.given(AgentInput::PhoneGone)),
        ("retire", |office| office.given(AgentInput::Retire)),
    ]
}

fn describe(office: &mut Office) -> String {
    let mut words = vec![office.agent.state().to_string()];
    words.extend(office.agent.reason().map(|reason| format!("({reason})")));
    if let Some(next) = office.agent.next() {
        words.push(format!("then {}", next.state()));
    }
    let mut told: Vec<_> = office
        .said()
        .into_iter()
        .map(|message| match message {
            AgentToQueue::Granted { .. } => "granted".to_owned(),
            AgentToQueue::Refused { refusal, .. } => format!("refused: {refusal:?}"),
            AgentToQueue::Availability { availability, .. } => match availability {
                Availability::Available { .. } => "available".to_owned(),
                Availability::Unavailable => "unavailable".to_owned(),
                Availability::LoggedOut => "gone".to_owned(),
            },
            AgentToQueue::Withdraw { .. } => "withdraws".to_owned(),
            AgentToQueue::StillHeld { .. } => "asks if still wanted".to_owned(),
        })
        .collect();
    told.dedup();
    if !told.is_empty() {
        words.push(format!("[{}]", told.join(", ")));
    }
    words.join(" ")
}

#[test]
fn who_picks_up_a_colleagues_call_is_on_it_and_wraps_it_up() {
    for begin in [Office::ready, Office::ringing] {
        let mut office = begin();
        let rung = office.agent.attempt();
        office.picks_up();
        assert_eq!(office.agent.state(), AgentState::OnCall);
        assert_eq!(office.agent.attempt(), Some(office.other));
        // Who was rung for another call at the same time is wanted there no more.
        let withdrawn = |said: &AgentToQueue| matches!(said, AgentToQueue::Withdraw { attempt, .. } if Some(*attempt) == rung);
        assert_eq!(office.said().iter().any(withdrawn), rung.is_some());
        office.release(AttemptOutcome::AnsweredElsewhere);
        assert_eq!(office.agent.state(), AgentState::OnCall);
        let attempt = office.other;
        office.given(AgentInput::CallEnded { attempt });
        assert_eq!(office.agent.state(), AgentState::WrapUp);
        office.pass(WRAP_UP);
        assert_eq!(office.agent.state(), AgentState::Ready);
        assert_eq!(office.agent.attempt(), None);
    }
}

#[test]
fn who_picks_up_during_a_break_goes_back_to_it() {
    let mut office = Office::ready();
    office.asks(Office::break_for("lunch"));
    office.picks_up();
    assert_eq!(office.agent.state(), AgentState::OnCall);
    let attempt = office.other;
    office.given(AgentInput::CallEnded { attempt });
    assert_eq!(office.agent.state(), AgentState::OnBreak);
    assert_eq!(office.agent.reason(), Some("lunch"));
}

#[test]
fn who_is_not_at_work_or_in_another_queues_call_is_no_agent_of_a_picked_up_one() {
    let mut office = Office::ready();
    office.asks(AgentCommand::LogOut);
    office.picks_up();
    assert_eq!(office.agent.state(), AgentState::LoggedOut);
    let mut office = Office::on_call();
    office.picks_up();
    assert_eq!(office.agent.attempt(), Some(office.attempt));
}

#[test]
fn every_input_in_every_state_does_what_the_table_says() {
    let mut table = String::new();
    for (state, given) in states() {
        writeln!(table, "{state}").unwrap();
        for (input, when) in inputs() {
            let mut office = given();
            office.effects();
            let before = describe(&mut office);
            when(&mut office);
            let after = describe(&mut office);
            if after != before {
                writeln!(table, "    {input:<22} {after}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}
