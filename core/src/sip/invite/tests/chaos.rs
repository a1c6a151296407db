//! Anything, in any order.

use std::time::Duration;

use proptest::prelude::*;

use super::pair::ANSWER;
use super::script::Script;
use crate::cause::HangupCause;
use crate::sip::endpoint::{ServerTxn, TxnFailure};
use crate::sip::invite::{UsageEvent, UsageInput};

#[derive(Debug, Clone, Copy)]
enum Act {
    Ring,
    Progress(bool),
    Answer,
    Ack,
    HangUp,
    Reinvite,
    Accept,
    Reject(u16),
    Peer(&'static str, bool),
    PeerAck(u32),
    Cancelled(u64),
    FlowLost(u64),
    /// A response to our n-th request, from one of a few phones.
    Response(usize, u16, &'static str),
    Failed(usize, bool),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let methods = prop::sample::select(vec!["INVITE", "UPDATE", "INFO", "OPTIONS", "REFER", "BYE"]);
    let statuses = prop::sample::select(vec![
        100u16, 180, 183, 199, 200, 302, 401, 407, 408, 481, 486, 487, 491, 500, 503, 603,
    ]);
    let phones = prop::sample::select(vec!["peer", "one", "two"]);
    prop_oneof![
        1 => Just(Act::Ring),
        1 => any::<bool>().prop_map(Act::Progress),
        1 => Just(Act::Answer),
        1 => Just(Act::Ack),
        1 => Just(Act::HangUp),
        1 => Just(Act::Reinvite),
        1 => Just(Act::Accept),
        1 => any::<u16>().prop_map(Act::Reject),
        4 => (methods, any::<bool>()).prop_map(|(method, sdp)| Act::Peer(method, sdp)),
        2 => (99..110u32).prop_map(Act::PeerAck),
        1 => (0..6u64).prop_map(Act::Cancelled),
        1 => (0..6u64).prop_map(Act::FlowLost),
        6 => (any::<usize>(), statuses, phones).prop_map(|(n, s, p)| Act::Response(n, s, p)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(n, late)| Act::Failed(n, late)),
        3 => (0..70_000u64).prop_map(Act::Pass),
    ]
}

fn perform(script: &mut Script, act: Act) {
    let now = script.now;
    match act {
        Act::Ring => script.usage.ring(now),
        Act::Progress(sdp) => script.usage.progress(now, sdp.then(|| ANSWER.into())),
        Act::Answer => script.usage.answer(now, ANSWER.into()),
        Act::Ack => script.usage.ack(now, ANSWER.into()),
        Act::HangUp => script.usage.hang_up(now, HangupCause::NormalClearing),
        Act::Reinvite => script.usage.reinvite(now, ANSWER.into()),
        Act::Accept => script.usage.accept_reinvite(now, ANSWER.into()),
        Act::Reject(status) => script.usage.reject_reinvite(now, status),
        Act::Peer(method, sdp) => script.peer_asks(method, if sdp { "v=0" } else { "" }),
        Act::PeerAck(cseq) => script.peer_acks(cseq, "v=0"),
        Act::Cancelled(txn) => {
            let txn = ServerTxn(txn);
            let input = UsageInput::Cancelled { txn, cause: None };
            script.usage.handle(now, input);
        }
        Act::FlowLost(txn) => {
            let txn = ServerTxn(txn);
            script.usage.handle(now, UsageInput::FlowLost { txn });
        }
        Act::Response(n, status, phone) => {
            if !script.requests.is_empty() {
                let (tag, request) = script.requests[n % script.requests.len()].clone();
                script.peer_answers(tag, &request, status, phone, "v=0");
            }
        }
        Act::Failed(n, late) => {
            if !script.requests.is_empty() {
                let tag = script.requests[n % script.requests.len()].0;
                let failure = if late {
                    TxnFailure::TimedOut
                } else {
                    TxnFailure::Transport
                };
                let input = UsageInput::RequestFailed { tag, failure };
                script.usage.handle(now, input);
            }
        }
        Act::Pass(ms) => script.pass(Duration::from_millis(ms)),
    }
}

proptest! {
    #[test]
    fn a_usage_ends_exactly_once_whatever_happens(
        called in any::<bool>(),
        acts in prop::collection::vec(act(), 0..40),
    ) {
        let mut script = if called { Script::called() } else { Script::calling().0 };
        let mut events = Vec::new();
        for act in acts {
            perform(&mut script, act);
            script.effects();
            events.extend(script.events());
        }
        script.usage.hang_up(script.now, HangupCause::NormalClearing);
        script.effects();
        // What is under way ends as transactions end: no answer within their time.
        for _ in 0..3 {
            script.pass(Duration::from_secs(70));
            script.effects();
            for (tag, _) in script.requests.clone() {
                let failure = TxnFailure::TimedOut;
                let input = UsageInput::RequestFailed { tag, failure };
                script.usage.handle(script.now, input);
            }
            script.effects();
        }
        events.extend(script.events());
        let ended = |event: &&UsageEvent| matches!(event, UsageEvent::Ended { .. });
        prop_assert_eq!(events.iter().filter(ended).count(), 1, "{:?}", events);
        prop_assert!(matches!(events.last(), Some(UsageEvent::Ended { .. })), "{:?}", events);
        prop_assert!(script.usage.is_terminated());
        prop_assert_eq!(script.usage.poll_timeout(), None);
    }
}
