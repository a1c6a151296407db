//! One leg's media in virtual time.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "tests look for one kind of event among many"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use offhook_core::sdp::Codec;
use proptest::prelude::*;

mod copies;
mod fax;
mod keys;
mod laws;
mod pair;
mod stream;
mod tongues;
mod transcoding;

use super::*;
use crate::codec::Law;
use crate::dsp::goertzel::Goertzel;
use crate::graph::bank::SoundBank;
use crate::graph::music::{MusicClass, MusicOrder, Program};
use crate::graph::player::{Background, Player};
use crate::graph::playlist::{PlayEnd, PlayId, PlayItem, Playlist, Source};
use crate::graph::sound::Sound;
use crate::rtcp::{Compound, CompoundWriter, NtpClock};
use crate::rtp::{HEADER_LEN, Packet, RtpHeader};
use crate::test_time::epoch;
use crate::time::RtpTime;

const FRAME: Duration = Duration::from_millis(20);

fn far_end() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 4000))
}

fn remote(codec: Codec) -> RemoteMedia {
    RemoteMedia::new(far_end(), codec).with_events(96)
}

fn session() -> MediaSession {
    let settings = SessionSettings {
        rtp_timeout: Duration::from_secs(10),
        ..SessionSettings::new(NtpClock::new(epoch(), SystemTime::UNIX_EPOCH))
    };
    let seed = StreamSeed {
        ssrc: 0xAAAA,
        sequence: 1000,
        time: RtpTime(90_000),
    };
    MediaSession::new(settings, seed, epoch())
}

fn started(codec: Codec) -> MediaSession {
    let mut session = session();
    assert_eq!(session.set_remote(epoch(), remote(codec)), Some(false));
    session
}

/// A session that hears the leg it is bridged to.
fn bridged(codec: Codec) -> MediaSession {
    let mut session = started(codec);
    session.set_background(Background::Bridge);
    session
}

fn packet(payload_type: u8, number: u16, payload: &[u8]) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type,
        sequence: number,
        time: RtpTime(u32::from(number) * 160),
        ssrc: 0xBBBB,
    };
    [&header.to_bytes()[..], payload].concat()
}

fn at(frame: u32) -> Instant {
    epoch() + FRAME * frame
}

fn events(session: &mut MediaSession) -> Vec<SessionEvent> {
    let told = std::iter::from_fn(|| session.poll_event());
    told.filter(|event| *event != SessionEvent::Repacked)
        .collect()
}

/// Passes a packet from one leg to another; what goes out.
fn pass(
    from: &mut MediaSession,
    to: &mut MediaSession,
    now: Instant,
    datagram: &[u8],
) -> Result<Option<Vec<u8>>, DropReason> {
    let mut datagram = datagram.to_vec();
    let received = from.receive(now, far_end(), &mut datagram)?;
    let mut out = [0; PACKET_LEN];
    let payload = &datagram[received.payload.clone()];
    let length = to.relay(now, &received, payload, &mut out)?;
    Ok(length.map(|length| out[..length].to_vec()))
}

fn parsed(datagram: &[u8]) -> (RtpHeader, Vec<u8>) {
    let packet = Packet::parse(datagram).unwrap();
    (packet.header, datagram[packet.payload].to_vec())
}

#[test]
fn a_relayed_packet_has_our_numbers_and_their_audio() {
    let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcmu));
    for n in 0..3u8 {
        let sent = packet(0, 500 + u16::from(n), &[n; 160]);
        let out = pass(&mut a, &mut b, at(n.into()), &sent).unwrap().unwrap();
        let (header, payload) = parsed(&out);
        assert_eq!(header.ssrc, 0xAAAA);
        assert_eq!(header.sequence, 1000 + u16::from(n));
        assert_eq!(header.time, RtpTime(90_000 + u32::from(n) * 160));
        assert_eq!(header.marker, n == 0);
        assert_eq!(payload, [n; 160]);
    }
    assert_eq!(events(&mut a), [SessionEvent::FirstPacket]);
}

#[test]
fn pcmu_becomes_pcma_on_the_way() {
    let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcma));
    let said = Law::Mu.encode(5000);
    let out = pass(&mut a, &mut b, at(0), &packet(0, 1, &[said; 160]));
    let (header, payload) = parsed(&out.unwrap().unwrap());
    assert_eq!(header.payload_type, 8);
    let heard = i32::from(Law::A.decode(payload[0]));
    assert!((heard - 5000).abs() < 300, "{heard}");
}

#[test]
fn a_packet_with_extension_and_padding_is_sent_on_without() {
    let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcmu));
    let mut sent = packet(0, 1, &[]);
    sent[0] |= 0x30;
    sent.extend([0xBE, 0xDE, 0, 1, 1, 2, 3, 4]);
    sent.extend([9; 160]);
    sent.extend([0, 2]);
    let out = pass(&mut a, &mut b, at(0), &sent).unwrap().unwrap();
    assert_eq!(out.len(), HEADER_LEN + 160);
    assert_eq!(parsed(&out).1, [9; 160]);
}

#[test]
fn a_key_is_told_once_and_passed_on_under_the_other_sides_type() {
    let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcma));
    let mut other = remote(Codec::Pcma);
    other = other.with_events(110);
    b.set_remote(epoch(), other);
    for n in 0..5u16 {
        let mut report = packet(96, 10 + n, &[5, if n > 2 { 0x8A } else { 10 }, 0, 160]);
        report[4..8].copy_from_slice(&1600u32.to_be_bytes());
        let out = pass(&mut a, &mut b, at(n.into()), &report).unwrap();
        let (header, payload) = parsed(&out.unwrap());
        assert_eq!((header.payload_type, payload[0]), (110, 5));
        assert_eq!(header.time, RtpTime(90_000));
    }
    let told = events(&mut a);
    let key = KeySource::Event;
    let expected = [
        SessionEvent::FirstPacket,
        SessionEvent::Pressed('5', key),
        SessionEvent::Released(key),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_key_for_somebody_who_takes_none_becomes_its_tones() {
    let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcma));
    b.set_remote(epoch(), RemoteMedia::new(far_end(), Codec::Pcma));
    pass(&mut a, &mut b, at(0), &packet(0, 1, &[1; 160])).unwrap();
    let kept = pass(&mut a, &mut b, at(1), &packet(96, 2, &[5, 10, 0, 160]));
    assert_eq!(kept, Ok(None));
    assert!(events(&mut a).contains(&SessionEvent::Pressed('5', KeySource::Event)));
    b.follow_key(Some('5'), KeySource::Event);
    assert!(b.needs_wheel());
    let mut out = [0; PACKET_LEN];
    let mut heard = Vec::new();
    for n in 1..20 {
        // What is said meanwhile is not heard.
        let said = packet(0, 2 + n, &[1; 160]);
        assert_eq!(pass(&mut a, &mut b, at(n.into()), &said), Ok(None));
        if n == 10 {
            b.follow_key(None, KeySource::Event);
        }
        if let Some(length) = b.tick(at(n.into()), n.into(), None, &mut out) {
            let (header, payload) = parsed(&out[..length]);
            assert_eq!((header.payload_type, header.sequence), (8, 1000 + n));
            heard.extend(payload.iter().map(|byte| Law::A.decode(*byte)));
        }
        if !b.needs_wheel() {
            break;
        }
    }
    let key = &heard[..9 * 160];
    let share = |hertz| Goertzel::new(hertz).share(key);
    assert!(
        share(770.0) > 0.35 && share(1336.0) > 0.5,
        "{}",
        share(770.0)
    );
    assert!(heard[9 * 160..].iter().all(|sample| sample.abs() <= 8));
    let after = pass(&mut a, &mut b, at(30), &packet(0, 40, &[1; 160]));
    let (header, _) = parsed(&after.unwrap().unwrap());
    assert!(header.marker);
}

#[test]
fn who_is_on_hold_is_neither_sent_to_nor_listened_to() {
    let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcmu));
    let mut held = remote(Codec::Pcmu);
    held.send = false;
    b.set_remote(at(0), held.clone());
    let out = pass(&mut a, &mut b, at(0), &packet(0, 1, &[1; 160]));
    assert_eq!(out, Err(DropReason::Unsendable));
    held.receive = false;
    b.set_remote(at(0), held);
    let refused = b.receive(at(1), far_end(), &mut packet(0, 1, &[1; 160]));
    assert_eq!(refused, Err(DropReason::NotWanted));
    // Back again: the numbers missed meanwhile are no loss.
    b.receive(at(1), far_end(), &mut packet(0, 2, &[1; 160]))
        .unwrap_err();
    b.set_remote(at(2), remote(Codec::Pcmu));
    for n in [900, 901] {
        b.receive(at(3), far_end(), &mut packet(0, n, &[1; 160]))
            .unwrap();
    }
    b.handle_timeout(at(1000));
    let lost = events(&mut b).into_iter().find_map(|event| match event {
        SessionEvent::Quality { lost, received, .. } => Some((received, lost)),
        _ => None,
    });
    assert_eq!(lost, Some((2, 0)));
}

#[test]
fn nothing_goes_to_an_address_that_is_nowhere() {
    let mut a = started(Codec::Pcmu);
    let mut hold = remote(Codec::Pcmu);
    hold.rtp = SocketAddr::from(([0, 0, 0, 0], 4000));
    a.set_remote(at(0), hold);
    assert!(!a.needs_wheel());
    assert_eq!(a.tick(at(0), 0, None, &mut [0; PACKET_LEN]), None);
}

#[test]
fn a_playlist_covers_the_bridge_and_gives_it_back() {
    let mut bank = SoundBank::new();
    bank.add_pcm("beep", &[3000; 320]);
    let playlist = Playlist {
        items: vec![PlayItem::Sound("beep".into())],
        barge_in: false,
        repeat: false,
    };
    let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcma));
    let talk = |a: &mut _, b: &mut _, n: u16| {
        let out = pass(a, b, at(n.into()), &packet(0, n, &[1; 160])).unwrap();
        out.map(|out| parsed(&out).0)
    };
    let before = talk(&mut a, &mut b, 1).unwrap();
    b.play(Player::new(PlayId(3), &playlist, &bank).unwrap());
    assert!(b.needs_wheel());
    assert_eq!(talk(&mut a, &mut b, 2), None);
    let mut out = [0; PACKET_LEN];
    let mut beeps = Vec::new();
    for tick in [2, 3] {
        assert_eq!(b.tick(at(tick), tick.into(), None, &mut out), Some(172));
        let (header, payload) = parsed(&out[..172]);
        assert_eq!(payload, [Law::A.encode(3000); 160]);
        beeps.push(header);
    }
    assert_eq!(
        events(&mut b),
        [SessionEvent::PlaybackEnded(PlayId(3), PlayEnd::Finished)]
    );
    assert!(!b.needs_wheel());
    let after = talk(&mut a, &mut b, 4).unwrap();
    let all = [before, beeps[0], beeps[1], after];
    assert_eq!(all.map(|header| header.sequence), [1000, 1001, 1002, 1003]);
    assert_eq!(all.map(|header| header.marker), [true, true, false, true]);
    let times = all.map(|header| header.time.since(before.time));
    assert_eq!(times, [0, 160, 320, 480]);
}

#[test]
fn every_playing_ends_once() {
    let playlist = |barge_in, repeat| Playlist {
        items: vec![PlayItem::Silence(Duration::from_secs(1))],
        barge_in,
        repeat,
    };
    let player = |id, barge_in, repeat| {
        Player::new(PlayId(id), &playlist(barge_in, repeat), &SoundBank::new()).unwrap()
    };
    let mut a = started(Codec::Pcmu);
    a.play(player(1, false, true));
    a.play(player(2, true, true));
    a.receive(at(1), far_end(), &mut packet(96, 1, &[5, 10, 0, 160]))
        .unwrap();
    a.stop_play();
    a.play(player(3, false, false));
    a.receive(at(9), far_end(), &mut packet(96, 9, &[6, 10, 0, 160]))
        .unwrap();
    a.stop_play();
    a.stop_play();
    let empty = Playlist {
        items: Vec::new(),
        barge_in: false,
        repeat: false,
    };
    a.play(Player::new(PlayId(4), &empty, &SoundBank::new()).unwrap());
    a.play(player(5, false, true));
    a.end(at(10), &mut [0; 128]);
    let ended: Vec<_> = events(&mut a)
        .into_iter()
        .filter_map(|event| match event {
            SessionEvent::PlaybackEnded(PlayId(id), end) => Some((id, end)),
            _ => None,
        })
        .collect();
    let expected = [
        (1, PlayEnd::Stopped),
        (2, PlayEnd::BargeIn),
        (3, PlayEnd::Stopped),
        (4, PlayEnd::Finished),
        (5, PlayEnd::Stopped),
    ];
    assert_eq!(ended, expected);
}

#[test]
fn a_playlist_waits_for_somebody_to_play_to() {
    let mut bank = SoundBank::new();
    bank.add_pcm("beep", &[3000; 160]);
    let playlist = Playlist {
        items: vec![PlayItem::Sound("beep".into())],
        barge_in: false,
        repeat: false,
    };
    let mut a = session();
    a.play(Player::new(PlayId(1), &playlist, &bank).unwrap());
    assert!(!a.needs_wheel());
    assert_eq!(a.tick(at(0), 0, None, &mut [0; PACKET_LEN]), None);
    a.set_remote(at(1), remote(Codec::Pcmu)).unwrap();
    assert!(a.needs_wheel());
    assert!(a.tick(at(1), 1, None, &mut [0; PACKET_LEN]).is_some());
}

#[test]
fn digits_cover_everything_and_then_music_goes_on() {
    let mut a = started(Codec::Pcmu);
    let sounds = [Arc::new(Sound::encode(&[2000; 1600]))];
    let program = Program::looped(&sounds, MusicOrder::Linear);
    let music = Arc::new(MusicClass::new("default", program));
    a.set_background(Background::Music(music));
    let mut out = [0; PACKET_LEN];
    a.tick(at(0), 0, None, &mut out);
    let before = parsed(&out[..172]).0;
    assert!(a.send_digits("12".chars()));
    let mut lengths = Vec::new();
    let mut last = before;
    for tick in 1..=21 {
        let length = a.tick(at(tick), tick.into(), None, &mut out);
        lengths.push(length.unwrap_or(0));
        if let Some(length) = length {
            let header = parsed(&out[..length]).0;
            assert_eq!(header.sequence, last.sequence + 1);
            last = header;
        }
    }
    let one = [16, 16, 16, 16, 16, 16, 16, 0, 0, 0];
    assert_eq!(lengths[..10], one);
    assert_eq!(lengths[10..20], one);
    assert_eq!(lengths[20], 172);
    assert!(last.marker);
    assert_eq!(last.time.since(before.time), 21 * 160);
    assert!(!session().send_digits("1".chars()));
}

#[test]
fn silence_of_the_far_end_is_told_once_until_it_speaks_again() {
    let mut a = started(Codec::Pcmu);
    let told = |a: &mut MediaSession, seconds: u64| {
        a.handle_timeout(epoch() + Duration::from_secs(seconds));
        events(a).contains(&SessionEvent::RtpTimeout)
    };
    assert!(!told(&mut a, 9));
    assert!(told(&mut a, 10));
    assert!(!told(&mut a, 100));
    let now = epoch() + Duration::from_secs(100);
    a.receive(now, far_end(), &mut packet(0, 1, &[1; 160]))
        .unwrap();
    assert!(!told(&mut a, 109));
    assert!(told(&mut a, 110));
    // On hold it may be silent for ever.
    let mut held = remote(Codec::Pcmu);
    held.receive = false;
    a.set_remote(epoch() + Duration::from_secs(110), held);
    assert!(!told(&mut a, 1000));
    a.set_remote(epoch() + Duration::from_secs(1000), remote(Codec::Pcmu));
    assert!(!told(&mut a, 1009));
    assert!(told(&mut a, 1010));
}

#[test]
fn what_is_of_no_use_is_refused_for_its_reason() {
    let mut a = session();
    let good = packet(0, 1, &[1; 160]);
    assert_eq!(
        a.receive(at(0), far_end(), &mut good.clone()),
        Err(DropReason::NotWanted)
    );
    let mut a = started(Codec::Pcmu);
    let mut refused = |datagram: &[u8]| {
        a.receive(at(0), far_end(), &mut datagram.to_vec())
            .unwrap_err()
    };
    assert_eq!(refused(&[]), DropReason::Malformed);
    assert_eq!(refused(b"OPTIONS sip:x SIP/2.0"), DropReason::Malformed);
    assert_eq!(
        refused(&packet(31, 1, &[1; 160])),
        DropReason::UnknownPayload
    );
    assert_eq!(refused(&packet(96, 1, &[1, 2])), DropReason::Malformed);
    a.receive(at(0), far_end(), &mut good.clone()).unwrap();
    let mut refused = |from: SocketAddr, datagram: &[u8]| {
        a.receive(at(0), from, &mut datagram.to_vec()).unwrap_err()
    };
    assert_eq!(refused(far_end(), &good), DropReason::Late);
    let stranger = SocketAddr::from(([203, 0, 113, 1], 9));
    assert_eq!(
        refused(stranger, &packet(0, 2, &[1; 160])),
        DropReason::Stranger
    );
}

#[test]
fn comfort_noise_and_empty_packets_are_signs_of_life_only() {
    let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcmu));
    pass(&mut a, &mut b, at(0), &packet(0, 1, &[1; 160])).unwrap();
    for (n, sent) in [(2, packet(13, 2, &[70])), (3, packet(0, 3, &[]))] {
        assert_eq!(pass(&mut a, &mut b, at(n), &sent), Ok(None));
    }
    let out = pass(&mut a, &mut b, at(4), &packet(0, 4, &[1; 160]));
    assert_eq!(parsed(&out.unwrap().unwrap()).0.sequence, 1001);
}

#[test]
fn comfort_noise_is_passed_on_to_a_far_end_that_takes_it() {
    let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcmu));
    let takes_noise = RemoteMedia {
        comfort_noise: Some(13),
        ..remote(Codec::Pcmu)
    };
    assert_eq!(b.set_remote(epoch(), takes_noise), Some(false));
    pass(&mut a, &mut b, at(0), &packet(0, 1, &[1; 160])).unwrap();
    let noise = pass(&mut a, &mut b, at(1), &packet(13, 2, &[70, 100])).unwrap();
    let (header, payload) = parsed(&noise.unwrap());
    assert_eq!((header.payload_type, header.sequence), (13, 1001));
    assert_eq!(header.time, RtpTime(90_160));
    assert_eq!(payload, [70, 100]);
    let out = pass(&mut a, &mut b, at(60), &packet(0, 62, &[1; 160]));
    let (header, _) = parsed(&out.unwrap().unwrap());
    assert_eq!(header.time, RtpTime(90_000 + 61 * 160));
}

#[test]
fn silence_that_we_encode_is_described_to_a_far_end_that_takes_comfort_noise() {
    for (takes, packets) in [(None, 150), (Some(13), 40)] {
        let mut session = bridged(Codec::Pcmu);
        let media = RemoteMedia {
            comfort_noise: takes,
            ..remote(Codec::Pcmu)
        };
        assert_eq!(session.set_remote(epoch(), media), Some(false));
        let voice = crate::dsp::tone::sine(400.0, 160, 8000.0);
        let (mut sent, mut noises) = (0, 0);
        for tick in 0..150 {
            // Half a second of speech, then silence.
            let pcm = if tick < 25 { &voice[..] } else { &[1; 160] };
            let spoken = Spoken {
                rate: crate::time::Rate::Narrow,
                pcm,
                heard: jitter::Heard::Audio,
            };
            let mut out = [0; PACKET_LEN];
            let now = at(u32::try_from(tick).unwrap());
            if let Some(length) = session.tick(now, tick, Some(spoken), &mut out) {
                sent += 1;
                let (header, payload) = parsed(&out[..length]);
                noises += usize::from(header.payload_type == 13 && payload[0] >= 80);
            }
        }
        assert!(
            sent <= packets && (takes.is_some() || sent == packets),
            "{sent}"
        );
        assert_eq!(noises > 0, takes.is_some());
    }
}

#[test]
fn reports_go_where_the_far_end_is() {
    let mut a = started(Codec::Pcmu);
    let mut buffer = [0; 128];
    let later = epoch() + Duration::from_secs(8);
    let (length, to) = a.poll_report(later, &mut buffer).unwrap();
    assert_eq!(to.port(), 4001);
    assert!(Compound::parse(&buffer[..length]).is_ok());
    assert_eq!(a.poll_report(later, &mut buffer), None);
    // Behind a NAT: RTP comes from elsewhere, and then so does RTCP.
    let nat = |port| SocketAddr::from(([198, 51, 100, 1], port));
    for n in 0..4 {
        a.receive(later, nat(777), &mut packet(0, n, &[1; 160]))
            .ok();
    }
    assert_eq!(a.destination(), Some(nat(777)));
    let later = later + Duration::from_secs(8);
    assert_eq!(a.poll_report(later, &mut buffer).unwrap().1, nat(778));
    let mut writer = CompoundWriter::new(&mut buffer);
    writer.report(0xBBBB, None, None);
    let length = writer.finish();
    let report = buffer[..length].to_vec();
    let stranger = SocketAddr::from(([203, 0, 113, 1], 5));
    let refused = a.receive_rtcp(later, stranger, &mut report.clone());
    assert_eq!(refused, Err(DropReason::Stranger));
    a.receive_rtcp(later, nat(999), &mut report.clone())
        .unwrap();
    assert_eq!(a.end(later, &mut buffer).unwrap().1, nat(999));
    assert_eq!(a.end(later, &mut buffer), None);
}

/// RFC 3550 section 6.3.7.
#[test]
fn who_never_sent_anything_says_no_goodbye() {
    let mut buffer = [0; 128];
    let mut silent = started(Codec::Pcmu);
    assert_eq!(silent.end(at(1), &mut buffer), None);
    assert!(events(&mut silent).is_empty(), "and has no figures");
    let mut heard = started(Codec::Pcmu);
    heard
        .receive(at(1), far_end(), &mut packet(0, 1, &[1; 160]))
        .unwrap();
    assert_eq!(heard.end(at(2), &mut buffer), None);
    let figures = events(&mut heard);
    assert!(
        matches!(figures[..], [_, SessionEvent::Quality { received: 1, .. }]),
        "{figures:?}"
    );
    let mut spoke = started(Codec::Pcmu);
    spoke.poll_report(at(8000), &mut buffer).unwrap();
    assert!(spoke.end(at(8001), &mut buffer).is_some());
}

#[test]
fn a_session_bridged_before_its_far_end_is_known_sends_nothing() {
    let mut a = started(Codec::Pcmu);
    let mut b = session();
    b.set_background(Background::Bridge);
    let out = pass(&mut a, &mut b, at(0), &packet(0, 1, &[1; 160]));
    assert_eq!(out, Err(DropReason::Unsendable));
}

#[test]
fn a_tone_starts_at_its_beginning_for_each_listener() {
    let mut bank = SoundBank::new();
    let mut pcm = vec![4000; 160];
    pcm.extend([0; 160]);
    bank.set_music_pcm("moh", &pcm);
    bank.add_tone(
        "beep".into(),
        &crate::dsp::tone::Tone::continuous(&[1000.0]),
    );
    let tone = Background::find(&Source::Tone("beep".into()), &bank).unwrap();
    let mut first = Vec::new();
    for tick in [7, 20] {
        let mut a = started(Codec::Pcmu);
        a.set_background(tone.clone());
        let mut out = [0; PACKET_LEN];
        a.tick(at(tick), tick.into(), None, &mut out).unwrap();
        first.push(parsed(&out[..172]).1);
    }
    assert_eq!(first[0], first[1]);
}

proptest! {
    #[test]
    fn any_bytes_on_the_rtp_port_are_harmless(datagrams in proptest::collection::vec(any::<Vec<u8>>(), 1..20), plausible: bool) {
        let (mut a, mut b) = (started(Codec::Pcmu), bridged(Codec::Pcma));
        for (n, mut datagram) in (0..).zip(datagrams) {
            if plausible && datagram.len() > 2 {
                datagram[0] = 0x80 | (datagram[0] & 0x3F);
                datagram[1] = [0, 8, 96, 13][usize::from(datagram[1] % 4)];
            }
            if let Ok(Some(out)) = pass(&mut a, &mut b, at(n), &datagram) {
                prop_assert!(out.len() <= datagram.len());
                prop_assert_eq!(parsed(&out).0.ssrc, 0xAAAA);
            }
        }
    }

    #[test]
    fn any_bytes_on_the_rtcp_port_are_harmless(datagram: Vec<u8>) {
        let mut a = started(Codec::Pcmu);
        a.receive_rtcp(at(0), far_end(), &mut datagram.clone()).ok();
        a.handle_timeout(at(9));
    }
}
