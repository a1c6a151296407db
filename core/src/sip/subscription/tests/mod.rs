//! The machine alone, its documents, and two endpoints with a bad link between them.

mod chaos;
mod documents;
mod pair;
mod stories;

use bytes::Bytes;

use super::document::{DialogInfo, Party, Progress, Role, WatchedDialog};
use super::{Document, Terms};
use crate::sip::message::{Message, Request};

use std::time::Duration;

const TERMS: Terms = Terms {
    min_expires: Duration::from_secs(60),
    default_expires: Duration::from_secs(3600),
    max_expires: Duration::from_secs(7200),
};

/// A SUBSCRIBE to the calls of 1000 with `extra` header lines, each ended by a line break.
fn subscribe(extra: &str) -> Request {
    let text = format!(
        "SUBSCRIBE sip:1000@192.0.2.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK1\n\
         Max-Forwards: 70\n\
         From: <sip:2000@example.com>;tag=watcher\n\
         To: <sip:1000@example.com>\n\
         Call-ID: c1\n\
         CSeq: 1 SUBSCRIBE\n\
         Contact: <sip:2000@198.51.100.7:5070>\n\
         {extra}\n"
    );
    let Ok(Message::Request(request)) = Message::parse(&Bytes::from(text.replace('\n', "\r\n")))
    else {
        panic!("{text}");
    };
    request
}

/// The calls of 1000: as many as `calls`, the last one as far as `progress`.
fn busy(calls: usize, progress: Progress) -> Document {
    let dialog = |number: usize| WatchedDialog {
        id: format!("leg-{number}"),
        call_id: Some(format!("call{number}@192.0.2.1")),
        local_tag: Some("phone".into()),
        remote_tag: Some("ours".into()),
        role: Role::Recipient,
        progress: if number == calls {
            progress
        } else {
            Progress::Confirmed
        },
        remote: Party {
            uri: "sip:3000@example.com".into(),
            display: Some("R&D \"East\" <\u{1}>".into()),
        },
    };
    Document::Dialogs(DialogInfo {
        entity: "sip:1000@example.com".into(),
        display: Some("Anna".into()),
        dialogs: (1..=calls).map(dialog).collect(),
    })
}
