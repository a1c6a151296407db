//! What a usage does with each input in each stage, as one table to read.

use std::fmt::Write;
use std::time::Duration;

use super::pair::{ANSWER, summary};
use super::script::Script;
use crate::cause::HangupCause;
use crate::sip::Message;
use crate::sip::endpoint::{ServerTxn, TxnFailure};
use crate::sip::invite::{UsageEffect, UsageEvent, UsageInput};

type Make = fn() -> Script;
type Act = fn(&mut Script);

const STAGES: [(&str, Make); 12] = [
    ("called", Script::called),
    ("calling", || Script::calling().0),
    ("calling, it rings", || {
        let mut script = Script::calling().0;
        script.answered_with(180);
        script
    }),
    ("calling, cancelled", || {
        let mut script = Script::calling().0;
        script.answered_with(180);
        script
            .usage
            .hang_up(script.now, HangupCause::OriginatorCancel);
        script
    }),
    ("we answered, no ACK", || {
        let mut script = Script::called();
        script.usage.answer(script.now, ANSWER.into());
        script
    }),
    ("we answered", Script::established),
    ("they answered", || {
        let mut script = Script::calling().0;
        script.answered_with(200);
        script
    }),
    ("they offered a change", || {
        let mut script = Script::established();
        script.peer_asks("INVITE", "v=0 hold");
        script
    }),
    ("we offered a change", || {
        let mut script = Script::established();
        script.usage.reinvite(script.now, ANSWER.into());
        script
    }),
    ("hung up, no ACK", || {
        let mut script = Script::called();
        script.usage.answer(script.now, ANSWER.into());
        script
            .usage
            .hang_up(script.now, HangupCause::NormalClearing);
        script
    }),
    ("hung up", || {
        let mut script = Script::established();
        script
            .usage
            .hang_up(script.now, HangupCause::NormalClearing);
        script
    }),
    ("over", || {
        let mut script = Script::called();
        script.usage.reject(script.now, HangupCause::UserBusy);
        script
    }),
];

const ACTS: [(&str, Act); 26] = [
    ("ring", |script| script.usage.ring(script.now)),
    ("progress", |script| script.usage.progress(script.now, None)),
    ("answer", |script| {
        script.usage.answer(script.now, ANSWER.into());
    }),
    ("hang up", |script| {
        script
            .usage
            .hang_up(script.now, HangupCause::NormalClearing);
    }),
    ("reinvite", |script| {
        script.usage.reinvite(script.now, ANSWER.into());
    }),
    ("accept reinvite", |script| {
        script.usage.accept_reinvite(script.now, ANSWER.into());
    }),
    ("reject reinvite", |script| {
        script.usage.reject_reinvite(script.now, 488);
    }),
    ("INVITE with SDP", |script| {
        script.peer_asks("INVITE", "v=0 new");
    }),
    ("INVITE without", |script| script.peer_asks("INVITE", "")),
    ("UPDATE with SDP", |script| {
        script.peer_asks("UPDATE", "v=0 new");
    }),
    ("UPDATE without", |script| script.peer_asks("UPDATE", "")),
    ("INFO", |script| script.peer_asks("INFO", "x")),
    ("OPTIONS", |script| script.peer_asks("OPTIONS", "")),
    ("REFER", |script| script.peer_asks("REFER", "")),
    ("BYE", |script| script.peer_asks("BYE", "")),
    ("ACK", |script| script.peer_acks(100, "")),
    ("CANCEL of the call", |script| {
        let txn = ServerTxn(1);
        let input = UsageInput::Cancelled { txn, cause: None };
        script.usage.handle(script.now, input);
    }),
    ("CANCEL of the change", |script| {
        let txn = ServerTxn(2);
        let input = UsageInput::Cancelled { txn, cause: None };
        script.usage.handle(script.now, input);
    }),
    ("connection lost", |script| {
        let txn = ServerTxn(1);
        script
            .usage
            .handle(script.now, UsageInput::FlowLost { txn });
    }),
    ("180", |script| script.answered_with(180)),
    ("200", |script| script.answered_with(200)),
    ("404", |script| script.answered_with(404)),
    ("481", |script| script.answered_with(481)),
    ("491", |script| script.answered_with(491)),
    ("no response", |script| script.fails(TxnFailure::TimedOut)),
    ("32 seconds", |script| script.pass(Duration::from_secs(32))),
];

#[test]
fn every_input_in_every_stage_does_what_the_table_says() {
    let mut table = String::new();
    for (stage, make) in STAGES {
        writeln!(table, "{stage}").unwrap();
        for (name, act) in ACTS {
            let mut script = make();
            script.effects();
            script.events();
            let before = script.usage.state();
            act(&mut script);
            let mut words: Vec<String> = script.effects().iter().map(effect).collect();
            words.extend(script.events().iter().map(event));
            let after = script.usage.state();
            if after != before {
                words.push(format!("→ {after:?}"));
            }
            if !words.is_empty() {
                writeln!(table, "  {name:21}{}", words.join(", ")).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

fn effect(effect: &UsageEffect) -> String {
    match effect {
        UsageEffect::Respond { response, .. } => summary(&Message::Response(response.clone())),
        UsageEffect::Request { request, .. } => format!("send {}", request.method),
        UsageEffect::Ack { .. } => "send ACK".into(),
        UsageEffect::Cancel { .. } => "send CANCEL".into(),
    }
}

fn event(event: &UsageEvent) -> String {
    if let UsageEvent::Ended { cause, by, .. } = event {
        return format!("Ended({cause}, {by:?})");
    }
    let text = format!("{event:?}");
    let end = text.find([' ', '{']).unwrap_or(text.len());
    text[..end].to_owned()
}
