//! Given, when, then, on a made-up clock.

use std::time::Instant;

use super::*;
use crate::sip::HeaderName;
use crate::sip::dialog::DialogKey;
use crate::sip::endpoint::{ServerTxn, TxnFailure};
use crate::sip::header::SubscriptionState;
use crate::sip::invite::{DialogOptions, LocalParty};
use crate::sip::message::Response;
use crate::sip::subscription::{
    Asked, EndReason, NotifyTag, Opening, Subscription, SubscriptionEffect, SubscriptionInput,
};
use crate::test_time::epoch;

struct Desk {
    subscription: Subscription,
    now: Instant,
    document: Document,
    responses: Vec<Response>,
    notifies: Vec<(NotifyTag, Request)>,
    cseq: u32,
}

fn local() -> LocalParty {
    LocalParty {
        contact: "<sip:offhook@192.0.2.1:5060>".into(),
        product: "Offhook/1".into(),
        flow: None,
        address: None,
        options: DialogOptions::default(),
    }
}

impl Desk {
    fn new(extra: &str) -> Self {
        let request = subscribe(&format!("Event: dialog\n{extra}"));
        let asked = Asked::read(&request, &TERMS).expect("acceptable");
        let opening = Opening {
            txn: ServerTxn(1),
            asked,
            terms: TERMS,
            local: local(),
            local_tag: "ours".into(),
            list: false,
        };
        let now = epoch();
        let subscription = Subscription::accept(now, &request, opening).expect("a dialog");
        let mut desk = Self {
            subscription,
            now,
            document: busy(0, Progress::Trying),
            responses: Vec::new(),
            notifies: Vec::new(),
            cseq: 1,
        };
        desk.collect();
        desk
    }

    fn collect(&mut self) {
        if self.subscription.wants_state() {
            self.subscription.tell(self.now, self.document.clone());
        }
        while let Some(effect) = self.subscription.poll_effect() {
            match effect {
                SubscriptionEffect::Respond { response, .. } => self.responses.push(response),
                SubscriptionEffect::Notify { tag, request, .. } => {
                    self.notifies.push((tag, request));
                }
            }
        }
    }

    fn publish(&mut self, document: Document) {
        self.document = document;
        self.subscription.mark();
        self.collect();
    }

    fn answers(&mut self, tag: NotifyTag, answer: Result<Response, TxnFailure>) {
        let input = SubscriptionInput::Answered { tag, answer };
        self.subscription.handle(self.now, input);
        self.collect();
    }

    /// The watcher answers the latest NOTIFY.
    fn says(&mut self, status: u16) {
        let (tag, request) = self.notifies.last().cloned().expect("a NOTIFY");
        self.answers(tag, Ok(Response::to(&request, status, "")));
    }

    fn asks_again(&mut self, extra: &str) -> Response {
        self.cseq += 1;
        let mut request = subscribe(extra);
        request
            .headers
            .set(HeaderName::CSeq, format!("{} SUBSCRIBE", self.cseq));
        request
            .headers
            .set(HeaderName::To, "<sip:1000@example.com>;tag=ours");
        self.sends(request)
    }

    fn sends(&mut self, request: Request) -> Response {
        let input = SubscriptionInput::Subscribe {
            txn: ServerTxn(2),
            request,
            local: local(),
        };
        self.subscription.handle(self.now, input);
        self.collect();
        self.responses.pop().expect("an answer")
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.subscription.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.subscription.handle_timeout(at);
            self.collect();
        }
        self.now = until;
    }

    fn state(&self) -> String {
        let (_, request) = self.notifies.last().expect("a NOTIFY");
        text(request, &HeaderName::SubscriptionState)
    }
}

fn text(request: &Request, name: &HeaderName) -> String {
    String::from_utf8_lossy(request.headers.get(name).expect("a header")).into_owned()
}

/// RFC 6665 section 4.2.1.
#[test]
fn a_subscribe_is_answered_and_told_the_state_at_once() {
    let desk = Desk::new("Expires: 90\nRecord-Route: <sip:p1;lr>,<sip:p2;lr>\n");
    assert_eq!(desk.responses[0].status, 200);
    let headers = &desk.responses[0].headers;
    assert_eq!(headers.get(&HeaderName::Expires).unwrap(), "90");
    assert_eq!(headers.to_tag().unwrap(), "ours");
    assert!(headers.has(&HeaderName::Contact));
    assert!(headers.has(&HeaderName::RecordRoute));
    let (_, notify) = &desk.notifies[0];
    assert_eq!(desk.state(), "active;expires=90");
    assert_eq!(notify.uri, "sip:2000@198.51.100.7:5070");
    assert_eq!(notify.headers.from_tag().unwrap(), "ours");
    assert_eq!(notify.headers.to_tag().unwrap(), "watcher");
    assert_eq!(text(notify, &HeaderName::Route), "<sip:p1;lr>");
    assert_eq!(text(notify, &HeaderName::CSeq), "1 NOTIFY");
    assert_eq!(text(notify, &HeaderName::Event), "dialog");
    let key = DialogKey {
        call_id: "c1".into(),
        local_tag: "ours".into(),
    };
    assert_eq!(desk.subscription.key(), &key);
}

/// RFC 6665 section 4.2.2: one NOTIFY at a time; RFC 4235 section 3.9: one a second.
#[test]
fn what_changes_meanwhile_is_told_once_and_as_it_is_then() {
    let mut desk = Desk::new("");
    desk.publish(busy(1, Progress::Early));
    desk.publish(busy(1, Progress::Confirmed));
    assert_eq!(desk.notifies.len(), 1, "the first is not answered yet");
    desk.says(200);
    assert_eq!(desk.notifies.len(), 1, "within the same second");
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.notifies.len(), 2);
    let body = String::from_utf8_lossy(&desk.notifies[1].1.body);
    assert!(
        body.contains("confirmed") && body.contains("version=\"1\""),
        "{body}"
    );
    desk.says(200);
    desk.pass(Duration::from_secs(10));
    desk.publish(busy(1, Progress::Confirmed));
    assert_eq!(desk.notifies.len(), 2, "no news");
    desk.publish(busy(0, Progress::Early));
    assert_eq!(desk.notifies.len(), 3, "at once after a quiet time");
}

/// The state of a list costs much to describe: it is asked for when it can be told, and not before.
#[test]
fn the_state_is_wanted_only_when_it_may_be_told() {
    let mut desk = Desk::new("");
    desk.subscription.mark();
    assert!(!desk.subscription.wants_state(), "a NOTIFY is under way");
    desk.says(200);
    assert!(!desk.subscription.wants_state(), "within the same second");
    desk.subscription.tell(desk.now, busy(1, Progress::Early));
    assert!(desk.subscription.poll_effect().is_none(), "nobody asked");
    let at = desk.subscription.poll_timeout().unwrap();
    desk.subscription.handle_timeout(at);
    assert!(desk.subscription.wants_state());
    desk.subscription.tell(at, busy(1, Progress::Early));
    assert!(!desk.subscription.wants_state());
    assert!(desk.subscription.poll_effect().is_some());
}

/// RFC 6665 section 4.2.2.
#[test]
fn a_change_that_was_taken_back_is_not_told() {
    let mut desk = Desk::new("");
    desk.says(200);
    desk.publish(busy(1, Progress::Early));
    desk.publish(busy(0, Progress::Early));
    desk.pass(Duration::from_secs(5));
    assert_eq!(desk.notifies.len(), 1);
}

/// RFC 6665 section 4.2.1.2.
#[test]
fn a_refresh_prolongs_and_is_told_everything() {
    let mut desk = Desk::new("Expires: 60\n");
    desk.says(200);
    desk.pass(Duration::from_secs(50));
    let response = desk.asks_again("Event: dialog\nExpires: 120\n");
    assert_eq!(response.status, 200);
    assert_eq!(desk.notifies.len(), 2);
    assert_eq!(desk.state(), "active;expires=120");
    desk.says(200);
    desk.pass(Duration::from_secs(60));
    assert!(!desk.subscription.is_over());
}

/// RFC 3261 section 12.2.1.2: a refresh moves the remote target.
#[test]
fn a_refresh_from_a_new_address_moves_the_watcher() {
    let mut desk = Desk::new("");
    desk.says(200);
    let mut request = subscribe("Event: dialog\n");
    request.headers.set(HeaderName::CSeq, "9 SUBSCRIBE");
    request
        .headers
        .set(HeaderName::Contact, "<sip:2000@203.0.113.9>");
    assert_eq!(desk.sends(request.clone()).status, 200);
    assert_eq!(desk.notifies[1].1.uri, "sip:2000@203.0.113.9");
    // RFC 3261 section 12.2.2: what is older than what was seen is refused.
    request.headers.set(HeaderName::CSeq, "8 SUBSCRIBE");
    assert_eq!(desk.sends(request).status, 500);
}

/// RFC 6665 section 4.2.1.3.
#[test]
fn a_watcher_that_leaves_is_told_the_end() {
    let mut desk = Desk::new("");
    desk.says(200);
    let response = desk.asks_again("Event: dialog\nExpires: 0\n");
    assert_eq!(response.status, 200);
    assert_eq!(response.headers.get(&HeaderName::Expires).unwrap(), "0");
    assert_eq!(desk.state(), "terminated;reason=timeout");
    assert!(!desk.subscription.is_over());
    assert_eq!(desk.asks_again("Event: dialog\n").status, 481);
    desk.says(200);
    assert!(desk.subscription.is_over());
    assert_eq!(desk.subscription.poll_timeout(), None);
}

/// RFC 6665 section 4.4.3.
#[test]
fn a_fetch_is_told_once_and_is_over() {
    let mut desk = Desk::new("Expires: 0\n");
    assert_eq!(desk.state(), "terminated;reason=timeout");
    assert!(!desk.notifies[0].1.body.is_empty());
    desk.says(200);
    assert!(desk.subscription.is_over());
    assert_eq!(desk.notifies.len(), 1);
}

/// RFC 6665 section 4.2.1.4.
#[test]
fn a_subscription_that_is_not_refreshed_ends() {
    let mut desk = Desk::new("Expires: 60\n");
    desk.says(200);
    desk.pass(Duration::from_secs(60));
    assert_eq!(desk.state(), "terminated;reason=timeout");
    desk.answers(NotifyTag(2), Err(TxnFailure::TimedOut));
    assert!(desk.subscription.is_over());
}

/// RFC 6665 section 4.2.2.
#[test]
fn a_watcher_that_is_gone_is_forgotten() {
    for answer in [481u16, 480, 404, 603] {
        let mut desk = Desk::new("");
        desk.says(answer);
        assert!(desk.subscription.is_over(), "{answer}");
        assert_eq!(desk.subscription.poll_timeout(), None);
    }
    let mut desk = Desk::new("");
    desk.answers(NotifyTag(1), Err(TxnFailure::TimedOut));
    assert!(desk.subscription.is_over());
}

/// RFC 6665 section 4.2.2 with RFC 5057 section 5.
#[test]
fn a_watcher_that_is_busy_is_told_later_and_not_for_ever() {
    let mut desk = Desk::new("");
    desk.says(503);
    assert!(!desk.subscription.is_over());
    desk.pass(Duration::from_secs(5));
    assert_eq!(desk.notifies.len(), 2);
    let (tag, request) = desk.notifies[1].clone();
    let mut later = Response::to(&request, 480, "");
    later.headers.push(HeaderName::RetryAfter, "20");
    desk.answers(tag, Ok(later));
    desk.pass(Duration::from_secs(19));
    assert_eq!(desk.notifies.len(), 2);
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.notifies.len(), 3);
    desk.answers(NotifyTag(3), Err(TxnFailure::Transport));
    assert!(desk.subscription.is_over());
}

/// RFC 6665 section 4.2.2: a watcher that was restarted answers 481.
#[test]
fn a_watcher_that_is_reminded_may_have_forgotten() {
    let mut desk = Desk::new("");
    desk.says(200);
    desk.subscription.remind();
    desk.collect();
    assert_eq!(desk.notifies.len(), 2);
    assert!(!desk.notifies[1].1.body.is_empty());
    desk.says(481);
    assert!(desk.subscription.is_over());
    desk.subscription.remind();
    desk.collect();
    assert_eq!(desk.notifies.len(), 2);
}

#[test]
fn a_notify_nobody_tells_of_ends_it_all_the_same() {
    let mut desk = Desk::new("");
    desk.pass(Duration::from_secs(64));
    assert!(desk.subscription.is_over());
    assert_eq!(desk.subscription.poll_timeout(), None);
}

#[test]
fn an_answer_to_an_older_notify_is_ignored() {
    let mut desk = Desk::new("");
    desk.says(200);
    desk.asks_again("Event: dialog\n");
    desk.answers(NotifyTag(1), Err(TxnFailure::TimedOut));
    assert!(!desk.subscription.is_over());
}

/// RFC 6665 section 4.1.3.
#[test]
fn what_is_no_more_says_so_after_the_notify_under_way() {
    let mut desk = Desk::new("");
    desk.subscription.end(EndReason::NoResource);
    desk.collect();
    assert_eq!(desk.notifies.len(), 1);
    desk.says(200);
    assert_eq!(desk.state(), "terminated;reason=noresource");
    desk.says(200);
    assert!(desk.subscription.is_over());
}

/// RFC 6665 section 4.1.3: probation says when to come back.
#[test]
fn a_server_that_stops_says_when_to_come_back() {
    let mut desk = Desk::new("");
    desk.says(200);
    desk.subscription.end(EndReason::Probation);
    desk.collect();
    assert_eq!(desk.state(), "terminated;reason=probation;retry-after=30");
}

/// RFC 6665 sections 4.2.1.1 and 8.2.1; 423 as RFC 6665 section 4.2.1.1 says.
#[test]
fn a_subscribe_that_cannot_be_granted_says_why() {
    let refused = |extra: &str| *Asked::read(&subscribe(extra), &TERMS).expect_err(extra);
    let with = |response: &Response, name| {
        String::from_utf8_lossy(response.headers.get(&name).expect("a header")).into_owned()
    };
    for extra in ["", "Event: conference\n", "Event: refer\n"] {
        let response = refused(extra);
        assert_eq!(response.status, 489, "{extra}");
        let events = with(&response, HeaderName::AllowEvents);
        assert_eq!(events, "dialog, message-summary, presence, reg");
    }
    let brief = refused("Event: dialog\nExpires: 59\n");
    assert_eq!(brief.status, 423);
    assert_eq!(with(&brief, HeaderName::MinExpires), "60");
    let unread = refused("Event: dialog\nAccept: application/pidf+xml, text/*\n");
    assert_eq!(unread.status, 406);
    assert_eq!(
        with(&unread, HeaderName::Accept),
        "application/dialog-info+xml"
    );
    assert_eq!(refused("Event: dialog;id=\"\n").status, 400);
    assert_eq!(refused("Event: dialog\nExpires: soon\n").status, 400);
    let long = subscribe("Event: dialog\nExpires: 999999\nAccept: application/*\n");
    let asked = Asked::read(&long, &TERMS).expect("acceptable");
    assert_eq!(asked.expires, TERMS.max_expires);
}

/// RFC 6665 section 4.5.2 with 8.2.1: package and id name the subscription.
#[test]
fn a_refresh_of_another_subscription_is_refused() {
    let mut desk = Desk::new("");
    assert_eq!(desk.asks_again("Event: dialog;id=2\n").status, 481);
    assert_eq!(desk.asks_again("Event: presence\n").status, 481);
    assert_eq!(desk.asks_again("Event: unheard-of\n").status, 489);
    let mut stranger = subscribe("Event: dialog\n");
    stranger.headers.set(HeaderName::CSeq, "50 SUBSCRIBE");
    stranger
        .headers
        .set(HeaderName::From, "<sip:2000@example.com>;tag=other");
    assert_eq!(desk.sends(stranger).status, 481);
}

/// RFC 4662 section 4.4.
#[test]
fn a_list_is_only_for_those_who_can_read_one() {
    let plain = subscribe("Event: dialog\n");
    let asked = Asked::read(&plain, &TERMS).expect("acceptable");
    let refusal = asked.check_list(&plain).expect_err("no eventlist");
    assert_eq!(refusal.status, 421);
    assert_eq!(
        refusal.headers.get(&HeaderName::Require).unwrap(),
        "eventlist"
    );
    let able = subscribe("Event: dialog\nSupported: replaces, eventlist\n");
    assert!(asked.check_list(&able).is_ok());
    let summary = subscribe("Event: message-summary\nSupported: eventlist\n");
    let asked = Asked::read(&summary, &TERMS).expect("acceptable");
    assert_eq!(asked.check_list(&summary).expect_err("no list").status, 489);
}

#[test]
fn the_time_left_is_what_the_state_says() {
    let mut desk = Desk::new("Expires: 100\n");
    desk.says(200);
    desk.pass(Duration::from_secs(30));
    desk.publish(busy(1, Progress::Early));
    let state = SubscriptionState::parse(&desk.state().into()).unwrap();
    assert_eq!(state.expires().unwrap().0, 70);
}
