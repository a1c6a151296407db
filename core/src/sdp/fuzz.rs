//! Fuzz bodies: any bytes as a peer's description. They panic when a promise is broken.

use std::net::{Ipv4Addr, SocketAddr};

use super::crypto::{CryptoAttribute, CryptoSuite};
use super::{Codec, LocalMedia, MediaNegotiation, MediaWish, NegotiationState, SrtpPolicy};

/// A side that speaks everything it can, and protects media so.
fn negotiation(srtp: SrtpPolicy) -> MediaNegotiation {
    let rtp = SocketAddr::from((Ipv4Addr::LOCALHOST, 20_000));
    let mut local = LocalMedia::new(rtp, 1).with_codecs(Codec::ALL);
    local.srtp = srtp;
    local.comfort_noise = true;
    MediaNegotiation::new(local)
}

/// `bytes` as an offer. What we answer can itself be read by the peer whose offer it answers, and
/// an offer of ours that follows is answered by the same bytes or refused.
pub fn sdp_offer(bytes: &[u8]) {
    for &policy in SrtpPolicy::ALL {
        offer_to(negotiation(policy), bytes);
    }
}

fn offer_to(mut ours: MediaNegotiation, bytes: &[u8]) {
    if ours.receive_offer(bytes).is_err() {
        assert_eq!(ours.state(), NegotiationState::Stable);
        return;
    }
    let answer = ours.create_answer(MediaWish::TALK).ok();
    let answer = answer.map(|answer| answer.sdp).unwrap_or_default();
    let session = sdp_types::Session::parse(&answer);
    let sections = session.map(|session| session.medias.len());
    let offered = sdp_types::Session::parse(bytes).map(|session| session.medias.len());
    assert_eq!(sections, offered, "an answer has the sections of its offer");

    // The same offer again changes nothing, down to the version.
    assert_eq!(ours.receive_offer(bytes), Ok(()));
    let again = ours.create_answer(MediaWish::TALK).ok();
    assert_eq!(again.map(|again| again.sdp), Some(answer));

    assert!(ours.create_offer(MediaWish::HOLD).is_ok());
    ours.receive_answer(bytes).ok();
    assert_eq!(ours.state(), NegotiationState::Stable);
}

/// `bytes` as the answer to our first offer, then as an offer that follows it.
pub fn sdp_answer(bytes: &[u8]) {
    for &policy in SrtpPolicy::ALL {
        answer_to(negotiation(policy), bytes);
    }
}

fn answer_to(mut ours: MediaNegotiation, bytes: &[u8]) {
    assert!(ours.create_offer(MediaWish::TALK).is_ok());
    let answered = ours.receive_answer(bytes);
    assert_eq!(answered.ok().as_ref(), ours.negotiated());
    assert_eq!(ours.state(), NegotiationState::Stable);
    if ours.receive_offer(bytes).is_ok() {
        assert!(ours.create_answer(MediaWish::TALK).is_ok());
    }
}

/// `bytes` as the value of a crypto line: what is taken survives its own wire form, and a list that
/// holds it finds it.
pub fn sdes(bytes: &[u8]) {
    let Ok(value) = str::from_utf8(bytes) else {
        return;
    };
    let Ok(attribute) = CryptoAttribute::parse(value) else {
        return;
    };
    let suite = attribute.key.suite();
    assert_eq!(attribute.key.key().len(), suite.key_len());
    assert_eq!(attribute.key.salt().len(), suite.salt_len());
    let mki = attribute.key.mki();
    assert!(mki.is_none_or(|mki| mki.bytes().count() == mki.length()));
    let written = attribute.to_value();
    assert_eq!(CryptoAttribute::parse(&written), Ok(attribute.clone()));
    let chosen = CryptoAttribute::choose([value], CryptoSuite::ALL);
    assert_eq!(chosen, Some(attribute));
}
