//! Far ends that speak another of the codecs their answer named than the one we send.

use super::pair::{Pair, Phone};
use super::*;
use crate::time::Rate;

const SECOND: Duration = Duration::from_secs(1);

/// What is said to a leg whose far end is sent the first, and has named all of these.
fn named(codecs: &[Codec]) -> RemoteMedia {
    let mut media = RemoteMedia::new(far_end(), codecs[0]).with_events(101);
    for (place, &codec) in media.also.iter_mut().zip(&codecs[1..]) {
        *place = Some((codec, codec.payload_type()));
    }
    media
}

/// A far end that has named all of these speaks `spoken` to somebody silent who has `heard`.
fn speaking(codecs: &[Codec], spoken: Codec, heard: Codec) -> Pair {
    let mut pair = Pair::new(Phone::new(spoken, 20, 440.0), Phone::new(heard, 20, 660.0));
    pair.phones[1].talks = false;
    let now = pair.now();
    pair.legs[0].set_remote(now, named(codecs)).unwrap();
    pair.fit();
    pair
}

/// Another of its codecs from the next packet on.
fn goes_over(pair: &mut Pair, to: Codec) {
    let before = &pair.phones[0];
    let (ssrc, sequence) = (before.ssrc, before.sequence);
    let mut after = Phone::new(to, 20, 440.0);
    (after.ssrc, after.sequence) = (ssrc, sequence);
    pair.phones[0] = after;
}

fn is_heard(pair: &Pair, after: Duration) {
    let (share, level) = pair.phones[1].tone(440.0, after);
    let spoken = pair.phones[0].codec;
    assert!(share > 0.88, "{spoken}: {share}");
    assert!(level.abs() < 2.5, "{spoken}: {level} dB");
}

#[test]
fn whatever_a_far_end_has_named_is_heard_from_its_first_packet_on() {
    const ALL: [Codec; 6] = [
        Codec::Pcmu,
        Codec::Pcma,
        Codec::G722,
        Codec::L16Wide,
        Codec::L16Narrow,
        Codec::Opus,
    ];
    for sent in ALL {
        for spoken in ALL {
            for heard in [Codec::Pcma, Codec::G722, Codec::Opus] {
                let others = ALL.into_iter().filter(|&codec| codec != sent);
                let codecs: Vec<_> = [sent].into_iter().chain(others).collect();
                let mut pair = speaking(&codecs, spoken, heard);
                pair.run(SECOND);
                is_heard(&pair, Duration::from_millis(300));
                let relayed = pair.legs[1].linked() == Link::Relay;
                let laws = [Codec::Pcmu, Codec::Pcma].contains(&spoken) && heard == Codec::Pcma;
                assert_eq!(relayed, spoken == heard || laws, "{spoken} to {heard}");
            }
        }
    }
}

#[test]
fn a_far_end_may_go_over_to_another_of_its_codecs_and_back() {
    use Codec::{G722, Opus, Pcma};
    let mut pair = speaking(&[Pcma, G722, Opus], Pcma, Pcma);
    for to in [G722, Opus, Pcma, Opus, G722, Pcma] {
        pair.run(SECOND);
        is_heard(&pair, Duration::from_millis(300));
        pair.phones[1].heard.clear();
        goes_over(&mut pair, to);
        pair.run(SECOND / 2);
        pair.phones[1].heard.clear();
    }
    let source = pair.legs[0].source.as_ref().unwrap();
    let reception = source.reception();
    assert_eq!(reception.lost, 0);
    assert!(reception.jitter < 80, "{}", reception.jitter);
}

#[test]
fn a_packet_of_another_codec_now_and_then_changes_nothing() {
    let mut pair = speaking(&[Codec::Pcma, Codec::G722], Codec::Pcma, Codec::Pcma);
    pair.run(SECOND);
    pair.told[0].clear();
    for _ in 0..20 {
        for _ in 0..2 {
            let stray = pair.phones[0].packet(9, &[0x5A; 160]);
            pair.deliver(0, stray);
        }
        pair.run(Duration::from_millis(20));
    }
    assert_eq!(pair.legs[1].linked(), Link::Relay);
    assert_eq!(pair.legs[0].coders().decoders, 0);
    assert!(!pair.told[0].contains(&SessionEvent::Repacked));
}

#[test]
fn a_description_that_names_what_is_spoken_leaves_it_so_and_another_does_not() {
    use Codec::{G722, Opus, Pcma};
    let mut pair = speaking(&[Pcma, Opus], Opus, G722);
    pair.run(SECOND);
    assert_eq!(pair.legs[1].linked(), Link::Transcode(Rate::Wide));
    let now = pair.now();
    pair.legs[0].set_remote(now, named(&[Pcma, Opus])).unwrap();
    pair.phones[1].heard.clear();
    pair.run(SECOND);
    is_heard(&pair, Duration::ZERO);
    let now = pair.now();
    pair.legs[0].set_remote(now, named(&[Pcma])).unwrap();
    goes_over(&mut pair, Pcma);
    pair.run(SECOND / 2);
    pair.phones[1].heard.clear();
    pair.run(SECOND);
    is_heard(&pair, Duration::ZERO);
    // What it has not named is not understood.
    let stranger = pair.phones[0].packet(9, &[0x5A; 160]);
    let now = pair.now();
    let refused = pair.legs[0].receive(now, far_end(), &mut stranger.clone());
    assert_eq!(refused, Err(DropReason::UnknownPayload));
}

#[test]
fn a_key_sung_in_one_codec_is_let_go_when_another_begins() {
    let mut leg = session();
    let mut media = named(&[Codec::Pcma, Codec::G722]);
    media.keys_in_band = KeysInBand::Detected;
    leg.set_remote(epoch(), media).unwrap();
    let mut tone = [0; 1600];
    let levels = crate::dsp::dtmf::USUAL_LEVELS;
    let sung = crate::dsp::dtmf::DtmfTone::new('5', 8000, levels);
    sung.unwrap().fill(&mut tone);
    for (number, pcm) in (0..).zip(tone.chunks(160)) {
        let payload: Vec<_> = pcm.iter().map(|&s| crate::codec::alaw_encode(s)).collect();
        let mut packet = packet(8, number, &payload);
        leg.receive(at(number.into()), far_end(), &mut packet)
            .unwrap();
    }
    for number in 10..13 {
        let mut packet = packet(9, number, &[0; 160]);
        leg.receive(at(number.into()), far_end(), &mut packet)
            .unwrap();
    }
    let told = events(&mut leg);
    let keys = |event: &&SessionEvent| {
        matches!(event, SessionEvent::Pressed(..) | SessionEvent::Released(_))
    };
    assert_eq!(
        told.iter().filter(keys).collect::<Vec<_>>(),
        [
            &SessionEvent::Pressed('5', KeySource::Tone),
            &SessionEvent::Released(KeySource::Tone)
        ]
    );
}
