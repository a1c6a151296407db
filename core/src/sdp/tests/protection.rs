//! Keys in descriptions (RFC 4568), and what each policy makes of them.

use super::*;
use crate::sdp::crypto::{CryptoAttribute, CryptoSuite, MasterKey};

fn line(tag: u32, suite: CryptoSuite) -> CryptoAttribute {
    let key = MasterKey::random(suite);
    CryptoAttribute { tag, key }
}

fn attribute(line: &CryptoAttribute) -> String {
    format!("a=crypto:{}", line.to_value())
}

/// The crypto lines of a description of ours.
fn lines(sdp: &str) -> Vec<CryptoAttribute> {
    let values = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=crypto:"));
    values
        .map(|value| CryptoAttribute::parse(value).unwrap())
        .collect()
}

fn secure(formats: &str, attributes: &[&str]) -> String {
    audio(formats, attributes).replace("RTP/AVP", "RTP/SAVP")
}

/// RFC 4568 section 5.1.2: one line is chosen and its tag comes back, with a key of our own.
#[test]
fn rfc4568_a_secure_offer_is_answered_with_its_tag_and_our_own_key() {
    let (sdp, agreed) = answer(&mut ours(), SAVP);
    let keys = agreed.srtp.unwrap();
    assert!(sdp.contains("m=audio 20000 RTP/SAVP 0 101\r\n"), "{sdp}");
    let written = lines(&sdp);
    assert_eq!(written.len(), 1, "{sdp}");
    assert_eq!(written[0].tag, 4, "3 has a suite that we do not have");
    assert_eq!(written[0].key, keys.send);
    assert_eq!(keys.send.suite(), CryptoSuite::AesCm128HmacSha1_80);
    assert_eq!(keys.receive.key(), b"YS___semctl () {");
    assert_eq!(keys.receive.mki().map(|mki| mki.length()), Some(1));
    assert_ne!(keys.send, keys.receive);
    let (_, other) = answer(&mut ours(), SAVP);
    assert_ne!(
        other.srtp.unwrap().send,
        keys.send,
        "each leg has its own key"
    );
}

#[test]
fn every_policy_does_as_it_says_with_every_offer() {
    use SrtpPolicy::{BestEffort, Off, Optional, Required};
    let plain = audio("0", &[]);
    let no_key = Err(SdpError::NoKey { media: 0 });
    let cases = [
        (Off, SAVP, Err(SdpError::Transport { media: 0 })),
        (Off, AVP_CRYPTO, Ok(false)),
        (Off, &plain, Ok(false)),
        (Optional, SAVP, Ok(true)),
        (Optional, AVP_CRYPTO, Ok(true)),
        (Optional, &plain, Ok(false)),
        (BestEffort, SAVP, Ok(true)),
        (BestEffort, AVP_CRYPTO, Ok(true)),
        (BestEffort, &plain, Ok(false)),
        (Required, SAVP, Ok(true)),
        (Required, AVP_CRYPTO, Ok(true)),
        (Required, &plain, no_key.clone()),
        (Optional, BROKEN_KEYS, no_key.clone()),
        (Required, BROKEN_KEYS, no_key),
    ];
    for (policy, offer, expected) in cases {
        let mut leg = guarded(policy);
        let result = leg.receive_offer(offer.as_bytes());
        let result = result.map(|()| {
            let answer = leg.create_answer(MediaWish::TALK).unwrap();
            let protected = answer.media.unwrap().srtp.is_some();
            assert_eq!(!lines(&text(&answer.sdp)).is_empty(), protected);
            protected
        });
        if let Err(error) = &result {
            assert_eq!(error.sip_status(), 488);
        }
        assert_eq!(result, expected, "{policy:?} {offer}");
    }
}

#[test]
fn secure_audio_is_taken_before_plain_audio_when_it_stands_first() {
    let (sdp, agreed) = answer(&mut ours(), SDES);
    assert!(agreed.srtp.is_some());
    let lines = media_lines(&sdp);
    assert_eq!(lines[0], "m=audio 20000 RTP/SAVP 8 101");
    assert!(lines.contains(&"m=audio 0 RTP/AVP 8 0 101"), "{sdp}");
    let (sdp, agreed) = answer(&mut guarded(SrtpPolicy::Off), SDES);
    assert_eq!(agreed.srtp, None);
    assert_eq!(media_lines(&sdp)[0], "m=audio 0 RTP/SAVP 8 0 101");
}

#[test]
fn our_offers_carry_keys_as_the_policy_says() {
    for (policy, profile, count) in [
        (SrtpPolicy::Off, "RTP/AVP", 0),
        (SrtpPolicy::Optional, "RTP/AVP", 0),
        (SrtpPolicy::BestEffort, "RTP/AVP", 2),
        (SrtpPolicy::Required, "RTP/SAVP", 2),
    ] {
        let sdp = text(&guarded(policy).create_offer(MediaWish::TALK).unwrap());
        assert!(
            sdp.contains(&format!("m=audio 20000 {profile} 0 8 101\r\n")),
            "{sdp}"
        );
        let lines = lines(&sdp);
        assert_eq!(lines.len(), count, "{sdp}");
        for (place, line) in lines.iter().enumerate() {
            assert!(
                lines[..place]
                    .iter()
                    .all(|other| other.key.key() != line.key.key())
            );
            assert!(lines[..place].iter().all(|other| other.tag != line.tag));
        }
    }
}

/// RFC 4568 section 5.1.3.
#[test]
fn rfc4568_an_answer_takes_one_of_our_keys_by_its_tag() {
    let mut leg = guarded(SrtpPolicy::Required);
    let offered = lines(&text(&leg.create_offer(MediaWish::TALK).unwrap()));
    let second = &offered[1];
    assert_eq!(second.key.suite(), CryptoSuite::AesCm128HmacSha1_80);
    let theirs = line(second.tag, second.key.suite());
    let sdp = secure("0", &[&attribute(&theirs)]);
    let keys = leg.receive_answer(sdp.as_bytes()).unwrap().srtp.unwrap();
    assert_eq!(keys.send, second.key);
    assert_eq!(keys.receive, theirs.key);
}

#[test]
fn an_answer_that_takes_none_of_our_keys_is_refused() {
    let other_suite = attribute(&line(1, CryptoSuite::AesCm128HmacSha1_32));
    let other_tag = attribute(&line(9, CryptoSuite::AeadAes128Gcm));
    let no_key = SdpError::NoKey { media: 0 };
    let changed = SdpError::MediaChanged { media: 0 };
    for (policy, sdp, expected) in [
        (SrtpPolicy::Required, secure("0", &[]), &no_key),
        (SrtpPolicy::Required, secure("0", &[&other_suite]), &no_key),
        (SrtpPolicy::Required, secure("0", &[&other_tag]), &no_key),
        (SrtpPolicy::Required, audio("0", &[]), &changed),
        (SrtpPolicy::BestEffort, audio("0", &[&other_tag]), &no_key),
        (SrtpPolicy::Optional, secure("0", &[&other_tag]), &changed),
    ] {
        let mut leg = guarded(policy);
        leg.create_offer(MediaWish::TALK).unwrap();
        let result = leg.receive_answer(sdp.as_bytes());
        assert_eq!(result.as_ref(), Err(expected), "{policy:?} {sdp}");
    }
}

#[test]
fn best_effort_ends_in_srtp_or_in_the_clear_as_the_peer_likes() {
    let mut leg = guarded(SrtpPolicy::BestEffort);
    leg.create_offer(MediaWish::TALK).unwrap();
    let agreed = leg.receive_answer(audio("0", &[]).as_bytes()).unwrap();
    assert_eq!(agreed.srtp, None);
    let sdp = text(&leg.create_offer(MediaWish::HOLD).unwrap());
    assert!(
        lines(&sdp).is_empty(),
        "what was agreed in the clear stays so: {sdp}"
    );

    // Some answer RTP/AVP by RTP/SAVP.
    for profile in ["RTP/AVP", "RTP/SAVP"] {
        let mut leg = guarded(SrtpPolicy::BestEffort);
        let offered = lines(&text(&leg.create_offer(MediaWish::TALK).unwrap()));
        let theirs = line(offered[0].tag, offered[0].key.suite());
        let sdp = audio("0", &[&attribute(&theirs)]).replace("RTP/AVP", profile);
        let agreed = leg.receive_answer(sdp.as_bytes()).unwrap();
        assert_eq!(agreed.srtp.unwrap().send, offered[0].key);
    }
}

/// RFC 4568 section 7.1.4.
#[test]
fn keys_outlive_a_hold_and_change_when_the_peer_changes_its_own() {
    let mut leg = ours();
    let (_, before) = answer(&mut leg, SAVP);
    let hold = text(&leg.create_offer(MediaWish::HOLD).unwrap());
    assert!(
        hold.contains("m=audio 20000 RTP/SAVP 0 8 101\r\n"),
        "{hold}"
    );
    let ours = lines(&hold);
    assert_eq!(ours.len(), 1);
    assert_eq!(
        Some(&ours[0].key),
        before.srtp.as_ref().map(|keys| &keys.send)
    );
    let theirs = line(ours[0].tag, ours[0].key.suite());
    let sdp = secure("0", &[&attribute(&theirs)]);
    let held = leg.receive_answer(sdp.as_bytes()).unwrap().srtp.unwrap();
    assert_eq!(held.send, ours[0].key);
    assert_eq!(
        held.receive, theirs.key,
        "the peer may change its key in an answer"
    );

    // A refresh: the same key of theirs, the same of ours, down to the version.
    let (first, _) = answer(&mut leg, &sdp);
    let (again, same) = answer(&mut leg, &sdp);
    assert_eq!(first, again);
    assert_eq!(same.srtp.as_deref(), Some(&*held));
    // Their key among others is still theirs.
    let other = attribute(&line(1, CryptoSuite::AeadAes256Gcm));
    let (_, same) = answer(&mut leg, &secure("0", &[&other, &attribute(&theirs)]));
    assert_eq!(same.srtp.as_deref(), Some(&*held));
    // A new key.
    let (_, changed) = answer(&mut leg, &secure("0", &[&other]));
    let changed = changed.srtp.unwrap();
    assert_ne!(changed.send, held.send);
    assert_eq!(changed.receive.suite(), CryptoSuite::AeadAes256Gcm);
}

/// RFC 4028 section 7.4: what is in force is offered again as it stands.
#[test]
fn an_answer_to_a_refresh_may_bring_a_new_key_and_address() {
    let mut leg = ours();
    let (_, before) = answer(&mut leg, SAVP);
    let before = before.srtp.unwrap();
    let theirs = line(4, before.send.suite());
    let moved = secure("0", &[&attribute(&theirs)]);
    let agreed = leg.receive_refreshed(moved.as_bytes()).unwrap();
    assert_eq!(agreed.remote_rtp, addr("192.0.2.9:4000"));
    let keys = agreed.srtp.clone().unwrap();
    assert_eq!((keys.send, keys.receive), (before.send, theirs.key));
    assert_eq!(leg.negotiated(), Some(&agreed));
    let wrong = leg.receive_refreshed(audio("0", &[]).as_bytes());
    assert_eq!(wrong, Err(SdpError::MediaChanged { media: 0 }));
    assert_eq!(leg.negotiated(), Some(&agreed), "what was agreed stands");
    let mut fresh = ours();
    let state = NegotiationState::Stable;
    let nothing = fresh.receive_refreshed(SAVP.as_bytes());
    assert_eq!(nothing, Err(SdpError::WrongState { state }));
}

#[test]
fn an_offer_that_is_taken_back_changes_no_key() {
    let mut leg = ours();
    let (_, before) = answer(&mut leg, SAVP);
    leg.receive_offer(AVP_CRYPTO.as_bytes()).unwrap();
    leg.rollback();
    assert_eq!(leg.negotiated().unwrap().srtp, before.srtp);
    let error = leg.receive_offer(BROKEN_KEYS.as_bytes());
    assert_eq!(error, Err(SdpError::NoKey { media: 0 }));
    assert_eq!(leg.negotiated().unwrap().srtp, before.srtp);
}

#[test]
fn forty_crypto_lines_are_read_and_one_is_taken() {
    let mut attributes: Vec<_> = (0..40)
        .map(|tag| format!("a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:bad"))
        .collect();
    attributes.push(attribute(&line(40, CryptoSuite::AesCm128HmacSha1_32)));
    let attributes: Vec<_> = attributes.iter().map(String::as_str).collect();
    let (sdp, agreed) = answer(&mut ours(), &secure("0", &attributes));
    assert!(agreed.srtp.is_some());
    assert_eq!(lines(&sdp)[0].tag, 40);
}

/// Neither as text nor as numbers.
fn assert_hidden(shown: &str, keys: &[MasterKey]) {
    assert!(!shown.contains("inline:"), "{shown}");
    assert!(!shown.contains("semctl"), "{shown}");
    for key in keys {
        let numbers = format!("{:?}", key.key());
        let numbers = numbers.trim_matches(['[', ']']);
        assert!(!shown.contains(numbers), "{shown}");
    }
}

#[test]
fn no_debug_output_of_a_negotiation_shows_a_key() {
    let mut leg = guarded(SrtpPolicy::Required);
    leg.receive_offer(SAVP.as_bytes()).unwrap();
    assert_hidden(&format!("{leg:?}"), &[]);
    let answer = leg.create_answer(MediaWish::TALK).unwrap();
    let keys = answer.media.clone().unwrap().srtp.unwrap();
    let keys = [keys.send, keys.receive];
    let shown = format!("{answer:?}");
    assert!(shown.contains("MasterKey"), "{shown}");
    assert_hidden(&shown, &keys);
    assert_hidden(&format!("{leg:?}"), &keys);
    let offer = leg.create_offer(MediaWish::HOLD).unwrap();
    assert!(text(&offer).contains("inline:"));
    assert_hidden(&format!("{leg:?} {offer:?}"), &keys);
    let mut leg = guarded(SrtpPolicy::Required);
    let keys = lines(&text(&leg.create_offer(MediaWish::TALK).unwrap()));
    let keys: Vec<_> = keys.into_iter().map(|line| line.key).collect();
    assert_hidden(&format!("{leg:?}"), &keys);
}
