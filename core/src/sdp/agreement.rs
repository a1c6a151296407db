//! What follows from an offer and an answer that have been read.

use std::time::Duration;

use super::crypto::SrtpKeys;
use super::description::AudioSection;
use super::protection::{answer_keys, answered_keys};
use super::remote_offer::RemoteAudio;
use super::telephone_event::{Events, TelephoneEvents};
use super::{Codec, LocalMedia, MediaWish, Negotiated};

/// Settles on one codec of the peer's offer: the section that answers it, and what is agreed with
/// that. `None` only if the offer has no codec of ours, which reading rules out. `keys` are those of
/// the agreement before.
pub(crate) fn agree_on_offer(
    offer: &RemoteAudio,
    local: &LocalMedia,
    wish: MediaWish,
    keys: Option<&SrtpKeys>,
) -> Option<(AudioSection, Negotiated)> {
    let formats = &offer.formats;
    let preferred = |&&(codec, _): &&(Codec, u8)| Some(codec) == wish.prefer;
    let choice = formats.codecs.iter().find(preferred);
    let &(codec, payload_type) = choice.or(formats.codecs.first())?;
    let events = formats.events_for(codec).map(|offered| TelephoneEvents {
        events: offered.events.and(Events::OURS),
        ..offered
    });
    let events = events.filter(|events| !events.events.is_empty());
    let noise = formats.noise_for(codec).filter(|_| local.comfort_noise);
    let direction = wish.direction.and(offer.direction.reversed());
    let (line, srtp) = answer_keys(&offer.keys, keys).unzip();
    let section = AudioSection {
        profile: offer.profile,
        keys: line.into_iter().collect(),
        codecs: vec![(codec, payload_type)],
        opus: local.opus_for(wish),
        comfort_noise: noise.into_iter().collect(),
        events: events.into_iter().collect(),
        ptime_ms: offer.packet_time(codec, local.ptime_ms(), local.max_ptime_ms()),
        max_ptime_ms: local.max_ptime_ms(),
        direction,
    };
    let event_number = events.map(|events| events.payload_type);
    let event_rate = events.map(|events| events.clock_rate);
    let mut others = formats.events.iter();
    let other = others.find(|other| Some(other.clock_rate) != event_rate);
    let noise_number = noise.map(|noise| noise.payload_type);
    let agreed = Negotiated {
        remote_rtp: offer.rtp,
        remote_rtcp: offer.rtcp,
        codec,
        payload_type,
        receive_payload_type: payload_type,
        opus: formats.opus,
        telephone_event: event_number,
        receive_telephone_event: event_number,
        telephone_event_rate: event_rate.unwrap_or(codec.clock_rate()),
        other_telephone_event: other.map(|other| (other.payload_type, other.clock_rate)),
        comfort_noise: noise_number,
        receive_comfort_noise: noise_number,
        ptime: sending_time(offer, codec, local),
        max_ptime: longest(offer),
        direction,
        held_by_remote: !offer.direction.can_receive(),
        srtp: srtp.map(Box::new),
    };
    Some((section, agreed))
}

/// What is agreed by an answer to our offer. `None`: it names no codec that we offered.
///
/// `held_before` is whether the peer held when it was asked last: an answer to an offer that does not
/// send leaves that open.
pub(crate) fn agree_on_answer(
    offer: &AudioSection,
    answer: &RemoteAudio,
    local: &LocalMedia,
    held_before: bool,
) -> Option<Negotiated> {
    let offered = |codec| offer.codecs.iter().find(move |&&(ours, _)| ours == codec);
    let formats = &answer.formats;
    let mut both = formats.codecs.iter();
    let both = both.find_map(|&(codec, theirs)| Some((codec, theirs, offered(codec)?.1)));
    let (codec, payload_type, receive_payload_type) = both?;
    // A peer that names events, but not at a rate we offered, has not understood us.
    let ours = |rate| {
        offer
            .events
            .iter()
            .find(move |ours| ours.clock_rate == rate)
    };
    let events = formats.events_for(codec);
    let events = events.and_then(|theirs| Some((theirs, ours(theirs.clock_rate)?)));
    let rate = events.map_or(codec.clock_rate(), |(theirs, _)| theirs.clock_rate);
    let other = offer.events.iter().find(|ours| ours.clock_rate != rate);
    let noise = formats.noise_for(codec).and_then(|theirs| {
        let mut ours = offer.comfort_noise.iter();
        Some((
            theirs,
            ours.find(|ours| ours.clock_rate == theirs.clock_rate)?,
        ))
    });
    let held_by_remote = if offer.direction.can_send() {
        !answer.direction.can_receive()
    } else {
        held_before
    };
    Some(Negotiated {
        remote_rtp: answer.rtp,
        remote_rtcp: answer.rtcp,
        codec,
        payload_type,
        receive_payload_type,
        opus: formats.opus,
        telephone_event: events.map(|(theirs, _)| theirs.payload_type),
        receive_telephone_event: events.map(|(_, ours)| ours.payload_type),
        telephone_event_rate: rate,
        other_telephone_event: other.map(|other| (other.payload_type, other.clock_rate)),
        comfort_noise: noise.map(|(theirs, _)| theirs.payload_type),
        receive_comfort_noise: noise.map(|(_, ours)| ours.payload_type),
        ptime: sending_time(answer, codec, local),
        max_ptime: longest(answer),
        direction: offer.direction.and(answer.direction.reversed()),
        held_by_remote,
        srtp: answered_keys(&offer.keys, &answer.keys).map(Box::new),
    })
}

/// How much audio we send in a packet: the peer's wish, within what packets can hold.
fn sending_time(peer: &RemoteAudio, codec: Codec, local: &LocalMedia) -> Duration {
    milliseconds(peer.packet_time(codec, local.ptime_ms(), 60))
}

fn longest(peer: &RemoteAudio) -> Option<Duration> {
    peer.maxptime.map(milliseconds)
}

fn milliseconds(milliseconds: u32) -> Duration {
    Duration::from_millis(u64::from(milliseconds))
}
