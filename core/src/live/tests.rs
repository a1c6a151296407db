use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::cause::HangupCause;
use crate::directory::Destination;
use crate::event::{Direction, EndedBy, QueueExit};
use crate::id::{IdSource, IvrMenuId, LegId, RecordingId};

fn at(seq: u64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + i64::try_from(seq).unwrap() * 10).unwrap()
}

fn numbered(kinds: impl IntoIterator<Item = EventKind>) -> Vec<Event> {
    (1..)
        .zip(kinds)
        .map(|(seq, kind)| Event {
            seq,
            at: at(seq),
            kind,
        })
        .collect()
}

fn fold(events: &[Event]) -> LiveView {
    let mut view = LiveView::new();
    for event in events {
        view.apply(event);
    }
    view
}

fn ids<T>(make: impl Fn(&mut IdSource) -> T, count: usize, seed: u64) -> Vec<T> {
    let mut source = IdSource::seeded(seed);
    (0..count).map(|_| make(&mut source)).collect()
}

fn call(index: usize) -> CallId {
    ids(CallId::new, 6, 1)[index % 6]
}

fn queue(index: usize) -> QueueId {
    ids(QueueId::new, 3, 2)[index % 3]
}

fn agent(index: usize) -> AgentId {
    ids(AgentId::new, 3, 3)[index % 3]
}

fn recording(index: usize) -> RecordingId {
    ids(RecordingId::new, 6, 4)[index % 6]
}

fn started(call: CallId) -> EventKind {
    EventKind::CallStarted {
        call,
        direction: Direction::Inbound,
        from: "+49176".into(),
        from_name: None,
        privacy: crate::sip::identity::Privacy::Shown,
        to: "301".into(),
        did: None,
        trunk: None,
        sip_call_id: "abc".into(),
    }
}

fn ended(call: CallId) -> EventKind {
    EventKind::CallEnded {
        call,
        cause: HangupCause::NormalClearing,
        ended_by: EndedBy::Caller,
    }
}

fn added(leg: LegId) -> EventKind {
    EventKind::LegAdded {
        leg,
        direction: Direction::Outbound,
        extension: Some("1001".into()),
        remote: "1001".into(),
        agent: None,
    }
}

fn any_exit() -> impl Strategy<Value = QueueExit> {
    prop::sample::select(vec![
        QueueExit::Answered,
        QueueExit::Abandoned,
        QueueExit::TimedOut,
        QueueExit::Full,
        QueueExit::NoAgents,
        QueueExit::Moved,
    ])
}

/// Any event at all about a few calls, in any order: also orders that no actor would produce.
fn any_kind() -> impl Strategy<Value = EventKind> {
    let number = 0..6_usize;
    prop_oneof![
        4 => number.clone().prop_map(|n| started(call(n))),
        2 => number.clone().prop_map(|n| ended(call(n))),
        1 => number.clone().prop_map(|n| EventKind::CallAnswered { call: call(n) }),
        1 => number.clone().prop_map(|n| EventKind::CallRouted {
            call: call(n), dialled: "300".into(), destination: Destination::Echo }),
        1 => number.clone().prop_map(|n| EventKind::MenuEntered {
            call: call(n), menu: IvrMenuId::new(&mut IdSource::seeded(5)) }),
        4 => (number.clone(), number.clone()).prop_map(|(c, q)| EventKind::CallQueued {
            call: call(c), queue: queue(q) }),
        3 => (number.clone(), number.clone(), any_exit()).prop_map(|(c, q, exit)|
            EventKind::CallDequeued { call: call(c), queue: queue(q), exit }),
        3 => (number.clone(), 0..4_u32).prop_map(|(c, l)| added(LegId::new(call(c), l))),
        1 => (number.clone(), 0..4_u32).prop_map(|(c, l)| EventKind::LegRinging {
            leg: LegId::new(call(c), l) }),
        1 => (number.clone(), 0..4_u32).prop_map(|(c, l)| EventKind::LegHeld {
            leg: LegId::new(call(c), l) }),
        2 => (number.clone(), 0..4_u32).prop_map(|(c, l)| EventKind::LegEnded {
            leg: LegId::new(call(c), l), cause: HangupCause::NormalClearing }),
        2 => number.clone().prop_map(|n| EventKind::Bridged {
            call: call(n), caller: LegId::new(call(n), 0), callee: LegId::new(call(n), 1),
            agent: Some(agent(n)) }),
        1 => (number.clone(), number.clone()).prop_map(|(c, r)| EventKind::RecordingStarted {
            call: call(c), recording: recording(r) }),
        1 => (number.clone(), number.clone()).prop_map(|(c, r)| EventKind::RecordingFailed {
            call: call(c), recording: recording(r), reason: "disk full".into() }),
        2 => (number.clone(), 0..AgentState::ALL.len()).prop_map(|(n, state)|
            EventKind::AgentStateChanged {
                agent: agent(n), state: AgentState::ALL[state], reason: None, call: None }),
        1 => (number.clone(), any::<bool>()).prop_map(|(n, there)| {
            let (extension, contact) = (format!("100{n}"), "sip:a@127.0.0.1".to_owned());
            if there {
                EventKind::PhoneRegistered { extension, contact }
            } else {
                EventKind::PhoneUnregistered { extension, contact }
            }
        }),
    ]
}

/// Counts what the view should say straight from the log, without any state of its own that lives
/// longer than one question.
struct Recount<'a>(&'a [Event]);

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a recount looks at the few events its question is about"
)]
impl Recount<'_> {
    /// Calls that have begun and not ended since.
    fn open_calls(&self) -> BTreeSet<CallId> {
        let mut open = BTreeSet::new();
        for event in self.0 {
            match &event.kind {
                EventKind::CallStarted { call, .. } => {
                    open.insert(*call);
                }
                EventKind::CallEnded { call, .. } => {
                    open.remove(call);
                }
                _ => {}
            }
        }
        open
    }

    /// Where each open call waits, by the last thing said about it.
    fn waiting(&self) -> BTreeMap<CallId, QueueId> {
        let mut known = BTreeSet::new();
        let mut waiting = BTreeMap::new();
        for event in self.0 {
            match &event.kind {
                EventKind::CallStarted { call, .. } => {
                    known.insert(*call);
                }
                EventKind::CallQueued { call, queue } if known.contains(call) => {
                    waiting.insert(*call, *queue);
                }
                EventKind::CallDequeued { call, queue, .. } if waiting.get(call) == Some(queue) => {
                    waiting.remove(call);
                }
                EventKind::CallEnded { call, .. } => {
                    known.remove(call);
                    waiting.remove(call);
                }
                _ => {}
            }
        }
        waiting
    }

    /// Legs of open calls that were added and have not ended.
    fn legs(&self) -> usize {
        let mut known = BTreeSet::new();
        let mut legs = BTreeSet::new();
        for event in self.0 {
            match &event.kind {
                EventKind::CallStarted { call, .. } => {
                    known.insert(*call);
                }
                EventKind::LegAdded { leg, .. } if known.contains(&leg.call) => {
                    legs.insert(*leg);
                }
                EventKind::LegEnded { leg, .. } => {
                    legs.remove(leg);
                }
                EventKind::CallEnded { call, .. } => {
                    known.remove(call);
                    legs.retain(|leg| leg.call != *call);
                }
                _ => {}
            }
        }
        legs.len()
    }
}

proptest! {
    #[test]
    fn live_figures_equal_a_recount_of_the_event_log(
        kinds in prop::collection::vec(any_kind(), 0..300),
    ) {
        let events = numbered(kinds);
        let view = fold(&events);
        let recount = Recount(&events);

        let open: BTreeSet<CallId> = view.calls().map(|call| call.id).collect();
        prop_assert_eq!(&open, &recount.open_calls());

        let in_queues: BTreeMap<CallId, QueueId> = view
            .queues()
            .flat_map(|(id, queue)| queue.waiting().iter().map(move |caller| (caller.call, id)))
            .collect();
        let on_calls: BTreeMap<CallId, QueueId> = view
            .calls()
            .filter_map(|call| Some((call.id, call.waiting?.queue)))
            .collect();
        prop_assert_eq!(&in_queues, &recount.waiting());
        prop_assert_eq!(&on_calls, &in_queues);

        let places: usize = view.queues().map(|(_, queue)| queue.waiting().len()).sum();
        prop_assert_eq!(places, in_queues.len(), "a caller waits at one place only");
        for (_, queue) in view.queues() {
            let totals = queue.totals();
            let waiting = u64::try_from(queue.waiting().len()).unwrap();
            prop_assert_eq!(totals.entered, totals.left() + waiting);
            prop_assert!(queue.waiting().is_sorted_by_key(|caller| caller.since));
        }
        let legs: usize = view.calls().map(|call| call.legs.len()).sum();
        prop_assert_eq!(legs, recount.legs());
        let counted: u64 = view.totals().events.values().sum();
        prop_assert_eq!(counted, u64::try_from(events.len()).unwrap());
    }

    #[test]
    fn folding_on_equals_folding_anew(
        kinds in prop::collection::vec(any_kind(), 0..200),
        cut in 0..200_usize,
    ) {
        let events = numbered(kinds);
        let cut = cut.min(events.len());
        let mut view = fold(&events[..cut]);
        let seen = view.clone();
        for event in &events[cut..] {
            view.apply(event);
        }
        prop_assert_eq!(&view, &fold(&events));
        prop_assert_eq!(&seen, &fold(&events[..cut]));
    }

    #[test]
    fn nothing_of_a_call_is_left_after_its_end(
        kinds in prop::collection::vec(any_kind(), 0..200),
    ) {
        let last = (0..6).map(|n| ended(call(n)));
        let view = fold(&numbered(kinds.into_iter().chain(last)));
        prop_assert_eq!(view.calls().len(), 0);
        for (_, queue) in view.queues() {
            prop_assert_eq!(queue.waiting(), &[]);
            prop_assert_eq!(queue.totals().entered, queue.totals().left());
        }
    }
}

#[test]
fn a_call_says_what_it_is_doing() {
    let call = call(0);
    let (caller, callee) = (LegId::new(call, 0), LegId::new(call, 1));
    let queue = queue(0);
    let told = [
        (started(call), CallState::Starting),
        (added(caller), CallState::Starting),
        (EventKind::CallAnswered { call }, CallState::Answered),
        (
            EventKind::MenuEntered {
                call,
                menu: IvrMenuId::new(&mut IdSource::seeded(5)),
            },
            CallState::InMenu,
        ),
        (EventKind::CallQueued { call, queue }, CallState::Waiting),
        (added(callee), CallState::Waiting),
        (EventKind::LegRinging { leg: callee }, CallState::Waiting),
        (EventKind::LegAnswered { leg: callee }, CallState::Waiting),
        (
            EventKind::CallDequeued {
                call,
                queue,
                exit: QueueExit::Answered,
            },
            CallState::Answered,
        ),
        (
            EventKind::Bridged {
                call,
                caller,
                callee,
                agent: Some(agent(0)),
            },
            CallState::Connected,
        ),
        (EventKind::LegHeld { leg: caller }, CallState::OnHold),
        (EventKind::LegResumed { leg: caller }, CallState::Connected),
        (
            EventKind::LegEnded {
                leg: callee,
                cause: HangupCause::NormalClearing,
            },
            CallState::Answered,
        ),
    ];
    let mut view = LiveView::new();
    for (event, (kind, state)) in numbered(told.iter().map(|(kind, _)| kind.clone()))
        .iter()
        .zip(&told)
    {
        view.apply(event);
        assert_eq!(view.call(call).unwrap().state(), *state, "{kind:?}");
    }
    let call = view.call(call).unwrap();
    assert_eq!(call.queue, Some(queue), "the queue stays known");
    assert_eq!(call.agent, Some(agent(0)));
    assert_eq!(call.legs.len(), 1);
}

#[test]
fn a_direct_call_rings() {
    let call = call(0);
    let leg = LegId::new(call, 1);
    let view = fold(&numbered([
        started(call),
        added(leg),
        EventKind::LegRinging { leg },
    ]));
    assert_eq!(view.call(call).unwrap().state(), CallState::Ringing);
}

#[test]
fn callers_wait_in_the_order_they_came() {
    let queue = queue(0);
    let mut kinds: Vec<EventKind> = (0..3).map(|n| started(call(n))).collect();
    for n in [2, 0, 1] {
        let call = call(n);
        kinds.push(EventKind::CallQueued { call, queue });
    }
    // A queue that was restarted is told its callers again, in whatever order.
    for n in 0..3 {
        let call = call(n);
        kinds.push(EventKind::CallQueued { call, queue });
    }
    let view = fold(&numbered(kinds));
    let queue = view.queue(queue).unwrap();
    let order: Vec<CallId> = queue.waiting().iter().map(|caller| caller.call).collect();
    assert_eq!(order, [call(2), call(0), call(1)]);
    assert_eq!(queue.position(call(0)), Some(2));
    assert_eq!(queue.totals().entered, 3);
}

#[test]
fn a_caller_turned_away_at_the_door_is_counted() {
    let (call, queue) = (call(0), queue(0));
    let exit = QueueExit::Full;
    let view = fold(&numbered([
        started(call),
        EventKind::CallDequeued { call, queue, exit },
    ]));
    let totals = view.queue(queue).unwrap().totals();
    assert_eq!((totals.entered, totals.full), (1, 1));
}

#[test]
fn phones_come_and_go_contact_by_contact() {
    let phone = |contact: &str, there| {
        let (extension, contact) = ("1001".to_owned(), contact.to_owned());
        if there {
            EventKind::PhoneRegistered { extension, contact }
        } else {
            EventKind::PhoneUnregistered { extension, contact }
        }
    };
    let mut events = numbered([phone("a", true), phone("b", true), phone("a", false)]);
    let view = fold(&events);
    assert_eq!(view.contacts("1001").unwrap().len(), 1);
    events.extend(numbered([phone("b", false)]));
    assert_eq!(fold(&events).contacts("1001"), None);
}
