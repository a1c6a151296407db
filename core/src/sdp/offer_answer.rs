//! The offer/answer machine of one leg (RFC 3264).
//!
//! ```text
//!             create_offer                     receive_offer
//! LocalOffer ◄──────────── Stable (start) ───────────────────► RemoteOffer
//!            ────────────►                ◄──────────────────
//!   receive_answer, rollback               create_answer, rollback
//! ```

use bytes::Bytes;

use super::agreement::{agree_on_answer, agree_on_offer};
use super::crypto::CryptoAttribute;
use super::description::{AudioSection, MediaLine, WrittenDescription};
use super::formats::ComfortNoiseFormat;
use super::payload_types::{Format, PayloadTypes};
use super::protection::{fresh_lines, same_line};
use super::remote_offer::{RemoteAudio, RemoteOffer, parse};
use super::telephone_event::{Events, TelephoneEvents};
use super::view::{AudioView, Profile};
use super::{Codec, LocalMedia, MediaWish, Negotiated, SdpError, SrtpPolicy};

/// Whose offer is in the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NegotiationState {
    /// Nobody's.
    Stable,
    /// Ours: the peer owes the answer.
    LocalOffer,
    /// The peer's: we owe the answer.
    RemoteOffer,
}

/// Our answer to an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The description to send.
    pub sdp: Bytes,
    /// What is agreed with it. `None`: the peer removed the audio of a running call with port 0.
    pub media: Option<Negotiated>,
}

/// What one leg negotiates with its peer: one audio stream, any number of refused others.
///
/// A value without clock or I/O. The call tells it the bodies that come and asks for those that go;
/// an offer that fails, or is taken back, leaves the last agreement in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaNegotiation {
    local: LocalMedia,
    exchange: Exchange,
    agreed: Option<Negotiated>,
    /// The sections both sides know, in order.
    lines: Vec<MediaLine>,
    payload_types: PayloadTypes,
    /// That of the last agreement: later offers of ours keep it.
    profile: Option<Profile>,
    /// The last description that went out, agreed or not: the next version follows it.
    sent: Option<WrittenDescription>,
    /// What the peer is known to speak of what we speak, what it named last first.
    theirs: Vec<Codec>,
    /// The description of ours that is in force.
    in_force: Option<InForce>,
}

/// A description of ours that the peer has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct InForce {
    text: Bytes,
    /// Its audio; none when that is removed.
    audio: Option<Box<AudioSection>>,
}

/// The offer in the air, with what is needed once it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exchange {
    None,
    Local(LocalOffer),
    Remote(RemoteOffer),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LocalOffer {
    lines: Vec<MediaLine>,
    audio: AudioSection,
    text: Bytes,
}

impl MediaNegotiation {
    /// A negotiation in which nothing has been said yet.
    #[must_use]
    pub fn new(local: LocalMedia) -> Self {
        Self {
            local,
            exchange: Exchange::None,
            agreed: None,
            lines: Vec::new(),
            payload_types: PayloadTypes::default(),
            profile: None,
            sent: None,
            theirs: Vec::new(),
            in_force: None,
        }
    }

    /// Makes an offer: for a new leg, to hold, to resume, or for a peer whose INVITE had none.
    ///
    /// Codecs stand in this order: the wish's, the one in use, then as configured. A wish that
    /// insists leaves out all but its own.
    ///
    /// # Errors
    /// [`SdpError::WrongState`] while another offer is in the air; [`SdpError::NoCommonCodec`] when
    /// no codec is left to offer.
    pub fn create_offer(&mut self, wish: MediaWish) -> Result<Bytes, SdpError> {
        if self.state() != NegotiationState::Stable {
            return Err(self.wrong_state());
        }
        let audio = self.offered_audio(wish);
        if audio.codecs.is_empty() {
            return Err(SdpError::NoCommonCodec);
        }
        let mut lines = self.lines.clone();
        place_audio(&mut lines);
        let text = self.write(&lines, Some(&audio));
        self.exchange = Exchange::Local(LocalOffer {
            lines,
            audio,
            text: text.clone(),
        });
        Ok(text)
    }

    /// Takes the peer's answer to our offer.
    ///
    /// # Errors
    /// What is wrong with the answer. Our offer is over then, and the last agreement, if any, stands;
    /// [`SdpError::WrongState`] without an offer of ours.
    pub fn receive_answer(&mut self, sdp: &[u8]) -> Result<Negotiated, SdpError> {
        let Exchange::Local(offer) = &self.exchange else {
            return Err(self.wrong_state());
        };
        let offer = offer.clone();
        self.exchange = Exchange::None;
        let (agreed, theirs) = self.judge_answer(&offer.lines, &offer.audio, sdp)?;
        self.agreed = Some(agreed.clone());
        self.learn(theirs);
        self.lines = offer.lines;
        self.remember(&offer.audio);
        self.in_force = Some(InForce {
            text: offer.text,
            audio: Some(Box::new(offer.audio)),
        });
        Ok(agreed)
    }

    /// Takes the answer to the description in force, which was offered again as it stands: a peer
    /// may have moved, or have a new key. An offer of ours that waits for its turn goes on waiting.
    ///
    /// # Errors
    /// As [`receive_answer`](Self::receive_answer); the last agreement stands. `WrongState` also
    /// without a description in force that has audio.
    pub fn receive_refreshed(&mut self, sdp: &[u8]) -> Result<Negotiated, SdpError> {
        let audio = self
            .in_force
            .as_ref()
            .and_then(|ours| ours.audio.as_deref());
        let (NegotiationState::Stable | NegotiationState::LocalOffer, Some(audio)) =
            (self.state(), audio)
        else {
            return Err(self.wrong_state());
        };
        let (agreed, theirs) = self.judge_answer(&self.lines, audio, sdp)?;
        self.agreed = Some(agreed.clone());
        self.learn(theirs);
        Ok(agreed)
    }

    /// Takes an offer of the peer, which [`create_answer`](Self::create_answer) answers.
    ///
    /// # Errors
    /// Why it cannot be answered; the state and the last agreement stay as they are.
    /// [`SdpError::Glare`] while ours is in the air, [`SdpError::OfferPending`] before an earlier
    /// one is answered.
    pub fn receive_offer(&mut self, sdp: &[u8]) -> Result<(), SdpError> {
        match self.exchange {
            Exchange::Local(_) => return Err(SdpError::Glare),
            Exchange::Remote(_) => return Err(SdpError::OfferPending),
            Exchange::None => {}
        }
        let current = self.lines.iter().position(|line| *line == MediaLine::Audio);
        // Audio that was removed earlier has no place any more, yet may stay away.
        let current = current.or_else(|| self.in_force.is_some().then_some(0));
        let offer = RemoteOffer::read(sdp, &self.local, current)?;
        self.exchange = Exchange::Remote(offer);
        Ok(())
    }

    /// Answers the peer's offer. The codec is the wish's if the peer offered it, else the first in
    /// the *caller's* order that we have configured; payload types are the offered ones.
    ///
    /// # Errors
    /// [`SdpError::WrongState`] without an offer to answer.
    pub fn create_answer(&mut self, wish: MediaWish) -> Result<Answer, SdpError> {
        let Exchange::Remote(offer) = &self.exchange else {
            return Err(self.wrong_state());
        };
        let RemoteOffer { lines, audio } = offer.clone();
        let media = audio.and_then(|audio| {
            let keys = self
                .agreed
                .as_ref()
                .and_then(|agreed| agreed.srtp.as_deref());
            let agreed = agree_on_offer(&audio, &self.local, wish, keys)?;
            self.theirs = audio
                .formats
                .codecs
                .iter()
                .map(|&(codec, _)| codec)
                .collect();
            // The numbers of what we did not choose are taken, too.
            for &(codec, number) in &audio.formats.codecs {
                self.payload_types.remember(Format::Codec(codec), number);
            }
            self.remember(&agreed.0);
            Some(agreed)
        });
        let (section, media) = media.unzip();
        let sdp = self.write(&lines, section.as_ref());
        self.exchange = Exchange::None;
        self.agreed.clone_from(&media);
        self.lines = lines;
        self.in_force = Some(InForce {
            text: sdp.clone(),
            audio: section.map(Box::new),
        });
        Ok(Answer { sdp, media })
    }

    /// Forgets the offer in the air: it was refused, cancelled, or lost a glare. The last agreement
    /// stands.
    pub fn rollback(&mut self) {
        self.exchange = Exchange::None;
    }

    /// Whose offer is in the air.
    #[must_use]
    pub fn state(&self) -> NegotiationState {
        match self.exchange {
            Exchange::None => NegotiationState::Stable,
            Exchange::Local(_) => NegotiationState::LocalOffer,
            Exchange::Remote(_) => NegotiationState::RemoteOffer,
        }
    }

    /// What is in force. `None` before the first answer and after the audio was removed.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.agreed.as_ref()
    }

    /// The description of ours that is in force, to be repeated word for word where SIP wants the
    /// same answer again, as in the 200 after a 183.
    #[must_use]
    pub fn local_description(&self) -> Option<&Bytes> {
        self.in_force.as_ref().map(|ours| &ours.text)
    }

    /// What the peer has said that it speaks, of what we speak: what it offered last, led by what its
    /// answers to us have named since. An answer names what it chose, so it takes nothing away.
    #[must_use]
    pub fn spoken_by_peer(&self) -> &[Codec] {
        &self.theirs
    }

    /// Our side.
    #[must_use]
    pub fn local(&self) -> &LocalMedia {
        &self.local
    }

    /// An answer names these.
    fn learn(&mut self, mut named: Vec<Codec>) {
        let before = std::mem::take(&mut self.theirs);
        for codec in before {
            if !named.contains(&codec) {
                named.push(codec);
            }
        }
        self.theirs = named;
    }

    fn wrong_state(&self) -> SdpError {
        SdpError::WrongState {
            state: self.state(),
        }
    }

    /// The section our next offer has: everything we speak, events at each clock rate of it, and
    /// comfort noise where that is configured. Beside Opus events come at 8000 Hz, too: many phones
    /// have them at no other rate.
    fn offered_audio(&self, wish: MediaWish) -> AudioSection {
        let mut numbers = self.payload_types.offer();
        let mut codecs = self.codec_order(wish.prefer);
        if wish.insist {
            codecs.retain(|&codec| Some(codec) == wish.prefer);
        }
        let codecs: Vec<_> = codecs
            .into_iter()
            .map(|codec| (codec, numbers.of(Format::Codec(codec))))
            .collect();
        let mut rates: Vec<u32> = Vec::new();
        for &(codec, _) in &codecs {
            if !rates.contains(&codec.clock_rate()) {
                rates.push(codec.clock_rate());
            }
        }
        let noise_rates = rates.iter().copied().filter(|&rate| rate < 48_000);
        let comfort_noise = noise_rates.filter(|_| self.local.comfort_noise);
        let comfort_noise = comfort_noise.map(|clock_rate| ComfortNoiseFormat {
            payload_type: numbers.of(Format::ComfortNoise(clock_rate)),
            clock_rate,
        });
        let comfort_noise = comfort_noise.collect();
        if rates.contains(&48_000) && !rates.contains(&8000) {
            rates.push(8000);
        }
        let events = rates.iter().map(|&clock_rate| TelephoneEvents {
            payload_type: numbers.of(Format::Events(clock_rate)),
            clock_rate,
            events: Events::OURS,
        });
        let events = events.collect();
        let (profile, keys) = self.offered_protection();
        AudioSection {
            profile,
            keys,
            codecs,
            opus: self.local.opus_for(wish),
            comfort_noise,
            events,
            ptime_ms: self.local.ptime_ms(),
            max_ptime_ms: self.local.max_ptime_ms(),
            direction: wish.direction,
        }
    }

    /// The profile and the keys of our next offer: those in force, else as the policy wants it.
    fn offered_protection(&self) -> (Profile, Vec<CryptoAttribute>) {
        if let Some(agreed) = &self.agreed {
            let keys = agreed.srtp.as_deref();
            let profile = self.profile.unwrap_or(Profile::Avp);
            return (profile, keys.map(same_line).unwrap_or_default());
        }
        match self.local.srtp {
            SrtpPolicy::Off | SrtpPolicy::Optional => (Profile::Avp, Vec::new()),
            SrtpPolicy::BestEffort => (Profile::Avp, fresh_lines()),
            SrtpPolicy::Required => (Profile::Savp, fresh_lines()),
        }
    }

    /// What the numbers of a section of ours stand for holds for the rest of the session.
    fn remember(&mut self, section: &AudioSection) {
        self.profile = Some(section.profile);
        for &(codec, number) in &section.codecs {
            self.payload_types.remember(Format::Codec(codec), number);
        }
        for noise in &section.comfort_noise {
            let format = Format::ComfortNoise(noise.clock_rate);
            self.payload_types.remember(format, noise.payload_type);
        }
        for events in &section.events {
            let format = Format::Events(events.clock_rate);
            self.payload_types.remember(format, events.payload_type);
        }
    }

    fn codec_order(&self, prefer: Option<Codec>) -> Vec<Codec> {
        let in_use = self.agreed.as_ref().map(|agreed| agreed.codec);
        let first = prefer.into_iter().chain(in_use);
        let mut order = Vec::new();
        for codec in first.chain(self.local.codecs.iter().copied()) {
            if self.local.codecs.contains(&codec) && !order.contains(&codec) {
                order.push(codec);
            }
        }
        order
    }

    fn write(&mut self, lines: &[MediaLine], audio: Option<&AudioSection>) -> Bytes {
        let sent = WrittenDescription::after(self.sent.as_ref(), &self.local, lines, audio);
        let text = sent.text.clone();
        self.sent = Some(sent);
        text
    }

    /// What an answer to `offer` in `lines` comes to, and the codecs it names.
    fn judge_answer(
        &self,
        lines: &[MediaLine],
        offer: &AudioSection,
        sdp: &[u8],
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
        let changed = |_| SdpError::MediaChanged { media };
        let profile = view.profile().map_err(changed)?;
        // Some answer keys in RTP/AVP by RTP/SAVP.
        let took_keys = !offer.keys.is_empty() && profile == Profile::Savp;
        if profile != offer.profile && !took_keys {
            return Err(SdpError::MediaChanged { media });
        }
        let audio = match RemoteAudio::read(view, &self.local) {
            Err(SdpError::NoCommonCodec) => return Err(SdpError::CodecNotOffered { media }),
            read => read?,
        };
        let held_before = self
            .agreed
            .as_ref()
            .is_some_and(|agreed| agreed.held_by_remote);
        let agreed = agree_on_answer(offer, &audio, &self.local, held_before);
        let agreed = agreed.ok_or(SdpError::CodecNotOffered { media })?;
        let wants_keys = profile.is_secure() || !audio.keys.is_empty();
        if wants_keys && !offer.keys.is_empty() && agreed.srtp.is_none() {
            return Err(SdpError::NoKey { media });
        }
        let theirs = audio.formats.codecs.iter().map(|&(codec, _)| codec);
        Ok((agreed, theirs.collect()))
    }
}

/// Makes sure that one section is ours: the one that is, else the first refused audio, whose place
/// may be used again (RFC 3264 section 8.1), else a new one.
fn place_audio(lines: &mut Vec<MediaLine>) {
    if lines.contains(&MediaLine::Audio) {
        return;
    }
    let audio = |line: &&mut MediaLine| matches!(line, MediaLine::Refused { media, .. } if media.eq_ignore_ascii_case("audio"));
    match lines.iter_mut().find(audio) {
        Some(line) => *line = MediaLine::Audio,
        None => lines.push(MediaLine::Audio),
    }
}
