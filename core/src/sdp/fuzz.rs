//! Fuzz bodies: any bytes as a peer's description. They panic when a promise is broken.

use std::net::{Ipv4Addr, SocketAddr};

use sdp_types::Origin;

use super::crypto::{CryptoAttribute, SrtpKeys};
use super::description::bare_media;
use super::protection::{answer_keys, answered_keys, offered_keys};
use super::view::AudioView;
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
    let answer = answer.map(|answer| answer.sdp);
    let written = answer.as_ref().map(|answer| &***answer);
    let session = sdp_types::Session::parse(written.unwrap_or_default());
    let sections = session.map(|session| session.medias.len());
    let offered = sdp_types::Session::parse(bytes).map(|session| session.medias.len());
    assert_eq!(sections, offered, "an answer has the sections of its offer");

    // The same offer again changes nothing, down to the version.
    assert_eq!(ours.receive_offer(bytes), Ok(()));
    let again = ours.create_answer(MediaWish::TALK).ok();
    assert_eq!(again.map(|again| again.sdp), answer);

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

/// `bytes` as the values of crypto lines: what is taken survives its own wire form, and both sides
/// of an answer to them come to the same keys.
pub fn sdes(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let mut session = sdp_types::Session::new(Origin::with_ip_addr(1, 1, Ipv4Addr::LOCALHOST), "-");
    let mut media = bare_media("audio", 4000, "RTP/SAVP", "0");
    for value in text.lines() {
        media.add_attribute_with_value("crypto", value);
        if let Ok(attribute) = CryptoAttribute::parse(value) {
            key_line(&attribute);
        }
    }
    session.add_media(media);
    let view = AudioView::new(&session, 0);
    let offered = view.map(offered_keys).unwrap_or_default();
    let Some((line, keys)) = answer_keys(&offered, None) else {
        return assert_eq!(offered, []);
    };
    let first = &offered[0];
    assert_eq!((line.tag, &keys.receive), (first.tag, &first.key));
    assert_eq!(keys.send.suite(), keys.receive.suite());
    let reversed = SrtpKeys {
        send: keys.receive.clone(),
        receive: keys.send.clone(),
    };
    let taken = answered_keys(&offered, std::slice::from_ref(&line));
    assert_eq!(taken, Some(reversed));
    let again = answer_keys(&offered, Some(&keys));
    assert_eq!(
        again,
        Some((line, keys)),
        "the same keys are answered alike"
    );
}

fn key_line(attribute: &CryptoAttribute) {
    let suite = attribute.key.suite();
    assert_eq!(attribute.key.key().len(), suite.key_len());
    assert_eq!(attribute.key.salt().len(), suite.salt_len());
    let mki = attribute.key.mki();
    assert!(mki.is_none_or(|mki| mki.bytes().count() == mki.length()));
    let written = attribute.to_value();
    assert_eq!(CryptoAttribute::parse(&written).as_ref(), Ok(attribute));
}
