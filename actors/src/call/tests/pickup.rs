//! Calls that ring at another's phone and are picked up, on a made-up clock.

use std::time::Duration;

use offhook_core::event::{EventKind, QueueExit};
use offhook_core::sip::header::Replaced;
use offhook_core::{AgentId, AttemptId, ExtensionId, HangupCause};

use super::fixture::{Fixture, Ids, sdp};
use crate::call::{Arrival, CallEffect, CallInput, CallToAgent, MediaEffect, Origin};
use crate::queue::{AttemptPhase, CallToQueue, LiveAttempt, QueueToCall};

/// 1000 waits in the queue, and an agent's phone rings.
fn rung() -> (Fixture, AttemptId, u32) {
    let mut call = Fixture::from_staff("301");
    call.caller_acknowledges();
    call.queue.clear();
    let (attempt, phone) = call.queue_rings(call.ids.agent);
    call.phone_rings(phone);
    (call, attempt, phone)
}

/// A leg of this extension's phone that comes for the place of the ringing one.
fn comes(call: &Fixture, phone: u32, who: impl Fn(&Ids) -> ExtensionId) -> Box<Arrival> {
    leaves(call, phone, who).1
}

/// The same, with the call it leaves.
fn leaves(
    call: &Fixture,
    phone: u32,
    who: impl Fn(&Ids) -> ExtensionId,
) -> (Fixture, Box<Arrival>) {
    let mut place = call.dialog_of(phone);
    place.header.replaced = Replaced::Early;
    let mut picker = Fixture::replacing(
        place,
        |ids| Origin::Extension(who(ids)),
        &sdp(6100, "sendrecv"),
    );
    match picker.others.pop() {
        Some(CallEffect::MoveLeg(arrival)) => (picker, arrival),
        other => panic!("{other:?} instead of a leg"),
    }
}

fn confirmed(call: &mut Fixture) {
    call.queue_says(QueueToCall::Exit {
        queue: call.ids.queue,
        exit: QueueExit::Answered,
        overflow: None,
    });
}

fn last_queue(call: &Fixture) -> Option<&CallToQueue> {
    call.queue.last()
}

fn picked_up(call: &Fixture, attempt: AttemptId, agent: Option<AgentId>) -> CallToQueue {
    let added = call.events.iter().rev().find_map(|event| {
        let EventKind::LegMoved { leg, .. } = event else {
            return None;
        };
        Some(*leg)
    });
    CallToQueue::PickedUp {
        call: call.id(),
        attempt,
        by: added.expect("a leg came"),
        agent,
    }
}

/// RFC 3891 section 3.
#[test]
fn a_colleague_takes_the_queues_call_and_the_agents_phone_stops_ringing() {
    let (mut call, attempt, phone) = rung();
    let arrival = comes(&call, phone, |ids| ids.second_extension);
    let new = arrival.id().number;
    call.handle(CallInput::Arrives(arrival));
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL"]);
    assert_eq!(call.bridges(), 1);
    let second = Some(call.ids.second_agent);
    assert_eq!(last_queue(&call), Some(&picked_up(&call, attempt, second)));
    assert!(matches!(
        call.agents.last(),
        Some((agent, CallToAgent::PickedUp { .. })) if Some(*agent) == second
    ));
    assert!(call.engaged.contains(&call.ids.second_extension));
    let is_recorded = |effect: &MediaEffect| matches!(effect, MediaEffect::Record { .. });
    assert!(call.media.iter().any(is_recorded), "as the queue wants it");
    confirmed(&mut call);
    call.phone_refuses(phone, 487);
    assert_eq!(call.call.answered_attempt(), Some(attempt));
    call.caller_hangs_up();
    assert_eq!(
        call.agents.last(),
        Some(&(call.ids.second_agent, CallToAgent::CallEnded(attempt)))
    );
    assert!(call.sent_to(new).contains(&"BYE".to_owned()) || call.ended().is_some());
    call.leaves_nothing();
}

#[test]
fn somebody_who_serves_nowhere_takes_it_without_being_an_agent() {
    let (mut call, attempt, phone) = rung();
    let arrival = comes(&call, phone, |ids| ids.staff);
    call.handle(CallInput::Arrives(arrival));
    assert_eq!(last_queue(&call), Some(&picked_up(&call, attempt, None)));
    assert!(call.agents.is_empty());
    confirmed(&mut call);
    call.phone_refuses(phone, 487);
    call.caller_hangs_up();
    assert!(call.agents.is_empty());
    call.leaves_nothing();
}

#[test]
fn an_agent_who_answers_at_a_second_phone_has_answered() {
    let (mut call, attempt, phone) = rung();
    let arrival = comes(&call, phone, |ids| ids.agent_extension);
    call.handle(CallInput::Arrives(arrival));
    let answered = CallToQueue::AttemptAnswered {
        call: call.id(),
        attempt,
    };
    assert_eq!(last_queue(&call), Some(&answered));
    assert!(!call.engaged.contains(&call.ids.agent_extension));
    call.phone_refuses(phone, 487);
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// The agent's 200 and the colleague's INVITE cross: whichever is first wins, the other is let go.
#[test]
fn of_an_agent_and_a_colleague_who_answer_at_once_exactly_one_talks() {
    // The colleague first.
    let (mut call, attempt, phone) = rung();
    let arrival = comes(&call, phone, |ids| ids.second_extension);
    call.handle(CallInput::Arrives(arrival));
    call.phone_answers(phone);
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL", "ACK", "BYE"]);
    assert_eq!(call.bridges(), 1);
    let won = picked_up(&call, attempt, Some(call.ids.second_agent));
    assert_eq!(last_queue(&call), Some(&won));
    call.caller_hangs_up();
    call.leaves_nothing();

    // The agent first.
    let (mut call, attempt, phone) = rung();
    let arrival = comes(&call, phone, |ids| ids.second_extension);
    call.phone_answers(phone);
    call.handle(CallInput::Arrives(arrival));
    let Some(CallEffect::MoveLeg(back)) = call.others.pop() else {
        panic!("the colleague's leg stayed");
    };
    assert!(format!("{back:?}").contains("Back(486)"));
    assert_eq!(call.bridges(), 1);
    let answered = CallToQueue::AttemptAnswered {
        call: call.id(),
        attempt,
    };
    assert_eq!(last_queue(&call), Some(&answered));
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// The queue has lost its memory between the pickup and its confirmation.
#[test]
fn a_queue_that_fell_is_told_again_who_picked_up() {
    let (mut call, attempt, phone) = rung();
    let arrival = comes(&call, phone, |ids| ids.second_extension);
    let by = arrival.id();
    call.handle(CallInput::Arrives(arrival));
    call.queue_says(QueueToCall::QueueRestarted {
        queue: call.ids.queue,
    });
    let Some(CallToQueue::Rejoin { attempts, .. }) = last_queue(&call) else {
        panic!("not told");
    };
    let agent = Some(call.ids.second_agent);
    let phase = AttemptPhase::PickedUp { by, agent };
    assert_eq!(*attempts, [LiveAttempt { attempt, phase }]);
}

/// The queue had given the attempt up before it heard of the pickup: the caller goes on waiting, and
/// the colleague's phone is free.
#[test]
fn a_pickup_that_comes_too_late_for_the_queue_leaves_the_caller_waiting() {
    let (mut call, attempt, phone) = rung();
    let arrival = comes(&call, phone, |ids| ids.second_extension);
    call.handle(CallInput::Arrives(arrival));
    call.phone_refuses(phone, 487);
    let queue = call.ids.queue;
    call.queue_says(QueueToCall::Disown { attempt, queue });
    assert_eq!(
        call.agents.last(),
        Some(&(call.ids.second_agent, CallToAgent::CallEnded(attempt)))
    );
    assert!(!call.engaged.contains(&call.ids.second_extension));
    assert_eq!(call.ended(), None);
    call.waits(Duration::from_secs(60));
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// An ordinary call that rings is picked up, and the record can say so.
#[test]
fn a_call_that_rings_at_a_colleague_is_picked_up() {
    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_rings(phone);
    let arrival = comes(&call, phone, |ids| ids.second_extension);
    let by = arrival.id();
    call.handle(CallInput::Arrives(arrival));
    assert!(call.events.contains(&EventKind::CallPickedUp {
        call: call.id(),
        by,
        agent: None,
    }));
    call.phone_refuses(phone, 487);
    call.caller_acknowledges();
    call.caller_hangs_up();
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
    call.leaves_nothing();
}

/// This call's actor fell over the leg: it goes back, and the other call has it again.
#[test]
fn a_leg_over_which_a_call_fell_goes_back_or_is_hung_up() {
    let (mut call, _, phone) = rung();
    let (mut picker, arrival) = leaves(&call, phone, |ids| ids.second_extension);
    let was = arrival.was();
    call.handle(CallInput::Salvage(arrival));
    let Some(CallEffect::MoveLeg(back)) = call.others.pop() else {
        panic!("the leg stayed");
    };
    assert_eq!(back.id(), was);
    // The call it comes back to falls as well.
    picker.handle(CallInput::Salvage(back));
    assert_eq!(picker.statuses, [500]);
    picker.waits(Duration::from_secs(10));
    assert_eq!(picker.ended(), Some(HangupCause::InternalError));
    picker.leaves_nothing();
    call.caller_hangs_up();
    call.phone_refuses(phone, 487);
    call.leaves_nothing();
}
