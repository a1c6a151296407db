//! Answering offers.

use std::time::Duration;

use super::*;

/// RFC 3264 section 10.1.
#[test]
fn rfc3264_10_1_takes_audio_and_refuses_both_videos_in_order() {
    let (sdp, agreed) = answer(&mut ours(), RFC3264_10_1);
    assert_eq!(
        sdp,
        "v=0\r\n\
         o=- 4711 1 IN IP4 192.0.2.1\r\n\
         s=-\r\n\
         c=IN IP4 192.0.2.1\r\n\
         t=0 0\r\n\
         m=audio 20000 RTP/AVP 0\r\n\
         a=rtpmap:0 PCMU/8000\r\n\
         a=ptime:20\r\n\
         a=maxptime:60\r\n\
         a=sendrecv\r\n\
         m=video 0 RTP/AVP 31\r\n\
         m=video 0 RTP/AVP 32\r\n"
    );
    assert_eq!(
        agreed,
        Negotiated {
            remote_rtp: addr("192.0.2.10:49170"),
            remote_rtcp: addr("192.0.2.10:49171"),
            codec: Codec::Pcmu,
            payload_type: 0,
            receive_payload_type: 0,
            also: Vec::new(),
            opus: OpusParameters::default(),
            telephone_event: None,
            receive_telephone_event: None,
            telephone_event_rate: 8000,
            other_telephone_event: None,
            comfort_noise: None,
            receive_comfort_noise: None,
            ptime: Duration::from_millis(20),
            max_ptime: None,
            direction: Direction::SendRecv,
            held_by_remote: false,
            srtp: None,
        }
    );
}

#[test]
fn rfc3264_10_2_is_answered_inactive() {
    let (sdp, agreed) = answer(&mut ours(), RFC3264_10_2);
    assert!(sdp.ends_with("a=inactive\r\n"), "{sdp}");
    assert_eq!(agreed.direction, Direction::Inactive);
    assert!(agreed.held_by_remote);
}

#[test]
fn rfc4317_2_1_the_callers_first_codec_is_taken() {
    let (sdp, agreed) = answer(&mut ours(), RFC4317_2_1);
    assert_eq!(agreed.codec, Codec::Pcmu);
    assert_eq!(
        media_lines(&sdp),
        [
            "m=audio 20000 RTP/AVP 0",
            "a=rtpmap:0 PCMU/8000",
            "a=ptime:20",
            "a=maxptime:60",
            "a=sendrecv",
            "m=video 0 RTP/AVP 31 32"
        ]
    );
}

#[test]
fn rfc4317_2_4_telephone_events_keep_the_offered_number_and_list() {
    let (sdp, agreed) = answer(&mut ours(), RFC4317_2_4);
    assert_eq!(agreed.telephone_event, Some(98));
    assert_eq!(agreed.receive_telephone_event, Some(98));
    assert!(sdp.contains("m=audio 20000 RTP/AVP 0 98\r\n"), "{sdp}");
    assert!(sdp.contains("a=rtpmap:98 telephone-event/8000\r\na=fmtp:98 0-15\r\n"));
}

#[test]
fn rfc4317_4_1_the_first_audio_we_can_speak_is_taken() {
    let (sdp, agreed) = answer(&mut ours(), RFC4317_4_1);
    assert_eq!(agreed.remote_rtp, addr("192.0.2.10:49172"));
    assert_eq!(agreed.direction, Direction::RecvOnly);
    let lines = media_lines(&sdp);
    assert_eq!(lines[0], "m=audio 0 RTP/AVP 97");
    assert_eq!(lines[1], "m=audio 20000 RTP/AVP 0 98");
}

/// RFC 3264 section 6.1.
#[test]
fn the_callers_order_beats_ours() {
    let (_, agreed) = answer(&mut ours(), ASTERISK);
    assert_eq!(agreed.codec, Codec::Pcma);
    let local = g711("192.0.2.1:20000", 1).with_codecs(&[Codec::Pcmu]);
    let (_, agreed) = answer(&mut MediaNegotiation::new(local), ASTERISK);
    assert_eq!(agreed.codec, Codec::Pcmu);
}

#[test]
fn a_preferred_codec_is_taken_only_if_offered() {
    let mut leg = ours();
    leg.receive_offer(ASTERISK.as_bytes()).unwrap();
    let wish = MediaWish::TALK.preferring(Codec::Pcmu);
    let media = leg.create_answer(wish).unwrap().media.unwrap();
    assert_eq!(media.codec, Codec::Pcmu);

    let mut leg = ours();
    leg.receive_offer(SIPP.as_bytes()).unwrap();
    let wish = MediaWish::TALK.preferring(Codec::Pcma);
    let media = leg.create_answer(wish).unwrap().media.unwrap();
    assert_eq!(media.codec, Codec::Pcmu);
}

#[test]
fn baresip_gets_g711_and_no_rtcp_mux() {
    let (sdp, agreed) = answer(&mut ours(), BARESIP);
    assert_eq!(agreed.codec, Codec::Pcmu);
    assert_eq!(agreed.telephone_event, Some(99));
    assert_eq!(agreed.remote_rtcp, addr("192.0.2.20:10003"));
    assert!(!sdp.contains("rtcp-mux"));
}

#[test]
fn linphone_offers_feedback_and_gets_its_profile_back() {
    let (sdp, agreed) = answer(&mut ours(), LINPHONE);
    assert_eq!(agreed.remote_rtp, addr("192.0.2.31:50716"));
    assert_eq!(agreed.remote_rtcp, addr("192.0.2.32:50720"));
    assert_eq!(
        agreed.telephone_event,
        Some(102),
        "the one at our clock rate"
    );
    let lines = media_lines(&sdp);
    assert_eq!(lines[0], "m=audio 20000 RTP/AVPF 0 102");
    assert_eq!(lines.last(), Some(&"m=video 0 RTP/AVPF 96"));
    assert!(!sdp.contains("rtcp-fb"));
}

#[test]
fn a_browsers_secure_offer_is_refused_as_not_acceptable() {
    let mut leg = ours();
    let error = leg.receive_offer(CHROMIUM.as_bytes()).unwrap_err();
    assert_eq!(error, SdpError::Transport { media: 0 });
    assert_eq!(error.sip_status(), 488);
    assert_eq!(leg.state(), NegotiationState::Stable);
}

#[test]
fn without_srtp_the_plain_audio_beside_the_secure_is_taken() {
    let (sdp, agreed) = answer(&mut guarded(SrtpPolicy::Off), SDES);
    assert_eq!(agreed.srtp, None);
    let lines = media_lines(&sdp);
    assert_eq!(lines[0], "m=audio 0 RTP/SAVP 8 0 101");
    assert_eq!(lines[1], "m=audio 20000 RTP/AVP 8 101");
    assert_eq!(lines.last(), Some(&"m=image 0 udptl t38"));
}

#[test]
fn ipv6_with_thirty_milliseconds_and_eleven_digits() {
    let local = g711("[2001:db8::1]:20000", 1);
    let (sdp, agreed) = answer(&mut MediaNegotiation::new(local), IPV6);
    assert!(sdp.contains("c=IN IP6 2001:db8::1\r\n"), "{sdp}");
    assert!(sdp.contains("a=fmtp:101 0-11,16\r\n"), "{sdp}");
    assert_eq!(agreed.remote_rtp, addr("[2001:db8::10]:4000"));
    assert_eq!(agreed.ptime, Duration::from_millis(30));
}

#[test]
fn numbers_mean_what_their_rtpmap_says() {
    let (sdp, agreed) = answer(&mut ours(), DYNAMIC_PCMU);
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcma, 97));
    assert_eq!(agreed.telephone_event, Some(0));
    assert!(sdp.contains("m=audio 20000 RTP/AVP 97 0\r\n"), "{sdp}");
}

/// RFC 3264 section 8.4.
#[test]
fn every_way_to_hold_is_understood() {
    let cases = [
        (audio("0", &["a=sendonly"]), Direction::RecvOnly, true),
        (audio("0", &["a=SendOnly"]), Direction::RecvOnly, true),
        (audio("0", &["a=inactive"]), Direction::Inactive, true),
        (audio("0", &["a=recvonly"]), Direction::SendOnly, false),
        (audio("0", &["c=IN IP4 0.0.0.0"]), Direction::RecvOnly, true),
        (
            audio("0", &["c=IN IP6 ::", "a=recvonly"]),
            Direction::Inactive,
            true,
        ),
        (HOLD_2543.to_owned(), Direction::RecvOnly, true),
        (
            audio("0", &[]).replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n"),
            Direction::RecvOnly,
            true,
        ),
        (
            audio("0", &["a=sendrecv"]).replace("t=0 0\r\n", "t=0 0\r\na=inactive\r\n"),
            Direction::SendRecv,
            false,
        ),
    ];
    for (offer, direction, held) in cases {
        let (sdp, agreed) = answer(&mut ours(), &offer);
        assert_eq!(agreed.direction, direction, "{offer}");
        assert_eq!(agreed.held_by_remote, held, "{offer}");
        assert!(sdp.contains(&format!("a={direction}\r\n")), "{sdp}");
    }
}

#[test]
fn packet_times_stay_within_what_both_can() {
    let cases: &[(&[&str], u64)] = &[
        (&[], 20),
        (&["a=ptime:30"], 30),
        (&["a=ptime:20.0"], 20),
        (&["a=ptime:25"], 20),
        (&["a=ptime:5"], 10),
        (&["a=ptime:0"], 20),
        (&["a=ptime:200"], 60),
        (&["a=ptime:4000000000"], 60),
        (&["a=maxptime:10"], 10),
        (&["a=ptime:40", "a=maxptime:30"], 30),
        (&["a=maxptime:140"], 20),
    ];
    for (attributes, expected) in cases {
        let (sdp, agreed) = answer(&mut ours(), &audio("0", attributes));
        assert_eq!(agreed.ptime, Duration::from_millis(*expected), "{sdp}");
        assert!(sdp.contains(&format!("a=ptime:{expected}\r\n")), "{sdp}");
    }
}

#[test]
fn an_rtcp_port_apart_is_said() {
    let mut local = g711("192.0.2.1:20000", 1);
    local.rtcp_port = 20_007;
    let (sdp, _) = answer(&mut MediaNegotiation::new(local), SIPP);
    assert!(sdp.contains("a=rtcp:20007\r\n"), "{sdp}");
}

fn assert_refused(offer: &str, expected: &SdpError, status: u16) {
    let mut leg = ours();
    let error = leg.receive_offer(offer.as_bytes()).unwrap_err();
    assert_eq!(&error, expected, "{offer}");
    assert_eq!(error.sip_status(), status, "{offer}");
    assert_eq!(leg, ours(), "a refused offer leaves no trace");
}

#[test]
fn an_unreadable_offer_is_a_bad_request_that_names_the_place() {
    let syntax = |line, field| SdpError::Syntax { line, field };
    let attribute = |name| SdpError::Attribute { media: 0, name };
    let cases = [
        (String::new(), syntax(0, "no version line")),
        (audio("0", &["b=AS"]), syntax(7, "Bandwidth bandwidth")),
        (
            audio("0", &["a=rtpmap:zero PCMU/8000"]),
            attribute("rtpmap"),
        ),
        (audio("0", &["a=rtpmap:200 PCMU/8000"]), attribute("rtpmap")),
        (audio("0", &["a=ptime:twenty"]), attribute("ptime")),
        (audio("0", &["a=ptime:20.x"]), attribute("ptime")),
        (audio("0", &["a=maxptime:-1"]), attribute("maxptime")),
        (audio("0", &["a=rtcp:70000"]), attribute("rtcp")),
        (
            audio("0", &["a=rtcp:4001 IN IP4 224.0.0.1"]),
            attribute("rtcp"),
        ),
        (audio("0", &["a=rtcp:4001 IN IP4 host"]), attribute("rtcp")),
    ];
    for (offer, expected) in cases {
        assert_refused(&offer, &expected, 400);
    }
}

#[test]
fn an_offer_we_cannot_serve_is_not_acceptable_here() {
    let unusable = SdpError::UnusableAddress { media: 0 };
    let name = SdpError::NotAnAddress { media: 0 };
    let events = ["a=rtpmap:101 telephone-event/8000"];
    let cases = [
        (
            audio("18 97", &["a=rtpmap:97 iLBC/8000"]),
            SdpError::NoCommonCodec,
        ),
        (
            audio("0", &["a=rtpmap:0 PCMU/16000"]),
            SdpError::NoCommonCodec,
        ),
        (
            audio("0", &["a=rtpmap:0 PCMU/8000/2"]),
            SdpError::NoCommonCodec,
        ),
        (audio("97", &[]), SdpError::NoCommonCodec),
        (audio("101", &events), SdpError::NoCommonCodec),
        (audio("0", &["c=IN IP4 phone.example.com"]), name),
        (audio("0", &["c=IN IP4 224.2.1.1/127"]), unusable.clone()),
        (audio("0", &["c=IN IP4 255.255.255.255"]), unusable.clone()),
        (audio("0", &["c=IN IP6 2001:db8::1"]), unusable),
        (
            audio("0", &[]).replace("c=IN IP4 192.0.2.9\r\n", ""),
            SdpError::NoConnection { media: 0 },
        ),
        (
            audio("0", &[]).replace("m=audio 4000", "m=audio 0"),
            SdpError::NoAudio,
        ),
        (
            audio("0", &[]).replace("m=audio", "m=video"),
            SdpError::NoAudio,
        ),
    ];
    for (offer, expected) in cases {
        assert_refused(&offer, &expected, 488);
    }
}
