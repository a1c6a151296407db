//! The stream a far end receives.

use std::time::Duration;

use crate::rtp::{Arrival, ClockRate};
use crate::session::stream::*;
use crate::test_time::epoch;
use crate::time::RtpTime;

const FRAME: Duration = Duration::from_millis(20);

fn stream() -> OutStream {
    OutStream::new(StreamSeed {
        ssrc: 5,
        sequence: 65_535,
        time: RtpTime(u32::MAX - 100),
    })
}

fn relayed(extended: u32, time: u32) -> Relayed {
    Relayed {
        arrival: Arrival { extended, epoch: 0 },
        time: RtpTime(time),
        marker: false,
        length: 160,
        is_event: false,
    }
}

#[test]
fn frames_of_the_wheel_follow_each_other() {
    let (mut stream, start) = (stream(), epoch());
    let first = stream.frame(start, 20, 2);
    let second = stream.frame(start + FRAME, 22, 2);
    assert!(first.marker && !second.marker);
    assert_eq!((first.sequence, second.sequence), (65_535, 0));
    assert_eq!(second.time.since(first.time), 160);
    // Three ticks were missed: the time goes on as if they had been sent.
    let later = stream.frame(start + FRAME * 5, 30, 2);
    assert_eq!(later.time.since(second.time), 640);
    assert_eq!(later.sequence, 1);
    assert!(later.marker);
    // Packets of 10, 30 and 60 ms.
    let begins = [32, 33, 36, 42];
    let lengths = [1, 3, 6, 2];
    let mut ends = later.time.plus(160);
    for (begins, halves) in begins.into_iter().zip(lengths) {
        let header = stream.frame(start + FRAME * 6, begins, halves);
        assert_eq!((header.time, header.marker), (ends, false));
        ends = header.time.plus(halves * 80);
    }
}

#[test]
fn a_relayed_source_keeps_its_gaps_and_its_order() {
    let (mut stream, start) = (stream(), epoch());
    let first = stream.relay(start, &relayed(100, 5000)).unwrap();
    let third = stream
        .relay(start + FRAME * 2, &relayed(102, 5320))
        .unwrap();
    let second = stream
        .relay(start + FRAME * 2, &relayed(101, 5160))
        .unwrap();
    let fourth = stream
        .relay(start + FRAME * 3, &relayed(103, 5480))
        .unwrap();
    assert!(first.marker && !third.marker);
    let sequences = [first, second, third, fourth].map(|header| header.sequence);
    assert_eq!(sequences, [65_535, 0, 1, 2]);
    assert_eq!(fourth.time.since(first.time), 480);
    assert_eq!(second.time.since(first.time), 160);
}

#[test]
fn time_follows_the_clock_when_the_feed_changes() {
    let (mut stream, start) = (stream(), epoch());
    let music = stream.frame(start, 2, 2);
    let talk = stream.relay(start + FRAME * 50, &relayed(7, 123)).unwrap();
    assert!(talk.marker);
    assert_eq!(talk.sequence, 0);
    assert_eq!(talk.time.since(music.time), 50 * 160);
    // Music again 5 ms later: not before the end of what was said.
    let at = start + FRAME * 50 + Duration::from_millis(5);
    let music = stream.frame(at, 104, 2);
    assert!(music.marker);
    assert_eq!(music.time.since(talk.time), 160);
    assert_eq!(music.sequence, 1);
}

#[test]
fn a_packet_from_before_the_bridge_is_left_out() {
    let (mut stream, start) = (stream(), epoch());
    stream.relay(start, &relayed(100, 5000)).unwrap();
    assert_eq!(stream.relay(start, &relayed(99, 4840)), None);
}

#[test]
fn a_restarted_source_or_a_wild_timestamp_begins_anew() {
    let (mut stream, start) = (stream(), epoch());
    let first = stream.relay(start, &relayed(100, 5000)).unwrap();
    let mut other = relayed(9, 77);
    other.arrival.epoch = 1;
    let restarted = stream.relay(start + FRAME, &other).unwrap();
    assert!(restarted.marker);
    assert_eq!(restarted.sequence, first.sequence.wrapping_add(1));
    assert_eq!(restarted.time.since(first.time), 160);
    let mut wild = relayed(10, 3_000_000_000);
    wild.arrival.epoch = 1;
    let wild = stream.relay(start + FRAME * 2, &wild).unwrap();
    assert_eq!(wild.time.since(first.time), 320);
}

#[test]
fn silence_suppression_is_passed_on_as_it_is() {
    let (mut stream, start) = (stream(), epoch());
    let first = stream.relay(start, &relayed(100, 5000)).unwrap();
    let mut packet = relayed(101, 5000 + 8000 * 30);
    packet.marker = true;
    let later = stream
        .relay(start + Duration::from_secs(30), &packet)
        .unwrap();
    assert_eq!(later.time.since(first.time), 8000 * 30);
    assert!(later.marker);
}

#[test]
fn a_packet_kept_back_leaves_no_gap() {
    let (mut stream, start) = (stream(), epoch());
    let first = stream.relay(start, &relayed(100, 5000)).unwrap();
    stream.skip(relayed(101, 5160).arrival);
    let third = stream
        .relay(start + FRAME * 2, &relayed(102, 5320))
        .unwrap();
    assert_eq!(third.sequence, first.sequence.wrapping_add(1));
}

#[test]
fn audio_after_a_relayed_key_keeps_its_time() {
    let (mut stream, start) = (stream(), epoch());
    let first = stream.relay(start, &relayed(100, 5000)).unwrap();
    for n in 1..=200u32 {
        let mut report = relayed(100 + n, 5160);
        report.is_event = true;
        report.length = n * 160;
        let report = stream.relay(start + FRAME * n, &report).unwrap();
        assert_eq!(report.time.since(first.time), 160);
    }
    let audio = relayed(301, 5000 + 201 * 160);
    let audio = stream.relay(start + FRAME * 201, &audio).unwrap();
    assert_eq!(audio.time.since(first.time), 201 * 160);
    assert!(!audio.marker);
}

/// RFC 7160 section 4.2.
#[test]
fn another_clock_goes_on_from_the_old_ones_time() {
    let (mut stream, start) = (stream(), epoch());
    let narrow = stream.frame(start, 0, 2);
    stream.set_clock(start + FRAME, ClockRate::new(48_000));
    let full = stream.frame(start + FRAME, 2, 2);
    assert_eq!(full.time.since(narrow.time), 160);
    assert!(full.marker);
    let next = stream.frame(start + FRAME * 2, 4, 2);
    assert_eq!(next.time.since(full.time), 960);
    assert_eq!(stream.time_at(start + FRAME * 3), Some(next.time.plus(960)));
    stream.set_clock(start + FRAME * 3, ClockRate::new(8000));
    let narrow = stream.frame(start + FRAME * 3, 6, 2);
    assert_eq!(narrow.time.since(next.time), 960);
    assert_eq!(narrow.sequence, next.sequence.wrapping_add(1));
}

#[test]
fn time_goes_on_however_long_nothing_is_sent() {
    for hours in [20, 30, 40, 100] {
        let (mut stream, start) = (stream(), epoch());
        stream.set_clock(start, ClockRate::new(48_000));
        let first = stream.frame(start, 0, 2);
        stream.interrupt();
        let later = stream.frame(start + Duration::from_secs(hours * 3600), 50, 2);
        let passed = u32::try_from(hours * 3600 * 48_000 % (1 << 32)).unwrap();
        assert_eq!(later.time, first.time.plus(passed), "{hours}");
    }
}

#[test]
fn time_never_stands_still_nor_goes_back_over_two_days() {
    let (mut stream, start) = (stream(), epoch());
    stream.set_clock(start, ClockRate::new(48_000));
    let mut before = stream.frame(start, 0, 2).time;
    for quarter in 1..200 {
        stream.interrupt();
        let now = start + Duration::from_secs(900 * quarter);
        let time = stream.frame(now, 2 * quarter, 2).time;
        assert_eq!(time.since(before), 900 * 48_000);
        before = time;
    }
}

#[test]
fn a_key_stamped_in_the_future_takes_nothing_along() {
    let (mut stream, start) = (stream(), epoch());
    let first = stream.relay(start, &relayed(100, 5000)).unwrap();
    let mut wild = relayed(101, 5000 + (1 << 30));
    wild.is_event = true;
    let key = stream.relay(start + FRAME, &wild).unwrap();
    assert_eq!(key.time.since(first.time), 160);
    let at = start + FRAME * 50;
    let nothing = stream.nothing(at);
    assert_eq!(nothing.time.since(first.time), 50 * 160);
    assert_eq!(stream.last_sent(), Some(at));
}

/// RFC 3551 section 4.1.
#[test]
fn the_marker_is_of_the_sound_behind_described_silence_and_not_of_the_silence() {
    let (mut stream, start) = (stream(), epoch());
    stream.frame(start, 0, 2);
    // Its description, again after two seconds, and sound right behind it.
    let markers = [
        stream.noise(start + FRAME, 2, 2).marker,
        stream.noise(start + FRAME * 101, 202, 2).marker,
        stream.frame(start + FRAME * 102, 204, 2).marker,
        stream.frame(start + FRAME * 103, 206, 2).marker,
    ];
    assert_eq!(markers, [false, false, true, false]);
}

#[test]
fn another_stream_begins_only_where_something_was_sent() {
    let (mut stream, start) = (stream(), epoch());
    stream.begin_anew();
    let first = stream.frame(start, 0, 2);
    assert_eq!((first.ssrc, first.sequence), (5, 65_535));
    let mut sources = vec![first.ssrc];
    for n in 1..20 {
        stream.begin_anew();
        assert_eq!(stream.sent(), (0, 0));
        let header = stream.frame(start + FRAME * n, 2 * u64::from(n), 2);
        assert!(header.marker && header.sequence < 32_768);
        assert!(!sources.contains(&header.ssrc));
        sources.push(header.ssrc);
    }
}
