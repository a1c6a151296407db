//! What follows from an offer and an answer that have been read.

use std::time::Duration;

use super::crypto::SrtpKeys;
use super::description::{AudioSection, MediaLine};
use super::protection::{answer_keys, answered_keys};
use super::remote_offer::{RemoteAudio, parse};
use super::telephone_event::{Events, TelephoneEvents};
use super::view::AudioView;
use super::{Codec, LocalMedia, MediaWish, Negotiated, SdpError};

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
        also: Vec::new(),
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

/// What an answer to `offer`, which stood in `lines`, comes to, and the codecs it names.
///
/// `held_before` is as for [`agree_on_answer`].
pub(crate) fn judge_answer(
    lines: &[MediaLine],
    offer: &AudioSection,
    sdp: &[u8],
    local: &LocalMedia,
    held_before: bool,
) -> Result<(Negotiated, Vec<Codec>), SdpError> {
    let session = parse(sdp)?;
    if session.medias.len() != lines.len() {
        return Err(SdpError::MediaCount {
            offered: lines.len(),
            answered: session.medias.len(),
        });
    }
    let place = lines.iter().position(|line| *line == MediaLine::Audio);
    let media = place.unwrap_or(0);
    let view = AudioView::new(&session, media).ok_or(SdpError::MediaChanged { media })?;
    if view.is_disabled() {
        return Err(SdpError::Rejected);
    }
    // Feedback that an answer adds or leaves out is of no matter: nobody has asked for a message of
    // it. Some answer keys in RTP/AVP by RTP/SAVP.
    let profile = view.profile();
    let profile = profile.map_err(|_| SdpError::MediaChanged { media })?;
    let took_keys = !offer.keys.is_empty() && profile.is_secure();
    if profile.is_secure() != offer.profile.is_secure() && !took_keys {
        return Err(SdpError::MediaChanged { media });
    }
    let audio = match RemoteAudio::read(view, local) {
        Err(SdpError::NoCommonCodec) => return Err(SdpError::CodecNotOffered { media }),
        read => read?,
    };
    let agreed = agree_on_answer(offer, &audio, local, held_before);
    let agreed = agreed.ok_or(SdpError::CodecNotOffered { media })?;
    let wants_keys = profile.is_secure() || !audio.keys.is_empty();
    if wants_keys && !offer.keys.is_empty() && agreed.srtp.is_none() {
        return Err(SdpError::NoKey { media });
    }
    let theirs = audio.formats.codecs.iter().map(|&(codec, _)| codec);
    Ok((agreed, theirs.collect()))
}

/// What is agreed by an answer to our offer. `None`: it names no codec that we offered.
///
/// `held_before` is whether the peer held when it was asked last: an answer to an offer that does not
/// send leaves that open.
fn agree_on_answer(
    offer: &AudioSection,
    answer: &RemoteAudio,
    local: &LocalMedia,
    held_before: bool,
) -> Option<Negotiated> {
    let offered = |codec| offer.codecs.iter().find(move |&&(ours, _)| ours == codec);
    let formats = &answer.formats;
    let both = formats.codecs.iter();
    let mut both = both.filter_map(|&(codec, theirs)| Some((codec, theirs, offered(codec)?.1)));
    let (codec, payload_type, receive_payload_type) = both.next()?;
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
        also: both.map(|(codec, _, ours)| (codec, ours)).collect(),
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
