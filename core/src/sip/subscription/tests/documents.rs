//! Documents as watchers see them.

use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

use super::*;
use crate::sip::subscription::document::{
    Body, ListEntry, MessageSummary, Presence, Reachability, RegContact, RegInfo, ResourceList,
    Versions,
};

fn write(document: &Document) -> String {
    let body = document.write(&mut Versions::new("b"), None);
    String::from_utf8(body.bytes.to_vec()).unwrap()
}

/// Reads a document to its end and counts its elements called `name`.
fn count(xml: &str, name: &str) -> usize {
    let mut reader = Reader::from_str(xml);
    let mut found = 0;
    loop {
        match reader
            .read_event()
            .unwrap_or_else(|error| panic!("{error}: {xml}"))
        {
            Event::Start(start) | Event::Empty(start) => {
                for attribute in start.attributes() {
                    attribute
                        .unwrap()
                        .normalized_value(XmlVersion::Implicit1_0)
                        .unwrap();
                }
                found += usize::from(start.name().as_ref() == name);
            }
            Event::Eof => return found,
            Event::End(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

/// RFC 4235 section 4.
#[test]
fn calls_are_told_with_what_a_pickup_needs() {
    let text = write(&busy(1, Progress::Early));
    assert_eq!(count(&text, "dialog"), 1);
    insta::assert_snapshot!(text);
}

/// RFC 4235 section 4.1.
#[test]
fn an_idle_extension_has_no_dialogs() {
    assert_eq!(count(&write(&busy(0, Progress::Early)), "dialog"), 0);
}

/// RFC 3842 section 5.2.
#[test]
fn messages_are_counted_new_old_and_urgent() {
    let mut summary = MessageSummary {
        account: "sip:1000@example.com".into(),
        new: 2,
        old: 8,
        urgent_new: 0,
        urgent_old: 2,
    };
    assert_eq!(
        summary.write(),
        "Messages-Waiting: yes\r\nMessage-Account: sip:1000@example.com\r\n\
         Voice-Message: 2/8 (0/2)\r\n"
    );
    summary.new = 0;
    assert!(summary.write().starts_with("Messages-Waiting: no\r\n"));
}

/// RFC 3863 section 4 with RFC 4480 section 3.2.
#[test]
fn presence_is_closed_open_or_on_the_phone() {
    let of = |state| {
        write(&Document::Presence(Presence {
            entity: "sip:1000@example.com".into(),
            state,
        }))
    };
    assert!(of(Reachability::Closed).contains("<basic>closed</basic>"));
    assert_eq!(count(&of(Reachability::Open), "rpid:on-the-phone"), 0);
    let talking = of(Reachability::OnThePhone);
    assert_eq!(count(&talking, "rpid:on-the-phone"), 1);
    insta::assert_snapshot!(talking);
}

/// RFC 3680 section 5.
#[test]
fn registrations_are_listed_by_contact() {
    let mut info = RegInfo {
        aor: "sip:1000@example.com".into(),
        contacts: vec![RegContact {
            uri: "sip:1000@192.0.2.9;transport=tcp".into(),
        }],
    };
    insta::assert_snapshot!(write(&Document::Registrations(info.clone())));
    info.contacts.clear();
    let text = write(&Document::Registrations(info));
    assert!(text.contains("state=\"terminated\""), "{text}");
    assert_eq!(count(&text, "contact"), 0);
}

fn list(second: Progress) -> Document {
    let entry = |number: &str, document| ListEntry {
        uri: format!("sip:{number}@example.com"),
        name: Some(format!("Desk {number}")),
        document,
    };
    Document::List(ResourceList {
        uri: "sip:office@example.com".into(),
        entries: vec![
            entry("1000", busy(0, Progress::Early)),
            entry("1001", busy(1, second)),
        ],
    })
}

/// RFC 4662 sections 5 and 6.
#[test]
fn a_list_carries_its_resources_as_parts() {
    let Body {
        content_type,
        bytes,
    } = list(Progress::Early).write(&mut Versions::new("b"), None);
    let content_type = String::from_utf8_lossy(&content_type).into_owned();
    assert!(content_type.starts_with("multipart/related;type=\"application/rlmi+xml\""));
    assert!(
        content_type.contains("boundary=\"part-b\""),
        "{content_type}"
    );
    insta::assert_snapshot!(String::from_utf8_lossy(&bytes).replace('\r', ""));
}

/// RFC 4662 section 5.1: after the first, what has not changed may be left out.
#[test]
fn of_a_known_list_only_what_changed_is_told() {
    let mut versions = Versions::new("b");
    let before = list(Progress::Early);
    before.write(&mut versions, None);
    let body = list(Progress::Confirmed).write(&mut versions, Some(&before));
    let text = String::from_utf8_lossy(&body.bytes).into_owned();
    assert!(
        text.contains("fullState=\"false\"") && text.contains("version=\"1\""),
        "{text}"
    );
    assert_eq!(text.matches("Content-ID").count(), 2, "{text}");
    assert!(
        text.contains("Desk 1001") && !text.contains("Desk 1000"),
        "{text}"
    );
}

/// What a phone calls itself may hold anything; the document stays one.
#[test]
fn names_cannot_break_a_document() {
    for name in ["</x>", "]]>", "\u{0}\u{b}", "&amp;\"'", "\u{fffe}😀"] {
        let mut document = busy(1, Progress::Early);
        if let Document::Dialogs(info) = &mut document {
            info.display = Some(name.into());
            info.dialogs[0].call_id = Some(name.into());
            info.dialogs[0].remote.uri = name.into();
        }
        assert_eq!(count(&write(&document), "dialog"), 1, "{name:?}");
    }
}
