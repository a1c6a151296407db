//! Order, loss, restarts and wraps.

use super::*;

const UNITS: u32 = 160;

#[derive(Debug)]
struct Desk {
    buffer: JitterBuffer,
    now: Instant,
    /// Of how much before its own each packet holds a copy.
    copied: u32,
}

impl Desk {
    fn new() -> Self {
        let settings = JitterSettings {
            start: Duration::ZERO,
            min: Duration::ZERO,
            ..JitterSettings::default()
        };
        Self {
            buffer: JitterBuffer::new(8000, settings),
            now: epoch(),
            copied: 0,
        }
    }

    fn gets(&mut self, sequence: u32, time: u32) -> Pushed {
        self.gets_lasting(sequence, time, UNITS)
    }

    fn gets_lasting(&mut self, sequence: u32, time: u32, units: u32) -> Pushed {
        let packet = AudioPacket {
            sequence,
            time: RtpTime(time),
            units,
            coding: Coding::Pcmu,
            copied: self.copied,
            payload: &sequence.to_be_bytes(),
        };
        self.buffer.push(self.now, &packet)
    }

    /// The number of the packet played, or what is heard in its stead; then 20 ms pass.
    fn hears(&mut self) -> Result<u32, &'static str> {
        let frame = self.buffer.pull(self.now, 0);
        self.now += FRAME;
        match frame {
            JitterFrame::Packet { payload, .. } => {
                Ok(u32::from_be_bytes(payload.try_into().unwrap()))
            }
            JitterFrame::Lost { next: Some(_), .. } => Err("lost, copy at hand"),
            JitterFrame::Lost { .. } => Err("lost"),
            JitterFrame::Noise(_) => Err("noise"),
            JitterFrame::Silence => Err("silence"),
        }
    }
}

#[test]
fn packets_are_put_in_order_and_duplicates_dropped() {
    let mut desk = Desk::new();
    for (sequence, pushed) in [
        (101, Pushed::Kept),
        (100, Pushed::Kept),
        (102, Pushed::Kept),
        (101, Pushed::Duplicate),
    ] {
        assert_eq!(desk.gets(sequence, sequence * UNITS), pushed);
    }
    assert_eq!(
        [desk.hears(), desk.hears(), desk.hears()],
        [Ok(100), Ok(101), Ok(102)]
    );
    assert_eq!(desk.gets(100, 100 * UNITS), Pushed::Late);
    let stats = desk.buffer.stats();
    assert_eq!((stats.duplicate, stats.late, stats.lost), (1, 1, 0));
}

#[test]
fn a_missing_packet_is_made_up_and_its_successor_offered_for_its_copy() {
    let mut desk = Desk::new();
    desk.copied = UNITS;
    desk.gets(100, 0);
    assert_eq!(desk.hears(), Ok(100));
    desk.gets(102, 2 * UNITS);
    assert_eq!(desk.hears(), Err("lost, copy at hand"));
    assert_eq!(desk.gets(101, UNITS), Pushed::Late);
    assert_eq!(desk.hears(), Ok(102));
    let stats = desk.buffer.stats();
    assert_eq!((stats.lost, stats.late, stats.concealed), (1, 1, FRAME));
}

#[test]
fn a_lost_packet_of_60_ms_is_made_up_in_frames_of_20() {
    let mut desk = Desk::new();
    desk.gets_lasting(100, 0, 480);
    assert_eq!(desk.hears(), Ok(100));
    desk.gets_lasting(102, 960, 480);
    let heard = [desk.hears(), desk.hears(), desk.hears(), desk.hears()];
    assert_eq!(heard, [Err("lost"), Err("lost"), Err("lost"), Ok(102)]);
    assert_eq!(desk.buffer.stats().lost, 1);
}

#[test]
fn a_lost_packet_of_60_ms_is_had_from_its_copy_at_once() {
    let mut desk = Desk::new();
    desk.copied = 480;
    desk.gets_lasting(100, 0, 480);
    assert_eq!(desk.hears(), Ok(100));
    desk.gets_lasting(103, 1440, 480);
    // Of the first of two lost ones nobody has a copy.
    let heard: Vec<_> = (0..5).map(|_| desk.hears()).collect();
    assert_eq!(heard[..3], [Err("lost"); 3]);
    assert_eq!(heard[3..], [Err("lost, copy at hand"), Ok(103)]);
    assert_eq!(desk.buffer.stats().lost, 2);
}

#[test]
fn a_packet_that_comes_while_nothing_else_is_there_is_not_too_late() {
    let mut desk = Desk::new();
    desk.gets(100, 0);
    assert_eq!(desk.hears(), Ok(100));
    assert_eq!([desk.hears(), desk.hears()], [Err("lost"), Err("lost")]);
    desk.gets(101, UNITS);
    assert_eq!(desk.hears(), Ok(101));
    assert_eq!(desk.buffer.stats().lost, 0);
}

#[test]
fn silence_follows_a_tenth_of_a_second_without_packets() {
    let mut desk = Desk::new();
    desk.gets(100, 0);
    assert_eq!(desk.hears(), Ok(100));
    let heard: Vec<_> = (0..7).map(|_| desk.hears()).collect();
    assert_eq!(heard[..5], [Err("lost"); 5]);
    assert_eq!(heard[5..], [Err("silence"); 2]);
    // After half an hour of it the far end speaks again.
    desk.now += Duration::from_secs(1800);
    desk.gets(101, UNITS + 1800 * 8000);
    assert_eq!(desk.hears(), Ok(101));
    assert_eq!(desk.buffer.stats().lost, 0);
}

#[test]
fn a_pause_that_the_timestamps_tell_is_silence_and_not_loss() {
    let mut desk = Desk::new();
    for (sequence, time) in [(100, 0), (101, UNITS)] {
        desk.gets(sequence, time);
        assert_eq!(desk.hears(), Ok(sequence));
    }
    // The next is a spurt 60 ms on, and comes too early.
    desk.gets(102, 5 * UNITS);
    let heard: Vec<_> = (0..4).map(|_| desk.hears()).collect();
    assert_eq!(
        heard,
        [Err("silence"), Err("silence"), Err("silence"), Ok(102)]
    );
    assert_eq!(desk.buffer.stats().concealed, Duration::ZERO);
}

#[test]
fn a_leap_of_the_timestamps_costs_nothing() {
    for leap in [8000 * 3600, 0u32.wrapping_sub(8000 * 3600), 8000] {
        let mut desk = Desk::new();
        for n in 0..10 {
            desk.gets(100 + n, n * UNITS);
            assert_eq!(desk.hears(), Ok(100 + n));
        }
        for n in 10..20 {
            desk.gets(100 + n, leap.wrapping_add(n * UNITS));
            assert_eq!(desk.hears(), Ok(100 + n), "{leap}");
        }
        assert_eq!(desk.buffer.stats().concealed, Duration::ZERO);
    }
}

#[test]
fn a_sender_whose_timestamps_stand_still_is_heard() {
    let mut desk = Desk::new();
    for n in 0..200 {
        desk.gets(100 + n, 7);
        assert_eq!(desk.hears(), Ok(100 + n));
    }
}

#[test]
fn another_stream_begins_where_the_former_ended() {
    let mut desk = Desk::new();
    for n in 0..10 {
        desk.gets(70_000 + n, n * UNITS);
        assert_eq!(desk.hears(), Ok(70_000 + n));
    }
    desk.buffer.restart();
    for n in 0..10 {
        desk.gets(65_600 + n, 4_000_000_000u32.wrapping_add(n * UNITS));
        assert_eq!(desk.hears(), Ok(65_600 + n));
    }
    assert_eq!(desk.buffer.stats().resets, 1);
    assert_eq!(desk.buffer.stats().lost, 0);
}

#[test]
fn numbers_that_leap_back_are_a_stream_of_their_own() {
    let mut desk = Desk::new();
    desk.gets(80_000, 0);
    assert_eq!(desk.hears(), Ok(80_000));
    desk.gets(70_000, UNITS);
    assert_eq!(desk.hears(), Ok(70_000));
    assert_eq!(desk.buffer.stats().resets, 1);
}

#[test]
fn keys_between_the_sound_are_not_missing_packets() {
    let mut desk = Desk::new();
    desk.gets(100, 0);
    assert_eq!(desk.hears(), Ok(100));
    for sequence in 101..106 {
        desk.buffer.skip(sequence);
    }
    desk.gets(106, 6 * UNITS);
    let heard: Vec<_> = (0..6).map(|_| desk.hears()).collect();
    assert_eq!(heard[..5], [Err("silence"); 5]);
    assert_eq!(heard[5], Ok(106));
    assert_eq!(desk.buffer.stats().lost, 0);
}

#[test]
fn a_jam_that_dissolves_is_skipped_down_to_the_longest_wait() {
    let mut desk = Desk::new();
    for n in 0..50 {
        desk.gets(100 + n, n * UNITS);
        assert_eq!(desk.hears(), Ok(100 + n));
    }
    // Nothing for 600 ms, then all of it at once.
    for _ in 0..30 {
        assert!(desk.hears().is_err());
    }
    for n in 50..80 {
        desk.gets(100 + n, n * UNITS);
    }
    let mut played = 0;
    for n in 80..90 {
        desk.gets(100 + n, n * UNITS);
        played += u32::from(desk.hears().is_ok());
    }
    assert_eq!(played, 10);
    let stats = desk.buffer.stats();
    assert!(stats.discarded >= 19, "{stats:?}");
    assert!(stats.delay <= Duration::from_millis(220), "{stats:?}");
}

#[test]
fn what_lasts_no_time_or_too_long_is_not_taken() {
    let mut desk = Desk::new();
    assert_eq!(desk.gets_lasting(100, 0, 0), Pushed::Unusable);
    assert_eq!(desk.gets_lasting(100, 0, 1001), Pushed::Unusable);
    let packet = AudioPacket {
        sequence: 100,
        time: RtpTime(0),
        units: UNITS,
        coding: Coding::Pcmu,
        copied: 0,
        payload: &[0; 65_000],
    };
    assert_eq!(desk.buffer.push(desk.now, &packet), Pushed::Unusable);
    assert_eq!(desk.hears(), Err("silence"));
}

proptest::proptest! {
    #[test]
    fn anything_may_come_and_every_turn_yields_something(
        packets in proptest::collection::vec((0u32..200_000, proptest::num::u32::ANY, 0u32..1200, 0u64..200, 0usize..2000), 0..200),
    ) {
        let mut buffer = JitterBuffer::new(8000, JitterSettings::default());
        let mut now = epoch();
        for (sequence, time, units, later, length) in packets {
            now += Duration::from_millis(later);
            let payload = vec![0; length];
            let packet = AudioPacket {
                sequence,
                time: RtpTime(time),
                units,
                coding: Coding::Pcmu,
                copied: units.min(sequence % 700),
                payload: &payload,
            };
            if sequence % 17 == 0 {
                buffer.skip(sequence);
            } else {
                buffer.push(now, &packet);
            }
            match buffer.pull(now, sequence % 300) {
                JitterFrame::Packet { payload, .. } => proptest::prop_assert!(payload.len() < 2000),
                JitterFrame::Lost { units, .. } => proptest::prop_assert!((20..=480).contains(&units)),
                JitterFrame::Noise(_) | JitterFrame::Silence => {}
            }
        }
    }
}
