//! Which codec, with which events and noise, in how long packets.

use std::time::Duration;

use super::*;

/// RFC 7587 section 7: mono is all we send, and an offer of stereo is answered so.
#[test]
fn rfc7587_a_stereo_offer_is_answered_mono() {
    let mut leg = speaking(&[Codec::Opus]);
    let offer = audio(
        "96",
        &[
            "a=rtpmap:96 opus/48000/2",
            "a=fmtp:96 stereo=1;sprop-stereo=1",
        ],
    );
    let (sdp, agreed) = answer(&mut leg, &offer);
    assert!(
        sdp.contains("a=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=0\r\n"),
        "{sdp}"
    );
    assert_eq!(agreed.codec, Codec::Opus);
    assert!(
        agreed.opus.wants(OpusWish::Stereo),
        "what the peer would like is known"
    );
}

/// RFC 7587 section 6.1.
#[test]
fn rfc7587_what_the_peer_wants_of_opus_is_known_and_what_we_want_is_said() {
    let mut local = g711("192.0.2.1:20000", 1).with_codecs(Codec::ALL);
    local.opus = OpusParameters::default().wanting(OpusWish::InBandFec);
    local.opus.max_average_bitrate = Some(24_000);
    let (sdp, agreed) = answer(&mut MediaNegotiation::new(local), WIDEBAND);
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Opus, 107));
    assert_eq!(agreed.opus.max_playback_rate, 16_000);
    assert_eq!(agreed.opus.max_average_bitrate, Some(20_000));
    assert!(agreed.opus.wants(OpusWish::InBandFec) && agreed.opus.wants(OpusWish::Dtx));
    assert!(
        sdp.contains("a=fmtp:107 maxaveragebitrate=24000;stereo=0;useinbandfec=1\r\n"),
        "{sdp}"
    );
}

#[test]
fn a_peer_whose_words_only_narrow_ears_hear_is_asked_for_no_more() {
    let mut leg = speaking(Codec::ALL);
    leg.receive_offer(WIDEBAND.as_bytes()).unwrap();
    let wish = MediaWish::TALK.heard_up_to(8000);
    let sdp = text(&leg.create_answer(wish).unwrap().sdp);
    assert!(sdp.contains("a=fmtp:107 maxplaybackrate=8000;sprop-maxcapturerate=8000;stereo=0\r\n"));
    let sdp = text(&leg.create_offer(MediaWish::TALK).unwrap());
    assert!(sdp.contains("a=fmtp:107 stereo=0\r\n"), "{sdp}");
}

#[test]
fn a_first_offer_of_everything_lists_events_at_every_clock_rate() {
    let mut local = g711("192.0.2.1:20000", 1).with_codecs(Codec::ALL);
    local.comfort_noise = true;
    let sdp = text(
        &MediaNegotiation::new(local)
            .create_offer(MediaWish::TALK)
            .unwrap(),
    );
    assert_eq!(
        media_lines(&sdp),
        [
            "m=audio 20000 RTP/AVP 111 9 0 8 118 119 13 105 110 101 102",
            "a=rtpmap:111 opus/48000/2",
            "a=fmtp:111 stereo=0",
            "a=rtpmap:9 G722/8000",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:118 L16/16000",
            "a=rtpmap:119 L16/8000",
            "a=rtpmap:13 CN/8000",
            "a=rtpmap:105 CN/16000",
            "a=rtpmap:110 telephone-event/48000",
            "a=fmtp:110 0-16",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-16",
            "a=rtpmap:102 telephone-event/16000",
            "a=fmtp:102 0-16",
            "a=ptime:20",
            "a=maxptime:60",
            "a=sendrecv",
        ]
    );
}

/// RFC 4733 section 2.1: events share the clock of the audio they stand between.
#[test]
fn rfc4733_events_go_at_the_clock_of_the_codec_and_the_others_are_known() {
    for (codec, number, rate, other) in [
        (Codec::Opus, 100, 48_000, (101, 8000)),
        (Codec::G722, 101, 8000, (100, 48_000)),
        (Codec::Pcmu, 101, 8000, (100, 48_000)),
        (Codec::L16Wide, 102, 16_000, (100, 48_000)),
    ] {
        let (sdp, agreed) = answer(&mut speaking(&[codec]), WIDEBAND);
        assert_eq!(agreed.codec, codec);
        assert_eq!(agreed.telephone_event, Some(number));
        assert_eq!(agreed.receive_telephone_event, Some(number));
        assert_eq!(agreed.telephone_event_rate, rate);
        assert_eq!(agreed.other_telephone_event, Some(other));
        let lists = sdp.matches("telephone-event").count();
        assert_eq!(lists, 1, "{sdp}");
    }
}

#[test]
fn a_peer_that_has_events_at_8000_hz_only_gets_them_so_beside_opus() {
    let offer = audio(
        "96 99",
        &[
            "a=rtpmap:96 opus/48000/2",
            "a=rtpmap:99 telephone-event/8000",
        ],
    );
    let (sdp, agreed) = answer(&mut speaking(&[Codec::Opus]), &offer);
    assert!(sdp.contains("m=audio 20000 RTP/AVP 96 99\r\n"), "{sdp}");
    assert_eq!(agreed.telephone_event, Some(99));
    assert_eq!(agreed.telephone_event_rate, 8000);

    let mut leg = speaking(&[Codec::Opus, Codec::Pcmu]);
    leg.create_offer(MediaWish::TALK).unwrap();
    let agreed = leg.receive_answer(offer.as_bytes()).unwrap();
    assert_eq!(
        (agreed.payload_type, agreed.receive_payload_type),
        (96, 111)
    );
    assert_eq!(
        (agreed.telephone_event, agreed.receive_telephone_event),
        (Some(99), Some(101))
    );
    assert_eq!(agreed.telephone_event_rate, 8000);
    assert_eq!(agreed.other_telephone_event, Some((110, 48_000)));
}

/// RFC 3389 section 4: 13 at 8000 Hz, else dynamic; only where both list it.
#[test]
fn rfc3389_comfort_noise_needs_both_sides_and_the_codecs_clock() {
    let listing = |codec| {
        let mut local = g711("192.0.2.1:20000", 1).with_codecs(&[codec]);
        local.comfort_noise = true;
        MediaNegotiation::new(local)
    };
    for (codec, number) in [
        (Codec::Pcmu, Some(13)),
        (Codec::G722, Some(13)),
        (Codec::L16Wide, Some(105)),
        (Codec::Opus, None),
    ] {
        let (sdp, agreed) = answer(&mut listing(codec), WIDEBAND);
        assert_eq!(agreed.comfort_noise, number, "{sdp}");
        assert_eq!(agreed.receive_comfort_noise, number);
        assert_eq!(sdp.contains(" CN/"), number.is_some(), "{sdp}");
    }
    let (sdp, agreed) = answer(&mut ours(), WIDEBAND);
    assert_eq!(agreed.comfort_noise, None);
    assert!(!sdp.contains("CN"), "{sdp}");
    let (_, agreed) = answer(&mut listing(Codec::Pcmu), SIPP);
    assert_eq!(agreed.comfort_noise, None);
    // Without a map, 13 is comfort noise all the same.
    let (_, agreed) = answer(&mut listing(Codec::Pcmu), &audio("0 13", &[]));
    assert_eq!(agreed.comfort_noise, Some(13));

    let mut leg = listing(Codec::L16Wide);
    leg.create_offer(MediaWish::TALK).unwrap();
    let maps = ["a=rtpmap:96 L16/16000", "a=rtpmap:97 CN/16000"];
    let agreed = leg
        .receive_answer(audio("96 97", &maps).as_bytes())
        .unwrap();
    assert_eq!(
        (agreed.comfort_noise, agreed.receive_comfort_noise),
        (Some(97), Some(105))
    );
}

/// RFC 3551 section 4.5.2: the clock of G.722 is 8000 Hz, in error and for good.
#[test]
fn rfc3551_g722_counts_8000_ticks_a_second_with_or_without_its_map() {
    for offer in [audio("9", &[]), audio("9", &["a=rtpmap:9 G722/8000/1"])] {
        let (sdp, agreed) = answer(&mut speaking(&[Codec::G722]), &offer);
        assert_eq!((agreed.codec, agreed.payload_type), (Codec::G722, 9));
        assert!(sdp.contains("a=rtpmap:9 G722/8000\r\n"), "{sdp}");
    }
    let wrong = audio("9", &["a=rtpmap:9 G722/16000"]);
    let error = speaking(&[Codec::G722]).receive_offer(wrong.as_bytes());
    assert_eq!(error, Err(SdpError::NoCommonCodec));
}

/// RFC 8866 section 6.4: a packet of ours is as long as the peer asks, within its most and ours.
#[test]
fn packets_are_as_long_as_the_codec_can_be_cut() {
    let cases = [
        (Codec::Opus, "a=ptime:30", 20),
        (Codec::Opus, "a=ptime:50", 40),
        (Codec::Opus, "a=ptime:60", 60),
        (Codec::Opus, "a=ptime:10", 10),
        (Codec::L16Wide, "a=ptime:60", 40),
        (Codec::G722, "a=ptime:60", 60),
        (Codec::G722, "a=ptime:9999", 60),
        (Codec::Pcmu, "a=maxptime:9999", 20),
        (Codec::Pcmu, "a=maxptime:0", 20),
    ];
    for (codec, attribute, expected) in cases {
        let map = match codec {
            Codec::Opus => "a=rtpmap:96 opus/48000/2",
            Codec::L16Wide => "a=rtpmap:96 L16/16000",
            Codec::G722 => "a=rtpmap:96 G722/8000",
            Codec::Pcmu | Codec::Pcma | Codec::L16Narrow => "a=rtpmap:96 PCMU/8000",
        };
        let (sdp, agreed) = answer(&mut speaking(&[codec]), &audio("96", &[map, attribute]));
        assert_eq!(
            agreed.ptime,
            Duration::from_millis(expected),
            "{codec} {attribute}"
        );
        assert!(sdp.contains(&format!("a=ptime:{expected}\r\n")), "{sdp}");
    }
}

#[test]
fn we_send_as_the_peer_asks_and_ask_for_no_more_than_is_configured() {
    let mut local = g711("192.0.2.1:20000", 1);
    local.max_ptime = Duration::from_millis(30);
    let mut leg = MediaNegotiation::new(local);
    let (sdp, agreed) = answer(&mut leg, &audio("0", &["a=ptime:60", "a=maxptime:80"]));
    assert_eq!(agreed.ptime, Duration::from_millis(60));
    assert_eq!(agreed.max_ptime, Some(Duration::from_millis(80)));
    assert!(sdp.contains("a=ptime:30\r\na=maxptime:30\r\n"), "{sdp}");
}

#[test]
fn odd_formats_and_parameters_cost_no_call() {
    let lines = [
        "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:96 PCMA/8000",
        "a=fmtp:96",
        "a=fmtp:",
        "a=fmtp:96 =;=;;maxplaybackrate=;stereo",
        "a=fmtp:200 stereo=1",
        "a=rtpmap:97 opus/48000/99999",
        "a=rtpmap:98 CN/44100",
        "a=rtpmap:99 telephone-event/44100",
    ];
    let offer = audio("200 96 96 -1 x 97 98 99 128 0", &lines);
    let (sdp, agreed) = answer(&mut speaking(&[Codec::Opus, Codec::Pcmu]), &offer);
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Opus, 96));
    assert_eq!(agreed.opus, OpusParameters::default());
    assert_eq!(agreed.telephone_event, None);
    assert!(sdp.contains("m=audio 20000 RTP/AVP 96\r\n"), "{sdp}");
}

/// RFC 3264 section 8.3.2: a number keeps its meaning.
#[test]
fn rfc3264_8_3_2_our_later_offers_use_the_numbers_of_the_peers_earlier_ones() {
    let mut leg = speaking(Codec::ALL);
    answer(&mut leg, WIDEBAND);
    let sdp = text(&leg.create_offer(MediaWish::TALK).unwrap());
    assert!(
        sdp.contains("m=audio 20000 RTP/AVP 107 9 0 8 117 118 100 101 102\r\n"),
        "{sdp}"
    );
}

#[test]
fn an_answer_takes_away_nothing_of_what_the_peer_once_offered() {
    let mut leg = speaking(&[Codec::Pcmu, Codec::Pcma, Codec::G722]);
    leg.receive_offer(audio("9 0 8", &[]).as_bytes()).unwrap();
    leg.create_answer(MediaWish::TALK).unwrap();
    leg.create_offer(MediaWish::TALK.insisting_on(Codec::Pcma))
        .unwrap();
    leg.receive_answer(audio("8", &[]).as_bytes()).unwrap();
    let known = [Codec::Pcma, Codec::G722, Codec::Pcmu];
    assert_eq!(leg.spoken_by_peer(), known);
    leg.receive_offer(audio("8 0", &[]).as_bytes()).unwrap();
    leg.create_answer(MediaWish::TALK).unwrap();
    assert_eq!(leg.spoken_by_peer(), [Codec::Pcma, Codec::Pcmu]);
}

#[test]
fn events_at_8000_hz_are_offered_beside_opus_alone() {
    let mut leg = speaking(&[Codec::Opus, Codec::Pcmu]);
    let wish = MediaWish::TALK.insisting_on(Codec::Opus);
    let offer = text(&leg.create_offer(wish).unwrap());
    assert!(
        offer.contains("m=audio 20000 RTP/AVP 111 110 101\r\n"),
        "{offer}"
    );
    let rows = [
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:101 telephone-event/8000",
    ];
    let agreed = leg.receive_answer(audio("111 101", &rows).as_bytes());
    let agreed = agreed.unwrap();
    assert_eq!(agreed.telephone_event, Some(101));
    assert_eq!(agreed.receive_telephone_event, Some(101));
    assert_eq!(agreed.telephone_event_rate, 8000);
}
