//! A SUBSCRIBE of any bytes, and the same again within its dialog.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::sip::{assert_readable, start};
use crate::config::SubscriptionConfig;
use crate::sip::Message;
use crate::sip::endpoint::{ServerTxn, TxnFailure};
use crate::sip::invite::{DialogOptions, LocalParty};
use crate::sip::subscription::document::{Presence, Reachability};
use crate::sip::subscription::{
    Asked, Document, NotifyTag, Opening, Subscription, SubscriptionEffect, SubscriptionInput,
};

/// Whatever asks to be told something: what we write can be read, and it ends.
pub fn subscribe(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let Ok(Message::Request(request)) = Message::parse(&data) else {
        return;
    };
    let terms = SubscriptionConfig::default().terms();
    let asked = match Asked::read(&request, &terms) {
        Ok(asked) => asked,
        Err(response) => return assert_readable(&response.write()),
    };
    if let Err(response) = asked.check_list(&request) {
        assert_readable(&response.write());
    }
    let local = LocalParty {
        contact: Bytes::from_static(b"<sip:offhook@192.0.2.1>"),
        product: Bytes::from_static(b"Offhook"),
        flow: None,
        address: None,
        options: DialogOptions::default(),
    };
    let opening = Opening {
        txn: ServerTxn(1),
        asked,
        terms,
        local: local.clone(),
        local_tag: "ours".to_owned(),
        list: false,
    };
    let state = Document::Presence(Presence {
        entity: String::from_utf8_lossy(&data).into_owned(),
        state: Reachability::Open,
    });
    let now = start();
    let Ok(mut subscription) = Subscription::accept(now, &request, opening) else {
        return;
    };
    let input = SubscriptionInput::Subscribe {
        txn: ServerTxn(2),
        request,
        local,
    };
    subscription.handle(now, input);
    // Nobody ever answers a NOTIFY.
    for _ in 0..3 {
        drain(&mut subscription, now, &state);
        let at = subscription.poll_timeout().unwrap_or(now);
        subscription.handle_timeout(at);
    }
    let tag = NotifyTag(u64::MAX);
    let answer = Err(TxnFailure::TimedOut);
    subscription.handle(now, SubscriptionInput::Answered { tag, answer });
    subscription.handle_timeout(now + Duration::from_secs(100_000));
    drain(&mut subscription, now, &state);
    assert!(subscription.is_over(), "it never ends");
    assert_eq!(subscription.poll_timeout(), None, "nothing is due any more");
}

fn drain(subscription: &mut Subscription, now: Instant, state: &Document) {
    if subscription.wants_state() {
        subscription.tell(now, state.clone());
    }
    while let Some(effect) = subscription.poll_effect() {
        match effect {
            SubscriptionEffect::Respond { response, .. } => assert_readable(&response.write()),
            SubscriptionEffect::Notify { request, .. } => assert_readable(&request.write()),
        }
    }
}
