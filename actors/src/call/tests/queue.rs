use std::time::Duration;

use offhook_core::HangupCause;
use offhook_core::event::{AttemptOutcome, EventKind, QueueExit};
use offhook_media::engine::Source;

use super::fixture::Fixture;
use crate::call::{CallToAgent, MediaEffect};
use crate::queue::{AttemptPhase, CallToQueue, Departure, LiveAttempt, QueueToCall};

/// A caller who waits in the queue.
fn waiting() -> Fixture {
    let mut call = Fixture::from_staff("301");
    call.caller_acknowledges();
    call.queue.clear();
    call
}

/// A caller who talks with an agent, the attempt and the agent's leg; the queue has confirmed.
fn talking() -> (Fixture, offhook_core::AttemptId, u32) {
    let mut call = waiting();
    let (attempt, phone) = call.queue_rings(call.ids.agent);
    call.phone_rings(phone);
    call.phone_answers(phone);
    let exit = QueueExit::Answered;
    call.queue_says(QueueToCall::Exit {
        queue: call.ids.queue,
        exit,
        overflow: None,
    });
    (call, attempt, phone)
}

fn leave(call: &Fixture) -> CallToQueue {
    CallToQueue::Leave {
        call: call.id(),
        departure: Departure::HungUp,
    }
}

#[test]
fn an_agent_answers_and_is_recorded() {
    let (call, attempt, phone) = talking();
    let id = call.id();
    assert_eq!(
        call.queue,
        [
            CallToQueue::AttemptRinging { call: id, attempt },
            CallToQueue::AttemptAnswered { call: id, attempt },
        ]
    );
    assert_eq!(call.bridges(), 1);
    let (caller, callee) = (call.leg(0), call.leg(phone));
    let recorded = call.media.iter().any(|effect| {
        matches!(effect, MediaEffect::Record { left, right, .. }
            if *left == caller && *right == Some(callee))
    });
    assert!(recorded, "caller left, agent right");
    let agent = Some(call.ids.agent);
    assert!(call.events.contains(&EventKind::Bridged {
        call: id,
        caller,
        callee,
        agent
    }));
}

#[test]
fn whoever_hangs_up_the_agent_is_told_once() {
    for caller_first in [true, false] {
        let (mut call, attempt, phone) = talking();
        if caller_first {
            call.caller_hangs_up();
        } else {
            call.phone_hangs_up(phone);
        }
        assert_eq!(
            call.agents,
            [(call.ids.agent, CallToAgent::CallEnded(attempt))]
        );
        assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
        assert!(
            !call.queue.contains(&leave(&call)),
            "the queue let go when it confirmed"
        );
        call.leaves_nothing();
    }
}

#[test]
fn the_recording_is_closed_before_the_ports_are() {
    let (mut call, _, _) = talking();
    call.caller_hangs_up();
    let at = |wanted: fn(&MediaEffect) -> bool| call.media.iter().position(wanted).unwrap();
    let stop = at(|effect| matches!(effect, MediaEffect::StopRecording(_)));
    let remove = at(|effect| matches!(effect, MediaEffect::RemoveLeg(_)));
    assert!(stop < remove);
}

#[test]
fn a_caller_who_hangs_up_waiting_leaves_the_queue() {
    let mut call = waiting();
    call.caller_hangs_up();
    assert_eq!(call.queue, [leave(&call)]);
    call.leaves_nothing();
}

/// FreeSWITCH #2529: the caller hangs up while the agent's phone is being dialled.
#[test]
fn a_caller_who_hangs_up_while_the_agent_rings_makes_no_zombie() {
    let mut call = waiting();
    let (_, phone) = call.queue_rings(call.ids.agent);
    call.phone_rings(phone);
    call.caller_hangs_up();
    assert_eq!(call.queue.last(), Some(&leave(&call)));
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL"]);
    call.phone_answers(phone);
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL", "ACK", "BYE"]);
    assert_eq!(call.bridges(), 0);
    call.leaves_nothing();
}

#[test]
fn a_caller_who_hangs_up_in_the_millisecond_of_the_answer_frees_the_agent() {
    let mut call = waiting();
    let (attempt, phone) = call.queue_rings(call.ids.agent);
    call.phone_rings(phone);
    call.phone_answers(phone);
    call.caller_hangs_up();
    let id = call.id();
    let told = [
        CallToQueue::AttemptRinging { call: id, attempt },
        CallToQueue::AttemptAnswered { call: id, attempt },
        leave(&call),
    ];
    assert_eq!(call.queue, told);
    assert_eq!(
        call.agents,
        [(call.ids.agent, CallToAgent::CallEnded(attempt))]
    );
    assert_eq!(call.sent_to(phone), ["INVITE", "ACK", "BYE"]);
    call.leaves_nothing();
}

#[test]
fn an_agent_who_refuses_is_reported_and_the_caller_waits_on() {
    for (status, outcome) in [
        (603, AttemptOutcome::Rejected),
        (486, AttemptOutcome::Busy),
        (480, AttemptOutcome::NoAnswer),
        (404, AttemptOutcome::Unreachable),
    ] {
        let mut call = waiting();
        let (attempt, phone) = call.queue_rings(call.ids.agent);
        call.phone_refuses(phone, status);
        let ended = CallToQueue::AttemptEnded {
            call: call.id(),
            attempt,
            outcome,
        };
        assert_eq!(call.queue, [ended], "{status}");
        assert_eq!(call.ended(), None);
    }
}

#[test]
fn an_agent_without_a_phone_is_unreachable_at_once() {
    let mut call = waiting();
    call.contacts = Ok(0);
    let (attempt, _) = call.queue_rings(call.ids.agent);
    let outcome = AttemptOutcome::Unreachable;
    assert_eq!(
        call.queue,
        [CallToQueue::AttemptEnded {
            call: call.id(),
            attempt,
            outcome
        }]
    );
}

#[test]
fn a_cancelled_attempt_stops_ringing_and_is_confirmed() {
    let mut call = waiting();
    let (attempt, phone) = call.queue_rings(call.ids.agent);
    call.phone_rings(phone);
    let outcome = AttemptOutcome::NoAnswer;
    let queue = call.ids.queue;
    call.queue_says(QueueToCall::CancelAttempt {
        attempt,
        queue,
        outcome,
    });
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL"]);
    let ended = CallToQueue::AttemptEnded {
        call: call.id(),
        attempt,
        outcome,
    };
    assert_eq!(call.queue.last(), Some(&ended));
    call.phone_refuses(phone, 487);
    assert_eq!(call.queue.last(), Some(&ended), "reported once");
}

#[test]
fn a_cancellation_that_crosses_the_answer_changes_nothing() {
    let (mut call, attempt, _) = talking();
    let told = call.queue.len();
    let (queue, outcome) = (call.ids.queue, AttemptOutcome::NoAnswer);
    call.queue_says(QueueToCall::CancelAttempt {
        attempt,
        queue,
        outcome,
    });
    assert_eq!(call.queue.len(), told);
    assert_eq!(call.ended(), None);
}

/// FreeSWITCH #2540: agents stuck when another answers first in ring-all.
#[test]
fn of_two_agents_who_ring_the_first_to_answer_wins() {
    let mut call = waiting();
    let (_, one) = call.queue_rings(call.ids.agent);
    let (second, two) = call.queue_rings(call.ids.second_agent);
    call.phone_rings(one);
    call.phone_rings(two);
    call.phone_answers(two);
    assert_eq!(call.sent_to(one), ["INVITE", "CANCEL"]);
    let answered = CallToQueue::AttemptAnswered {
        call: call.id(),
        attempt: second,
    };
    assert_eq!(call.queue.last(), Some(&answered));
    call.phone_answers(one);
    assert_eq!(call.sent_to(one), ["INVITE", "CANCEL", "ACK", "BYE"]);
    assert_eq!(call.bridges(), 1);
    call.caller_hangs_up();
    call.leaves_nothing();
}

#[test]
fn a_restarted_queue_is_told_the_old_place_and_who_rings() {
    let mut call = waiting();
    let since = call.now;
    let (attempt, phone) = call.queue_rings(call.ids.agent);
    call.phone_rings(phone);
    call.waits(Duration::from_secs(3));
    call.queue_says(QueueToCall::QueueRestarted {
        queue: call.ids.queue,
    });
    let attempts = vec![LiveAttempt {
        attempt,
        phase: AttemptPhase::Ringing,
    }];
    let rejoin = CallToQueue::Rejoin {
        call: call.id(),
        since,
        attempts,
    };
    assert_eq!(call.queue.last(), Some(&rejoin));
}

#[test]
fn a_queue_that_fell_before_it_confirmed_is_told_of_the_answer() {
    let mut call = waiting();
    let since = call.now;
    let (attempt, phone) = call.queue_rings(call.ids.agent);
    call.phone_answers(phone);
    call.queue_says(QueueToCall::QueueRestarted {
        queue: call.ids.queue,
    });
    let attempts = vec![LiveAttempt {
        attempt,
        phase: AttemptPhase::Answered,
    }];
    let rejoin = CallToQueue::Rejoin {
        call: call.id(),
        since,
        attempts,
    };
    assert_eq!(call.queue.last(), Some(&rejoin));
    let exit = QueueExit::Answered;
    call.queue_says(QueueToCall::Exit {
        queue: call.ids.queue,
        exit,
        overflow: None,
    });
    let told = call.queue.len();
    call.queue_says(QueueToCall::QueueRestarted {
        queue: call.ids.queue,
    });
    assert_eq!(
        call.queue.len(),
        told,
        "after the confirmation it is none of the queue's business"
    );
}

#[test]
fn an_agent_the_queue_disowns_is_hung_up_and_the_caller_waits_on() {
    let mut call = waiting();
    let (attempt, phone) = call.queue_rings(call.ids.agent);
    call.phone_answers(phone);
    call.queue_says(QueueToCall::Disown {
        attempt,
        queue: call.ids.queue,
    });
    assert_eq!(call.sent_to(phone), ["INVITE", "ACK", "BYE"]);
    assert_eq!(
        call.last_source(0),
        Some(&Source::HoldMusic("default".into()))
    );
    assert_eq!(call.ended(), None);
    call.caller_hangs_up();
    assert_eq!(call.queue.last(), Some(&leave(&call)));
    call.leaves_nothing();
}

#[test]
fn a_queue_that_rings_for_a_caller_who_is_gone_is_told_so() {
    let mut call = waiting();
    call.caller_hangs_up();
    let told = call.queue.len();
    call.queue_rings(call.ids.agent);
    assert_eq!(call.queue[told..], [leave(&call)]);
    assert!(call.rung_legs().is_empty());
}

#[test]
fn the_place_is_spoken_over_the_music() {
    let mut call = waiting();
    call.queue_says(QueueToCall::Announce {
        queue: call.ids.queue,
        position: 1,
    });
    assert_eq!(call.played(), ["queue/you-are-caller-number", "number/1"]);
    call.queue_says(QueueToCall::Announce {
        queue: call.ids.queue,
        position: 1,
    });
    assert_eq!(call.played().len(), 2, "not twice at once");
}

#[test]
fn who_may_not_wait_is_told_and_the_call_ends() {
    let mut call = waiting();
    let (_, phone) = call.queue_rings(call.ids.agent);
    call.phone_rings(phone);
    let exit = QueueExit::TimedOut;
    call.queue_says(QueueToCall::Exit {
        queue: call.ids.queue,
        exit,
        overflow: None,
    });
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL"]);
    assert_eq!(call.played(), ["queue/all-agents-busy", "menu/good-bye"]);
    call.prompt_ends();
    assert_eq!(call.ended(), Some(HangupCause::QueueTimeout));
    call.phone_refuses(phone, 487);
    call.leaves_nothing();
}

#[test]
fn an_overflow_sends_the_caller_on() {
    let mut call = waiting();
    let overflow = Some(offhook_core::directory::Destination::IvrMenu(call.ids.menu));
    let exit = QueueExit::NoAgents;
    call.queue_says(QueueToCall::Exit {
        queue: call.ids.queue,
        exit,
        overflow,
    });
    assert_eq!(call.played(), ["menu/demo-office"]);
}
