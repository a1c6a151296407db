//! Bridges whose sides do not speak alike: tones in, tones found.

use super::pair::{Pair, Phone};
use super::*;
use crate::rtp::TelephoneEvent;
use crate::session::jitter::JitterStats;
use crate::time::Rate;

const SECOND: Duration = Duration::from_secs(1);
const CODECS: [Codec; 6] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::L16Wide,
    Codec::L16Narrow,
    Codec::Opus,
];

/// Each packet begins where the one before ended, in order and of one source.
fn is_one_stream(phone: &Phone) {
    let audio = phone.headers.iter().filter(|h| h.payload_type != 101);
    let audio: Vec<_> = audio.collect();
    assert!(audio.len() > 10);
    for ((two, &length), n) in audio.windows(2).zip(&phone.lengths).zip(0..) {
        assert_eq!(
            two[1].sequence,
            two[0].sequence.wrapping_add(1),
            "packet {n}"
        );
        let clock = crate::rtp::ClockRate::new(phone.codec.clock_rate());
        let passed = two[1].time.since(two[0].time);
        assert_eq!(passed.unsigned_abs(), clock.units(length), "packet {n}");
        assert_eq!(two[0].ssrc, two[1].ssrc);
    }
}

#[test]
fn every_codec_and_packet_length_is_heard_by_every_other() {
    let lengths = [10, 20, 30, 60];
    let mut round = 0;
    for from in CODECS {
        for to in CODECS {
            for length in lengths {
                round += 1;
                let other = lengths[round % lengths.len()];
                let (a, b) = (
                    Phone::new(from, length, 440.0),
                    Phone::new(to, other, 660.0),
                );
                let mut pair = Pair::new(a, b);
                pair.run(SECOND);
                // Longer ones of L16 would not fit the network's usual packets.
                let longest = if to == Codec::L16Wide { 40 } else { 60 };
                let wanted = pair.phones[1].milliseconds.min(longest);
                let case = format!("{from} of {length} ms to {to} of {wanted} ms");
                for (phone, hertz) in pair.phones.iter().zip([660.0, 440.0]) {
                    let (share, level) = phone.tone(hertz, Duration::from_millis(300));
                    // Opus bends a tone that lasts, most in short packets.
                    let coded = [from, to].contains(&Codec::Opus);
                    let least = if coded { 0.88 } else { 0.95 };
                    assert!(share > least, "{case}: {share}");
                    assert!(
                        level.abs() < if coded { 2.5 } else { 1.5 },
                        "{case}: {level} dB"
                    );
                }
                is_one_stream(&pair.phones[1]);
                if from == Codec::Opus && to == Codec::Opus {
                    continue;
                }
                let as_wanted = Duration::from_millis(wanted.into());
                let after_start = &pair.phones[1].lengths[3..];
                assert!(
                    after_start.iter().all(|length| *length == as_wanted),
                    "{case}"
                );
            }
        }
    }
}

#[test]
fn alike_legs_keep_no_decoder_and_unlike_ones_drop_it_with_their_bridge() {
    let alike = [(Codec::Pcmu, Codec::Pcma), (Codec::Opus, Codec::Opus)];
    for (one, other) in alike {
        let mut pair = Pair::new(Phone::new(one, 20, 440.0), Phone::new(other, 20, 660.0));
        pair.run(SECOND / 5);
        for leg in &pair.legs {
            assert_eq!(leg.coders(), Coders::default());
            assert_eq!(leg.linked(), Link::Relay);
        }
    }
    let (a, b) = (
        Phone::new(Codec::Pcmu, 20, 440.0),
        Phone::new(Codec::Opus, 20, 660.0),
    );
    let mut pair = Pair::new(a, b);
    pair.run(SECOND / 5);
    for leg in &mut pair.legs {
        let both = Coders {
            decoders: 1,
            encoders: 1,
        };
        assert_eq!(
            (leg.linked(), leg.coders()),
            (Link::Transcode(Rate::Narrow), both)
        );
        leg.set_link(Link::Relay);
        leg.stop_decoding();
        leg.set_background(Background::Echo);
        assert_eq!(leg.coders(), Coders::default());
        assert!(!leg.needs_wheel());
    }
}

fn figures(leg: &MediaSession) -> JitterStats {
    leg.jitter()
}

#[test]
fn five_percent_of_loss_at_40_ms_of_jitter_leave_the_tone() {
    for (one, other) in [(Codec::Pcmu, Codec::Opus), (Codec::G722, Codec::Pcma)] {
        let (mut a, mut b) = (Phone::new(one, 20, 440.0), Phone::new(other, 20, 660.0));
        // Numbers that hop about, the same in each run.
        a.loses = |n| n.wrapping_mul(2_654_435_761) % 100 < 5;
        b.loses = |n| n.wrapping_mul(2_246_822_519) % 100 < 5;
        let mut pair = Pair::new(a, b);
        pair.delay = |n| Duration::from_millis(u64::from(n.wrapping_mul(2_654_435_761) % 41));
        pair.run(SECOND * 10);
        for (phone, hertz) in pair.phones.iter().zip([660.0, 440.0]) {
            let (share, level) = phone.tone(hertz, SECOND);
            assert!(share > 0.75, "{one} and {other}: {share}");
            assert!(level.abs() < 2.0, "{one} and {other}: {level} dB");
            is_one_stream(phone);
        }
        for leg in &pair.legs {
            let figures = figures(leg);
            assert!(figures.lost >= 15, "{figures:?}");
            let late = figures.late as f64 / figures.received as f64;
            assert!(late < 0.02, "{figures:?}");
            assert!(
                figures.concealed > Duration::from_millis(200),
                "{figures:?}"
            );
            assert!(
                figures.mean_delay < Duration::from_millis(90),
                "{figures:?}"
            );
        }
    }
}

#[test]
fn a_leg_that_changes_its_codec_goes_on_in_one_stream() {
    let (a, b) = (
        Phone::new(Codec::Pcmu, 20, 440.0),
        Phone::new(Codec::Pcmu, 20, 660.0),
    );
    let mut pair = Pair::new(a, b);
    for (codec, rate) in [
        (Codec::Opus, Some(Rate::Narrow)),
        (Codec::G722, Some(Rate::Narrow)),
        (Codec::Pcma, None),
    ] {
        pair.run(SECOND);
        pair.recode(1, Phone::new(codec, 20, 660.0));
        pair.phones[0].heard.clear();
        pair.run(SECOND);
        let link = rate.map_or(Link::Relay, Link::Transcode);
        assert_eq!(pair.legs[0].linked(), link);
        for (phone, hertz) in pair.phones.iter().zip([660.0, 440.0]) {
            let (share, _) = phone.tone(hertz, SECOND / 5);
            assert!(share > 0.85, "{codec}: {share}");
        }
    }
    for phone in &pair.phones {
        for two in phone.headers.windows(2) {
            assert_eq!(two[1].sequence, two[0].sequence.wrapping_add(1));
            // Never back, and never further than what passed by the fastest clock.
            let passed = two[1].time.since(two[0].time);
            assert!((1..48_000).contains(&passed), "{passed}");
        }
    }
}

#[test]
fn packets_that_grow_too_long_on_the_way_are_cut_for_the_other_side() {
    let (a, b) = (
        Phone::new(Codec::Pcmu, 20, 440.0),
        Phone::new(Codec::Pcmu, 20, 660.0),
    );
    let mut pair = Pair::new(a, b);
    pair.run(SECOND);
    assert_eq!(pair.legs[1].linked(), Link::Relay);
    let before = pair.phones[1].lengths.len();
    pair.phones[0].milliseconds = 60;
    pair.run(SECOND);
    assert_eq!(pair.legs[1].linked(), Link::Transcode(Rate::Narrow));
    assert_eq!(
        pair.legs[0].linked(),
        Link::Relay,
        "the way back is as it was"
    );
    let frame = Duration::from_millis(20);
    // The three it took to be sure were passed on as they were.
    let long = pair.phones[1].lengths[before..]
        .iter()
        .filter(|l| **l != frame);
    assert!(long.count() <= 3);
    let mut limited = pair.phones[1].remote();
    limited.max_ptime = Some(Duration::from_millis(10));
    pair.phones[1].lengths.clear();
    let now = pair.now();
    pair.legs[1].set_remote(now, limited).unwrap();
    pair.run(SECOND / 2);
    let short = Duration::from_millis(10);
    assert!(pair.phones[1].lengths.iter().all(|length| *length == short));
}

/// Presses a key for so many frames: reports of growing duration, then three ends.
fn press(pair: &mut Pair, key: char, frames: u16) {
    let units = u16::try_from(pair.phones[0].codec.clock_rate() / 50).unwrap();
    let began = pair.phones[0].time;
    for n in 1..=frames + 2 {
        let event = TelephoneEvent {
            duration: n.min(frames) * units,
            end: n >= frames,
            ..TelephoneEvent::of_key(key).unwrap()
        };
        let now = std::mem::replace(&mut pair.phones[0].time, began);
        let packet = pair.phones[0].packet(101, &event.to_bytes());
        pair.phones[0].time = now;
        pair.deliver(0, packet);
        pair.run(Duration::from_millis(20));
    }
}

#[test]
fn a_key_crosses_from_one_clock_to_another() {
    for (from, to) in [(Codec::Pcmu, Codec::Opus), (Codec::Opus, Codec::Pcma)] {
        let mut pair = Pair::new(Phone::new(from, 20, 440.0), Phone::new(to, 20, 660.0));
        pair.run(SECOND);
        pair.phones[0].talks = false;
        press(&mut pair, '7', 20);
        pair.run(SECOND / 2);
        let pressed = |event: &&SessionEvent| matches!(event, SessionEvent::Pressed('7', _));
        assert_eq!(pair.told[0].iter().filter(pressed).count(), 1);
        let events = &pair.phones[1].events;
        assert!(events.iter().all(|event| event.key() == Some('7')));
        assert_eq!(events.iter().filter(|event| event.end).count(), 3);
        let clock = crate::rtp::ClockRate::new(to.clock_rate());
        let last = events.last().unwrap();
        let held = clock.duration(last.duration.into());
        let error = held.abs_diff(Duration::from_millis(400));
        assert!(error <= Duration::from_millis(40), "{held:?}");
    }
}

#[test]
fn a_key_is_a_tone_for_an_opus_phone_without_events() {
    let (a, b) = (
        Phone::new(Codec::Pcmu, 20, 440.0),
        Phone::new(Codec::Opus, 20, 660.0),
    );
    let mut pair = Pair::new(a, b);
    let deaf = RemoteMedia::new(far_end(), Codec::Opus);
    pair.legs[1].set_remote(epoch(), deaf).unwrap();
    pair.phones[0].talks = false;
    pair.run(SECOND / 5);
    press(&mut pair, '5', 20);
    pair.run(SECOND);
    let phone = &pair.phones[1];
    assert!(phone.events.is_empty());
    let scaled = |hertz: f64| hertz * 8000.0 / f64::from(phone.rate.hertz());
    let share = |hertz| Goertzel::new(scaled(hertz)).share(&phone.heard);
    let both = share(770.0) + share(1336.0);
    // Opus at 8 kHz takes it for speech, and bends it a little.
    assert!(both > 0.65, "{both}");
}

#[test]
fn a_prompt_covers_a_transcoded_bridge_and_gives_it_back() {
    let (a, b) = (
        Phone::new(Codec::Pcmu, 20, 440.0),
        Phone::new(Codec::G722, 20, 660.0),
    );
    let mut pair = Pair::new(a, b);
    pair.run(SECOND);
    let mut bank = SoundBank::new();
    bank.add_pcm("beep", &crate::dsp::tone::sine(1000.0, 8000, 8000.0));
    let playlist = Playlist {
        items: vec![PlayItem::Sound("beep".into())],
        barge_in: false,
        repeat: false,
    };
    pair.phones[1].heard.clear();
    let options = crate::graph::playlist::PlayOptions {
        gain_db: -6.0,
        ..Default::default()
    };
    let player = Player::with(PlayId(1), &playlist, &options, &bank).unwrap();
    pair.legs[1].play(player);
    pair.run(SECOND - Duration::from_millis(20));
    let (share, level) = pair.phones[1].tone(1000.0, Duration::from_millis(40));
    assert!(
        share > 0.95 && (level + 6.0).abs() < 1.0,
        "{share} at {level} dB"
    );
    pair.phones[1].heard.clear();
    pair.run(SECOND);
    let (share, _) = pair.phones[1].tone(440.0, Duration::from_millis(60));
    assert!(share > 0.95, "{share}");
    is_one_stream(&pair.phones[1]);
}

#[test]
fn a_far_end_that_begins_anew_is_heard_again_soon() {
    let (a, b) = (
        Phone::new(Codec::Pcmu, 20, 440.0),
        Phone::new(Codec::Opus, 20, 660.0),
    );
    let mut pair = Pair::new(a, b);
    pair.run(SECOND);
    let phone = &mut pair.phones[0];
    (phone.ssrc, phone.sequence, phone.time) = (0xCCCC, 7, 123_456);
    pair.run(SECOND);
    // The same source jumps in its numbers.
    let phone = &mut pair.phones[0];
    (phone.sequence, phone.time) = (30_000, 99);
    pair.run(SECOND);
    // Held, and taken back.
    let now = pair.now();
    let mut held = pair.phones[0].remote();
    held.receive = false;
    pair.legs[0].set_remote(now, held).unwrap();
    pair.run(SECOND);
    let now = pair.now();
    let remote = pair.phones[0].remote();
    pair.legs[0].set_remote(now, remote).unwrap();
    pair.phones[1].heard.clear();
    pair.run(SECOND);
    let (share, _) = pair.phones[1].tone(440.0, Duration::from_millis(200));
    assert!(share > 0.9, "{share}");
    let headers = &pair.phones[1].headers;
    for two in headers.windows(2) {
        assert_eq!(two[1].sequence, two[0].sequence.wrapping_add(1));
        assert!(two[1].time.since(two[0].time) > 0);
    }
}

#[test]
fn nothing_is_sent_for_somebody_who_says_nothing_and_noise_for_who_describes_it() {
    let (a, b) = (
        Phone::new(Codec::Pcmu, 20, 440.0),
        Phone::new(Codec::Opus, 20, 660.0),
    );
    let mut pair = Pair::new(a, b);
    pair.run(SECOND);
    pair.phones[0].talks = false;
    pair.run(SECOND / 2);
    let before = pair.phones[1].headers.len();
    pair.run(SECOND);
    assert_eq!(pair.phones[1].headers.len(), before);
    let noise = pair.phones[0].packet(13, &[40]);
    pair.deliver(0, noise);
    pair.phones[1].heard.clear();
    pair.run(SECOND);
    let (_, level) = pair.phones[1].tone(440.0, SECOND / 5);
    // -40 dBov against a sine of 8000, which is at -15.3 dBov.
    assert!((level + 24.7).abs() < 4.0, "{level} dB");
    pair.phones[0].talks = true;
    pair.run(SECOND / 5);
    pair.phones[1].heard.clear();
    pair.run(SECOND);
    let (share, _) = pair.phones[1].tone(440.0, SECOND / 5);
    assert!(share > 0.9, "{share}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_to_a_leg_that_is_decoded_are_harmless(datagrams in proptest::collection::vec(any::<Vec<u8>>(), 1..30), which in 0usize..6) {
        let (a, b) = (Phone::new(CODECS[which], 20, 440.0), Phone::new(Codec::Opus, 60, 660.0));
        let mut pair = Pair::new(a, b);
        for mut datagram in datagrams {
            if datagram.len() > 2 {
                datagram[0] = 0x80 | (datagram[0] & 0x3F);
                datagram[1] = [CODECS[which].payload_type(), 0, 101, 13][usize::from(datagram[1] % 4)];
            }
            pair.deliver(0, datagram);
            pair.run(Duration::from_millis(20));
        }
    }
}
