//! Offers that follow one another: hold, resume, glare, removal.

use super::*;

/// Two legs that talk to each other, after the first exchange.
fn talking() -> (MediaNegotiation, MediaNegotiation) {
    let mut alice = MediaNegotiation::new(g711("192.0.2.1:20000", 1));
    let mut bob = MediaNegotiation::new(g711("192.0.2.2:30000", 2));
    exchange(&mut alice, &mut bob, MediaWish::TALK, MediaWish::TALK);
    (alice, bob)
}

/// One offer of `from`, answered by `to`.
fn exchange(
    from: &mut MediaNegotiation,
    to: &mut MediaNegotiation,
    wish: MediaWish,
    answer_wish: MediaWish,
) -> (Negotiated, Negotiated) {
    let offer = from.create_offer(wish).unwrap();
    to.receive_offer(&offer).unwrap();
    let answer = to.create_answer(answer_wish).unwrap();
    let agreed = from.receive_answer(&answer.sdp).unwrap();
    (agreed, answer.media.unwrap())
}

fn version(leg: &MediaNegotiation) -> u64 {
    let sdp = text(leg.local_description().unwrap());
    let origin = sdp.lines().nth(1).unwrap();
    origin.split(' ').nth(2).unwrap().parse().unwrap()
}

#[test]
fn both_sides_agree_on_the_same_thing() {
    let (alice, bob) = talking();
    let (alice, bob) = (alice.negotiated().unwrap(), bob.negotiated().unwrap());
    assert_eq!(alice.codec, bob.codec);
    assert_eq!(alice.payload_type, bob.receive_payload_type);
    assert_eq!(alice.telephone_event, bob.receive_telephone_event);
    assert_eq!(alice.direction, bob.direction.reversed());
    assert_eq!(bob.remote_rtp, addr("192.0.2.1:20000"));
    assert_eq!(bob.remote_rtcp, addr("192.0.2.1:20001"));
}

#[test]
fn hold_and_resume_raise_the_version_each_time() {
    let (mut alice, mut bob) = talking();
    assert_eq!((version(&alice), version(&bob)), (1, 1));
    let (holder, held) = exchange(&mut alice, &mut bob, MediaWish::HOLD, MediaWish::TALK);
    assert_eq!(holder.direction, Direction::SendOnly);
    assert!(!holder.held_by_remote);
    assert_eq!(held.direction, Direction::RecvOnly);
    assert!(held.held_by_remote);
    assert_eq!((version(&alice), version(&bob)), (2, 2));
    let (holder, held) = exchange(&mut alice, &mut bob, MediaWish::TALK, MediaWish::TALK);
    assert_eq!(holder.direction, Direction::SendRecv);
    assert!(!held.held_by_remote);
    assert_eq!((version(&alice), version(&bob)), (3, 3));
}

/// RFC 3264 section 8.
#[test]
fn an_unchanged_offer_keeps_its_version_and_every_byte() {
    let (mut alice, mut bob) = talking();
    let settled = bob.local_description().cloned();
    exchange(&mut alice, &mut bob, MediaWish::TALK, MediaWish::TALK);
    let (first, _) = (alice.local_description().cloned(), version(&alice));
    exchange(&mut alice, &mut bob, MediaWish::TALK, MediaWish::TALK);
    assert_eq!(alice.local_description().cloned(), first);
    assert_eq!(bob.local_description().cloned(), settled);
    assert_eq!(version(&alice), 1);
}

#[test]
fn two_holds_leave_nothing_flowing_until_both_are_taken_back() {
    let (mut alice, mut bob) = talking();
    exchange(&mut alice, &mut bob, MediaWish::HOLD, MediaWish::TALK);
    let (bobs, alices) = exchange(&mut bob, &mut alice, MediaWish::HOLD, MediaWish::HOLD);
    assert_eq!(bobs.direction, Direction::Inactive);
    assert!(bobs.held_by_remote, "alice still does not listen");
    assert!(alices.held_by_remote);
    let (alices, _) = exchange(&mut alice, &mut bob, MediaWish::TALK, MediaWish::HOLD);
    assert_eq!(alices.direction, Direction::RecvOnly);
    assert!(alices.held_by_remote, "bob still holds");
    let (bobs, alices) = exchange(&mut bob, &mut alice, MediaWish::TALK, MediaWish::TALK);
    assert_eq!(bobs.direction, Direction::SendRecv);
    assert!(!alices.held_by_remote);
}

#[test]
fn an_inactive_offer_does_not_tell_whether_the_peer_holds() {
    let (mut alice, mut bob) = talking();
    let (alices, _) = exchange(&mut alice, &mut bob, MediaWish::INACTIVE, MediaWish::TALK);
    assert_eq!(alices.direction, Direction::Inactive);
    assert!(!alices.held_by_remote);
}

#[test]
fn offers_that_cross_are_glare_on_both_sides() {
    let (mut alice, mut bob) = talking();
    let before = alice.negotiated().cloned();
    let alices = alice.create_offer(MediaWish::HOLD).unwrap();
    let bobs = bob.create_offer(MediaWish::HOLD).unwrap();
    assert_eq!(alice.receive_offer(&bobs), Err(SdpError::Glare));
    assert_eq!(bob.receive_offer(&alices), Err(SdpError::Glare));
    assert_eq!(SdpError::Glare.sip_status(), 491);
    alice.rollback();
    assert_eq!(alice.negotiated().cloned(), before);
    assert_eq!(alice.receive_offer(&bobs), Ok(()));
    let answer = alice.create_answer(MediaWish::TALK).unwrap();
    assert!(bob.receive_answer(&answer.sdp).is_ok());
}

#[test]
fn a_refused_re_offer_leaves_the_call_as_it_was() {
    let (mut alice, _) = talking();
    let settled = alice.local_description().cloned();
    alice.create_offer(MediaWish::HOLD).unwrap();
    alice.rollback();
    assert_eq!(alice.local_description().cloned(), settled);
    let error = alice.receive_offer(audio("18", &[]).as_bytes());
    assert_eq!(error, Err(SdpError::NoCommonCodec));
    assert_eq!(alice.state(), NegotiationState::Stable);
    assert!(alice.negotiated().is_some());
    // Versions only ever rise, also past an offer nobody accepted.
    let next = text(&alice.create_offer(MediaWish::TALK).unwrap());
    assert!(next.contains("o=- 1 3 IN IP4"), "{next}");
}

#[test]
fn commands_out_of_turn_are_refused() {
    let mut leg = ours();
    let wrong = |state| Some(SdpError::WrongState { state });
    let stable = wrong(NegotiationState::Stable);
    assert_eq!(leg.receive_answer(b"").err(), stable);
    assert_eq!(leg.create_answer(MediaWish::TALK).err(), stable);
    leg.receive_offer(SIPP.as_bytes()).unwrap();
    let offer = leg.create_offer(MediaWish::TALK);
    assert_eq!(offer.err(), wrong(NegotiationState::RemoteOffer));
    let second = leg.receive_offer(SIPP.as_bytes());
    assert_eq!(second, Err(SdpError::OfferPending));
    leg.rollback();
    leg.create_offer(MediaWish::TALK).unwrap();
    let offer = leg.create_offer(MediaWish::TALK);
    assert_eq!(offer.err(), wrong(NegotiationState::LocalOffer));
}

#[test]
fn port_0_removes_the_audio_and_a_later_offer_brings_it_back() {
    let mut leg = ours();
    answer(&mut leg, RFC3264_10_1);
    let removed = RFC3264_10_1.replace("m=audio 49170", "m=audio 0");
    leg.receive_offer(removed.as_bytes()).unwrap();
    let gone = leg.create_answer(MediaWish::TALK).unwrap();
    assert_eq!(gone.media, None);
    assert_eq!(leg.negotiated(), None);
    assert_eq!(
        media_lines(&text(&gone.sdp)),
        [
            "m=audio 0 RTP/AVP 0",
            "m=video 0 RTP/AVP 31",
            "m=video 0 RTP/AVP 32"
        ]
    );
    // Again without: still no reason to refuse.
    assert_eq!(leg.receive_offer(removed.as_bytes()), Ok(()));
    leg.create_answer(MediaWish::TALK).unwrap();
    let (sdp, agreed) = answer(&mut leg, RFC3264_10_1);
    assert!(sdp.contains("m=audio 20000"), "{sdp}");
    assert_eq!(agreed.direction, Direction::SendRecv);
}

#[test]
fn our_offer_after_theirs_keeps_their_sections_numbers_and_profile() {
    let mut leg = ours();
    answer(&mut leg, LINPHONE);
    let hold = text(&leg.create_offer(MediaWish::HOLD).unwrap());
    let lines = media_lines(&hold);
    assert_eq!(lines[0], "m=audio 20000 RTP/AVPF 0 8 102");
    assert_eq!(lines.last(), Some(&"m=video 0 RTP/AVPF 96"));
}

#[test]
fn a_number_that_a_codec_has_is_not_used_for_events() {
    let mut leg = ours();
    let offer = audio("101", &["a=rtpmap:101 PCMA/8000"]);
    answer(&mut leg, &offer);
    let next = text(&leg.create_offer(MediaWish::TALK).unwrap());
    assert!(
        next.contains("m=audio 20000 RTP/AVP 101 0 96\r\n"),
        "{next}"
    );
}

#[test]
fn a_re_offer_may_move_the_peer_and_change_the_codec() {
    let mut leg = ours();
    answer(&mut leg, SIPP);
    let moved = audio("8", &[]);
    let (_, agreed) = answer(&mut leg, &moved);
    assert_eq!(agreed.remote_rtp, addr("192.0.2.9:4000"));
    assert_eq!(agreed.codec, Codec::Pcma);
}

#[test]
fn the_audio_in_use_is_kept_when_another_is_added_before_it_fails() {
    let mut leg = ours();
    answer(&mut leg, RFC4317_4_1);
    let (sdp, agreed) = answer(&mut leg, &RFC4317_4_1.replace("RTP/AVP 97", "RTP/AVP 0"));
    assert_eq!(agreed.remote_rtp, addr("192.0.2.10:49172"));
    assert_eq!(media_lines(&sdp)[0], "m=audio 0 RTP/AVP 0");
}

#[test]
fn fax_in_the_place_of_audio_is_refused_and_the_audio_stays() {
    for fax in [T38_ALONE, T38_BESIDE] {
        let mut leg = ours();
        let (sdp, agreed) = answer(&mut leg, SIPP);
        let error = leg.receive_offer(fax.as_bytes()).unwrap_err();
        assert_eq!(error, SdpError::NoAudio);
        assert_eq!(error.sip_status(), 488);
        assert_eq!(leg.negotiated(), Some(&agreed));
        assert_eq!(leg.local_description().map(|sdp| text(sdp)), Some(sdp));
        assert_eq!(ours().receive_offer(fax.as_bytes()), Err(SdpError::NoAudio));
    }
}

#[test]
fn fax_beside_audio_gets_port_0() {
    let offer = format!(
        "{}m=image 11908 udptl t38\r\na=T38FaxVersion:0\r\n",
        audio("0", &[])
    );
    let (sdp, agreed) = answer(&mut ours(), &offer);
    assert_eq!(agreed.codec, Codec::Pcmu);
    assert_eq!(media_lines(&sdp).last(), Some(&"m=image 0 udptl t38"));
}
