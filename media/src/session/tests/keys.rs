//! Keys whose reports do not come as they should, and keys nobody may be told of.

use super::*;
use crate::dsp::dtmf::{DtmfTone, USUAL_LEVELS};
use crate::time::Rate;

/// A report on the key 5 that began at `time`.
fn report(number: u16, time: u32, end: bool) -> Vec<u8> {
    let flags = if end { 0x8A } else { 10 };
    let mut report = packet(96, number, &[5, flags, 0, 160]);
    report[4..8].copy_from_slice(&time.to_be_bytes());
    report
}

/// A leg whose far end takes no telephone events, and hears another leg.
fn listener() -> MediaSession {
    let mut leg = bridged(Codec::Pcma);
    leg.set_remote(epoch(), RemoteMedia::new(far_end(), Codec::Pcma));
    leg
}

/// A datagram comes; what its leg tells of keys.
fn keys_told(leg: &mut MediaSession, datagram: &[u8]) -> Vec<SessionEvent> {
    leg.receive(at(1), far_end(), &mut datagram.to_vec())
        .unwrap();
    keys_of(leg)
}

fn keys_of(leg: &mut MediaSession) -> Vec<SessionEvent> {
    let mut told = events(leg);
    told.retain(|event| matches!(event, SessionEvent::Pressed(..) | SessionEvent::Released(_)));
    told
}

fn follow(leg: &mut MediaSession, told: &[SessionEvent]) {
    for event in told {
        match event {
            SessionEvent::Pressed(key, by) => leg.follow_key(Some(*key), *by),
            SessionEvent::Released(by) => leg.follow_key(None, *by),
            _ => {}
        }
    }
}

/// So many frames pass; the packets that go out.
fn frames(leg: &mut MediaSession, from: u32, count: u32) -> Vec<RtpHeader> {
    let mut out = [0; PACKET_LEN];
    let mut headers = Vec::new();
    for n in from..from + count {
        let length = leg.tick(at(n), n.into(), None, &mut out);
        headers.extend(length.map(|length| parsed(&out[..length]).0));
    }
    headers
}

const PRESSED: SessionEvent = SessionEvent::Pressed('5', KeySource::Event);
const RELEASED: SessionEvent = SessionEvent::Released(KeySource::Event);

#[test]
fn a_key_of_which_only_the_end_comes_is_let_go() {
    let (mut a, mut b) = (started(Codec::Pcmu), listener());
    let told = keys_told(&mut a, &report(1, 1000, true));
    assert_eq!(told, [PRESSED, RELEASED]);
    follow(&mut b, &told);
    assert!(b.is_covered());
    frames(&mut b, 2, 20);
    assert!(!b.is_covered());
}

#[test]
fn a_key_is_let_go_when_the_far_end_begins_another_stream() {
    let mut a = started(Codec::Pcmu);
    assert_eq!(keys_told(&mut a, &report(1, 1000, false)), [PRESSED]);
    let mut other = packet(0, 9000, &[1; 160]);
    other[8..12].copy_from_slice(&0xCCCC_u32.to_be_bytes());
    assert_eq!(keys_told(&mut a, &other), [RELEASED]);
}

#[test]
fn a_key_is_let_go_when_the_far_end_comes_back_from_hold() {
    let mut a = started(Codec::Pcmu);
    assert_eq!(keys_told(&mut a, &report(1, 1000, false)), [PRESSED]);
    let held = RemoteMedia {
        receive: false,
        ..remote(Codec::Pcmu)
    };
    a.set_remote(at(1), held);
    a.set_remote(at(1), remote(Codec::Pcmu));
    assert_eq!(
        keys_told(&mut a, &packet(0, 9000, &[1; 160])),
        [RELEASED],
        "and only once"
    );
}

fn sung() -> RemoteMedia {
    RemoteMedia {
        keys_in_band: KeysInBand::Detected,
        ..remote(Codec::Pcmu)
    }
}

/// A leg whose far end sings a key, and goes on singing.
fn singer() -> MediaSession {
    let mut leg = session();
    leg.set_remote(epoch(), sung());
    let mut pcm = [0; 1600];
    DtmfTone::new('7', 8000, USUAL_LEVELS)
        .unwrap()
        .fill(&mut pcm);
    let mut told = Vec::new();
    for (n, frame) in (1u16..).zip(pcm.chunks(160)) {
        let payload: Vec<u8> = frame.iter().map(|&said| Law::Mu.encode(said)).collect();
        told.extend(keys_told(&mut leg, &packet(0, n, &payload)));
    }
    assert_eq!(told, [SessionEvent::Pressed('7', KeySource::Tone)]);
    leg
}

#[test]
fn a_key_that_is_sung_is_let_go_when_nobody_listens_for_it_any_more() {
    let held = RemoteMedia {
        receive: false,
        ..sung()
    };
    let recoded = RemoteMedia {
        keys_in_band: KeysInBand::Detected,
        ..remote(Codec::G722)
    };
    for media in [remote(Codec::Pcmu), held, recoded] {
        let mut leg = singer();
        leg.set_remote(at(30), sung());
        assert_eq!(keys_of(&mut leg), []);
        leg.set_remote(at(30), media);
        assert_eq!(keys_of(&mut leg), [SessionEvent::Released(KeySource::Tone)]);
    }
}

#[test]
fn a_key_that_is_down_when_packets_are_passed_on_again_is_let_go() {
    let mut b = bridged(Codec::Pcmu);
    b.set_link(Link::Transcode(Rate::Narrow));
    b.follow_key(Some('1'), KeySource::Event);
    frames(&mut b, 0, 5);
    b.set_link(Link::Relay);
    b.follow_key(None, KeySource::Event);
    frames(&mut b, 5, 10);
    assert!(!b.is_covered());
}

#[test]
fn a_key_that_nobody_lets_go_does_not_cover_the_bridge_for_ever() {
    let mut b = listener();
    b.follow_key(Some('1'), KeySource::Event);
    frames(&mut b, 0, 400);
    assert!(b.is_covered(), "eight seconds may be meant");
    frames(&mut b, 400, 200);
    assert!(!b.is_covered());
}

/// RFC 4733 section 2.5.1.2 orders the reports of one key only.
#[test]
fn keys_are_heard_though_the_timestamps_jump_back() {
    let mut a = started(Codec::Pcmu);
    let both = [PRESSED, RELEASED];
    assert_eq!(keys_told(&mut a, &report(10, 1_000_000, true)), both);
    assert_eq!(keys_told(&mut a, &report(60, 5000, true)), both);
    // Late ones of before are no new keys, and neither are ends sent once more.
    for late in [
        report(9, 1_000_000, false),
        report(11, 1_000_000, true),
        report(61, 1_000_000, true),
        report(62, 5000, true),
    ] {
        assert_eq!(keys_told(&mut a, &late), []);
    }
}

#[test]
fn keys_that_may_not_be_sent_use_up_no_numbers() {
    let mut a = started(Codec::Pcmu);
    a.set_background(Background::Silence);
    let first = frames(&mut a, 0, 1)[0];
    let held = RemoteMedia {
        send: false,
        ..remote(Codec::Pcmu)
    };
    a.set_remote(at(1), held);
    assert!(a.send_digits("12".chars()));
    // The first key, and half of the second.
    assert_eq!(frames(&mut a, 1, 12), []);
    a.set_remote(at(13), remote(Codec::Pcmu));
    let mut out = [0; PACKET_LEN];
    let length = a.tick(at(13), 13, None, &mut out).unwrap();
    let (header, payload) = parsed(&out[..length]);
    assert_eq!(header.sequence, first.sequence + 1);
    assert_eq!(header.time.since(first.time), 13 * 160);
    assert!(header.marker);
    // What is left of it, from here on.
    assert_eq!(payload, [2, 10, 0, 160]);
    let rest = frames(&mut a, 14, 20);
    assert!(rest[..4].iter().all(|report| report.time == header.time));
    for (two, n) in rest.windows(2).zip(14..) {
        assert_eq!(two[1].sequence, two[0].sequence + 1, "frame {n}");
    }
}
