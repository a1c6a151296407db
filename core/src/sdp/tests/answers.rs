//! Making offers and reading the answers.

use super::*;

fn offered() -> MediaNegotiation {
    let mut leg = ours();
    leg.create_offer(MediaWish::TALK).unwrap();
    leg
}

#[test]
fn a_first_offer_lists_all_we_have() {
    let sdp = text(&ours().create_offer(MediaWish::TALK).unwrap());
    assert_eq!(
        sdp,
        "v=0\r\n\
         o=- 4711 1 IN IP4 192.0.2.1\r\n\
         s=-\r\n\
         c=IN IP4 192.0.2.1\r\n\
         t=0 0\r\n\
         m=audio 20000 RTP/AVP 0 8 101\r\n\
         a=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-16\r\n\
         a=ptime:20\r\n\
         a=maxptime:60\r\n\
         a=sendrecv\r\n"
    );
}

#[test]
fn a_preferred_codec_stands_first() {
    let wish = MediaWish::TALK.preferring(Codec::Pcma);
    let sdp = text(&ours().create_offer(wish).unwrap());
    assert!(sdp.contains("m=audio 20000 RTP/AVP 8 0 101\r\n"), "{sdp}");
}

#[test]
fn an_offer_without_codecs_is_not_made() {
    let local = g711("192.0.2.1:20000", 1).with_codecs(&[]);
    let mut leg = MediaNegotiation::new(local);
    assert_eq!(
        leg.create_offer(MediaWish::TALK),
        Err(SdpError::NoCommonCodec)
    );
    assert_eq!(leg.state(), NegotiationState::Stable);
}

#[test]
fn an_answer_with_one_codec_settles_it() {
    let mut leg = offered();
    let sdp = audio("8 101", &["a=rtpmap:101 telephone-event/8000"]);
    let agreed = leg.receive_answer(sdp.as_bytes()).unwrap();
    assert_eq!(agreed.codec, Codec::Pcma);
    assert_eq!(agreed.telephone_event, Some(101));
    assert_eq!(leg.negotiated(), Some(&agreed));
    assert_eq!(leg.state(), NegotiationState::Stable);
}

#[test]
fn of_several_answered_codecs_the_first_is_used() {
    let agreed = offered().receive_answer(audio("18 8 0", &[]).as_bytes());
    assert_eq!(agreed.unwrap().codec, Codec::Pcma);
}

#[test]
fn a_peer_may_answer_with_numbers_of_its_own() {
    let maps = ["a=rtpmap:96 PCMA/8000", "a=rtpmap:99 telephone-event/8000"];
    let sdp = audio("96 99", &maps);
    let agreed = offered().receive_answer(sdp.as_bytes()).unwrap();
    assert_eq!((agreed.payload_type, agreed.receive_payload_type), (96, 8));
    assert_eq!(agreed.telephone_event, Some(99));
    assert_eq!(agreed.receive_telephone_event, Some(101));
}

#[test]
fn an_answer_that_does_not_fit_the_offer_is_refused() {
    let two = format!("{}m=video 0 RTP/AVP 31\r\n", audio("0", &[]));
    let cases = [
        (
            two,
            SdpError::MediaCount {
                offered: 1,
                answered: 2,
            },
        ),
        (
            "v=0\r\nc=IN IP4 192.0.2.9\r\n".to_owned(),
            SdpError::MediaCount {
                offered: 1,
                answered: 0,
            },
        ),
        (
            audio("0", &[]).replace("m=audio", "m=video"),
            SdpError::MediaChanged { media: 0 },
        ),
        (
            audio("0", &[]).replace("RTP/AVP", "RTP/SAVP"),
            SdpError::MediaChanged { media: 0 },
        ),
        (audio("18", &[]), SdpError::CodecNotOffered { media: 0 }),
        (
            audio("0", &[]).replace("m=audio 4000", "m=audio 0"),
            SdpError::Rejected,
        ),
    ];
    for (sdp, expected) in cases {
        let mut leg = offered();
        assert_eq!(leg.receive_answer(sdp.as_bytes()), Err(expected), "{sdp}");
        assert_eq!(leg.state(), NegotiationState::Stable);
        assert_eq!(leg.negotiated(), None);
    }
}

#[test]
fn a_codec_we_have_but_did_not_offer_is_refused() {
    let local = g711("192.0.2.1:20000", 1).with_codecs(&[Codec::Pcmu]);
    let mut leg = MediaNegotiation::new(local);
    leg.create_offer(MediaWish::TALK).unwrap();
    assert_eq!(
        leg.receive_answer(audio("8", &[]).as_bytes()),
        Err(SdpError::CodecNotOffered { media: 0 })
    );
}

#[test]
fn an_answer_cannot_widen_the_offered_direction() {
    let mut leg = ours();
    leg.create_offer(MediaWish::HOLD).unwrap();
    let agreed = leg.receive_answer(audio("0", &["a=sendrecv"]).as_bytes());
    assert_eq!(agreed.unwrap().direction, Direction::SendOnly);
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    let mut leg = ours();
    let offer = leg.create_offer(MediaWish::TALK).unwrap();
    let mut peer = MediaNegotiation::new(g711("192.0.2.2:30000", 9));
    peer.receive_offer(&offer).unwrap();
    let answer = peer.create_answer(MediaWish::TALK).unwrap();
    let agreed = leg.receive_answer(&answer.sdp).unwrap();
    assert_eq!(agreed.remote_rtp, addr("192.0.2.2:30000"));
    assert_eq!(leg.local_description(), Some(&offer));
}

#[test]
fn feedback_that_an_answer_adds_or_leaves_out_is_of_no_matter() {
    let agreed = offered().receive_answer(audio("0", &[]).replace("AVP", "AVPF").as_bytes());
    assert_eq!(agreed.unwrap().codec, Codec::Pcmu);
    let mut leg = ours();
    let offer = audio("0", &[]).replace("AVP", "AVPF");
    answer(&mut leg, &offer);
    let again = text(&leg.create_offer(MediaWish::HOLD).unwrap());
    assert!(again.contains("RTP/AVPF"), "{again}");
    assert!(leg.receive_answer(audio("0", &[]).as_bytes()).is_ok());
}

/// RFC 3264 section 6.1: whoever answers with several formats may send any of them.
#[test]
fn what_else_an_answer_names_may_arrive_under_our_numbers() {
    let mut leg = speaking(&[Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu]);
    let offer = text(&leg.create_offer(MediaWish::TALK).unwrap());
    assert!(offer.contains("RTP/AVP 111 9 8 0 "), "{offer}");
    let opus = [
        "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:101 telephone-event/8000",
    ];
    let agreed = leg.receive_answer(audio("8 9 18 96 101", &opus).as_bytes());
    let agreed = agreed.unwrap();
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcma, 8));
    assert_eq!(agreed.also, [(Codec::G722, 9), (Codec::Opus, 111)]);
    // What was not offered is not awaited, nor what an answer of ours has left out.
    leg.create_offer(MediaWish::TALK.insisting_on(Codec::G722))
        .unwrap();
    let agreed = leg.receive_answer(audio("9 8", &[]).as_bytes()).unwrap();
    assert_eq!((agreed.codec, agreed.also), (Codec::G722, Vec::new()));
    let (_, agreed) = answer(&mut leg, &audio("8 9", &[]));
    assert_eq!((agreed.codec, agreed.also), (Codec::Pcma, Vec::new()));
}
