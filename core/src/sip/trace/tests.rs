//! What is kept, what is shown, and how.

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::sip::endpoint::FlowId;
use crate::test_time::epoch;

fn path(peer: &str) -> Path {
    Path {
        flow: FlowId(0),
        transport: SipTransport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        peer: peer.parse().unwrap(),
    }
}

const ALICE: &str = "192.0.2.7:5062";
const BOB: &str = "192.0.2.8:5070";

fn message(first: &str, call_id: &str) -> Bytes {
    format!("{first}\r\nVia: x\r\nCall-ID: {call_id}\r\n\r\n").into()
}

fn trace(change: impl FnOnce(&mut TraceConfig)) -> Trace {
    let mut config = TraceConfig::default();
    change(&mut config);
    Trace::new(config, &mut IdSource::seeded(3))
}

fn call(seed: u64) -> CallId {
    CallId::new(&mut IdSource::seeded(seed))
}

fn first_lines(trace: &CallTrace) -> Vec<String> {
    let line = |message: &TracedMessage| {
        String::from_utf8_lossy(Glimpse::of(&message.data).first_line()).into_owned()
    };
    trace.messages.iter().map(line).collect()
}

#[test]
fn the_messages_of_all_legs_are_the_calls_in_their_order() {
    let (mut trace, now, call) = (trace(|_| {}), epoch(), call(1));
    let at = |ms| now + Duration::from_millis(ms);
    trace.record(
        at(0),
        Way::Received,
        &path(ALICE),
        &message("INVITE sip:b SIP/2.0", "a@h"),
    );
    trace.record(
        at(1),
        Way::Sent,
        &path(ALICE),
        &message("SIP/2.0 401 Unauthorized", "a@h"),
    );
    trace.record(
        at(2),
        Way::Received,
        &path(ALICE),
        &message("INVITE sip:b SIP/2.0", "a@h"),
    );
    trace.assign(b"a@h", call);
    trace.assign(b"b@h", call);
    trace.record(
        at(3),
        Way::Sent,
        &path(BOB),
        &message("INVITE sip:b SIP/2.0", "b@h"),
    );
    trace.record(
        at(4),
        Way::Received,
        &path(BOB),
        &message("SIP/2.0 180 Ringing", "b@h"),
    );
    trace.record(
        at(5),
        Way::Sent,
        &path(ALICE),
        &message("SIP/2.0 180 Ringing", "a@h"),
    );
    let kept = trace.call(call).unwrap();
    assert_eq!(
        first_lines(&kept),
        [
            "INVITE sip:b SIP/2.0",
            "SIP/2.0 401 Unauthorized",
            "INVITE sip:b SIP/2.0",
            "INVITE sip:b SIP/2.0",
            "SIP/2.0 180 Ringing",
            "SIP/2.0 180 Ringing"
        ]
    );
    assert_eq!(kept.left_out, 0);
}

#[test]
fn what_belongs_to_no_call_is_not_kept() {
    let (mut trace, now) = (trace(|_| {}), epoch());
    trace.record(
        now,
        Way::Received,
        &path(ALICE),
        &message("REGISTER sip:b SIP/2.0", "r@h"),
    );
    trace.record(
        now,
        Way::Received,
        &path(ALICE),
        &message("OPTIONS sip:b SIP/2.0", "o@h"),
    );
    trace.assign(b"r@h", call(1));
    assert_eq!(trace.call(call(1)).unwrap().messages.len(), 0);
    assert_eq!(trace.call(call(2)), None);
}

#[test]
fn of_a_long_call_its_beginning_and_its_end_are_kept() {
    let (mut trace, now, call) = (trace(|config| config.messages = 8), epoch(), call(1));
    trace.assign(b"a@h", call);
    for number in 0..20 {
        let info = message(&format!("INFO sip:{number} SIP/2.0"), "a@h");
        trace.record(now, Way::Received, &path(ALICE), &info);
    }
    let kept = trace.call(call).unwrap();
    let numbers: Vec<_> = first_lines(&kept)
        .iter()
        .map(|line| line[9..11].to_owned())
        .collect();
    assert_eq!(numbers, ["0 ", "1 ", "14", "15", "16", "17", "18", "19"]);
    assert_eq!(kept.left_out, 12);
}

#[test]
fn memory_is_bounded_and_calls_that_are_over_go_first() {
    let bound = |config: &mut TraceConfig| {
        config.calls = 1000;
        config.memory = 20_000;
    };
    let (mut trace, now) = (trace(bound), epoch());
    let live = call(0);
    trace.assign(b"live@h", live);
    trace.record(
        now,
        Way::Received,
        &path(ALICE),
        &message("INVITE sip:b SIP/2.0", "live@h"),
    );
    for number in 1..2000 {
        let id = format!("{number}@h");
        trace.assign(id.as_bytes(), call(number));
        for _ in 0..4 {
            trace.record(
                now,
                Way::Received,
                &path(ALICE),
                &message("BYE sip:b SIP/2.0", &id),
            );
        }
        trace.leg_closed(call(number));
    }
    let (calls, bytes) = trace.size();
    assert!(
        bytes <= 20_000 && calls < 100,
        "{calls} calls, {bytes} bytes"
    );
    assert_eq!(trace.call(live).unwrap().messages.len(), 1);
    assert!(trace.call(call(1999)).is_some());
    assert!(trace.legs.len() <= calls + ASIDE, "{}", trace.legs.len());
    assert!(trace.order.len() <= 2016 && trace.ended.len() <= 2016);
}

#[test]
fn what_is_kept_aside_has_a_small_part_of_the_room_and_the_newest_is_kept() {
    let (mut trace, now) = (trace(|config| config.memory = 80_000), epoch());
    let large = |call_id: &str| {
        let mut text = message("INVITE sip:b SIP/2.0", call_id).to_vec();
        text.resize(2000, b' ');
        Bytes::from(text)
    };
    for number in 0..100 {
        for _ in 0..8 {
            trace.record(
                now,
                Way::Received,
                &path(ALICE),
                &large(&format!("{number}@h")),
            );
        }
        let (_, bytes) = trace.size();
        assert!(bytes <= 10_000, "{bytes} bytes");
    }
    trace.record(now, Way::Received, &path(ALICE), &large("late@h"));
    let (_, before) = trace.size();
    assert!(before > 2000, "{before} bytes");
    trace.assign(b"late@h", call(1));
    assert_eq!(trace.call(call(1)).unwrap().messages.len(), 1);
    assert_eq!(trace.size().1, before, "each is counted once");
}

#[test]
fn invites_of_strangers_take_no_more_room_than_there_is_aside() {
    let (mut trace, now) = (trace(|_| {}), epoch());
    for number in 0..10_000 {
        let invite = message("INVITE sip:b SIP/2.0", &format!("{number}@h"));
        for _ in 0..20 {
            trace.record(now, Way::Received, &path(ALICE), &invite);
        }
    }
    assert_eq!(trace.legs.len(), ASIDE);
    trace.assign(b"9999@h", call(1));
    assert_eq!(trace.call(call(1)).unwrap().messages.len(), EACH_ASIDE);
}

#[test]
fn switched_off_nothing_is_kept() {
    let (mut trace, now) = (trace(|config| config.enabled = false), epoch());
    trace.record(
        now,
        Way::Received,
        &path(ALICE),
        &message("INVITE sip:b SIP/2.0", "a@h"),
    );
    trace.assign(b"a@h", call(1));
    assert_eq!((trace.call(call(1)), trace.legs.len()), (None, 0));
}

#[test]
fn of_credentials_only_scheme_and_name_are_shown() {
    let text = "REGISTER sip:h SIP/2.0\r\nAuthorization: Digest username=\"1000\", realm=\"offhook\",\r\n \
                response=\"6629fae49393a05397450978507c4ef1\"\r\nproxy-authorization : Basic c2VjcmV0\r\n\
                Call-ID: 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\
                a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20\r\na=ice-pwd:secret\r\na=sendrecv\r\n";
    assert_eq!(
        redacted(text.as_bytes()),
        "REGISTER sip:h SIP/2.0\r\nAuthorization: Digest username=\"1000\", (hidden)\r\n\
         proxy-authorization: Basic (hidden)\r\nCall-ID: 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:(hidden)\r\na=ice-pwd:(hidden)\r\na=sendrecv\r\n"
    );
    let text = "X y\r\nAuthorization: c2VjcmV0\r\n\r\n";
    assert!(
        !redacted(text.as_bytes()).contains("c2V"),
        "{}",
        redacted(text.as_bytes())
    );
}

#[test]
fn keys_that_were_pressed_are_not_shown() {
    let text = "INFO sip:h SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\nDuration=160\r\n";
    let shown = redacted(text.as_bytes());
    assert!(shown.ends_with("\r\n\r\n(hidden)\r\n"), "{shown}");
}

/// RFC 3261 sections 7.3.1 and 7.5: what the parser takes is hidden, however it is written.
#[test]
fn what_must_not_be_seen_is_hidden_in_every_spelling() {
    for text in [
        "INFO sip:h SIP/2.0\r\nContent-Type:\r\n application/dtmf-relay\r\n\r\nSignal=5\r\n",
        "INFO sip:h SIP/2.0\nContent-Type: application/dtmf\n\r\nSignal=5\n",
        "\r\nINFO sip:h SIP/2.0\r\nc: application/dtmf\r\n\r\nSignal=5\r\n",
        "INFO sip:h SIP/2.0\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n\
         --b\r\nContent-Type: application/DTMF-relay\r\n\r\nSignal=5\r\n--b--\r\n",
        "INVITE sip:h SIP/2.0\nCall-ID: 1\n\r\nv=0\r\na=crypto:1 X inline:Signal=5\r\n",
        "INVITE sip:h SIP/2.0\r\nCall-ID: 1\r\n\nv=0\na=ice-pwd:Signal=5\n",
        "INVITE sip:h SIP/2.0\r\nCall-ID: 1\r\n\r\nv=0\r\na=Crypto:1 X INLINE:Signal=5\r\na=ICE-pwd:Signal=5\r\n",
        "INVITE sip:h SIP/2.0\r\nAuthorization:\r\n Digest username=\"1\",\r\n\tx=\"Signal=5\"\r\n\r\n",
    ] {
        let shown = redacted(text.as_bytes());
        assert!(!shown.contains("Signal=5"), "{shown}");
        assert!(shown.contains("(hidden)"), "{shown}");
    }
}

#[test]
fn a_ladder_has_a_line_down_for_each_peer_and_an_arrow_for_each_message() {
    let (mut trace, now, call) = (trace(|_| {}), epoch(), call(1));
    trace.assign(b"a@h", call);
    trace.assign(b"b@h", call);
    let at = |tenths: u64| now + Duration::from_micros(tenths * 100);
    let sdp = "Content-Type: application/sdp\r\n\r\nv=0\r\n";
    let invite = |id: &str| format!("INVITE sip:b SIP/2.0\r\nCall-ID: {id}\r\n{sdp}").into();
    for (time, way, peer, data) in [
        (0, Way::Received, ALICE, invite("a@h")),
        (3, Way::Sent, ALICE, message("SIP/2.0 100 Trying", "a@h")),
        (12, Way::Sent, BOB, invite("b@h")),
        (
            450,
            Way::Received,
            BOB,
            message("SIP/2.0 180 Ringing", "b@h"),
        ),
        (455, Way::Sent, ALICE, message("SIP/2.0 180 Ringing", "a@h")),
        (
            15_000,
            Way::Received,
            "[2001:db8::7]:5061",
            message("BYE sip:b SIP/2.0", "b@h"),
        ),
    ] {
        trace.record(at(time), way, &path(peer), &data);
    }
    insta::assert_snapshot!(ladder(&trace.call(call).unwrap()));
}

#[test]
fn an_empty_trace_has_a_ladder_as_well() {
    assert!(ladder(&CallTrace::default()).contains("Offhook"));
    let odd = CallTrace {
        messages: vec![TracedMessage {
            at: epoch(),
            way: Way::Sent,
            transport: SipTransport::Tcp,
            local: SocketAddr::from(([127, 0, 0, 1], 1)),
            peer: SocketAddr::from(([127, 0, 0, 1], 2)),
            data: Bytes::from_static("\u{1f4de}\u{1f4de} \r\n\x07".as_bytes()),
        }],
        left_out: 3,
    };
    assert!(ladder(&odd).ends_with("(3 messages left out)\n"));
}

proptest::proptest! {
    #[test]
    fn any_bytes_can_be_shown(data: Vec<u8>) {
        let shown = redacted(&data);
        let message = TracedMessage {
            at: epoch(),
            way: Way::Received,
            transport: SipTransport::Udp,
            local: SocketAddr::from(([127, 0, 0, 1], 1)),
            peer: SocketAddr::from(([127, 0, 0, 1], 2)),
            data: data.into(),
        };
        let drawn = ladder(&CallTrace { messages: vec![message], left_out: 0 });
        proptest::prop_assert!(drawn.lines().count() == 2 && shown.len() < 1 << 20);
    }
}

/// An attended transfer: a leg goes from one call to another.
#[test]
fn what_a_moved_leg_says_belongs_to_the_call_it_is_in() {
    let (mut trace, now, first, second) = (trace(|_| {}), epoch(), call(1), call(2));
    let heard = |trace: &mut Trace, line: &str, call_id: &str| {
        trace.record(now, Way::Received, &path(ALICE), &message(line, call_id));
    };
    trace.assign(b"a@h", first);
    trace.assign(b"b@h", second);
    heard(&mut trace, "INVITE sip:b SIP/2.0", "a@h");
    trace.leg_moved(b"a@h", first, second);
    // Nobody moves what is not theirs.
    trace.leg_moved(b"a@h", first, call(3));
    heard(&mut trace, "BYE sip:b SIP/2.0", "a@h");
    let lines = |trace: &Trace, call| first_lines(&trace.call(call).unwrap());
    assert_eq!(lines(&trace, first), ["INVITE sip:b SIP/2.0"]);
    assert_eq!(lines(&trace, second), ["BYE sip:b SIP/2.0"]);
    assert_eq!(trace.call(call(3)), None);
    // Found no place: it comes back.
    trace.leg_moved(b"a@h", second, first);
    heard(&mut trace, "INFO sip:b SIP/2.0", "a@h");
    assert_eq!(lines(&trace, first).len(), 2);
}
