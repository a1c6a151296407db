//! The offer/answer machine of one leg (RFC 3264).
//!
//! ```text
//!             create_offer                     receive_offer
//! LocalOffer ◄──────────── Stable (start) ───────────────────► RemoteOffer
//!            ────────────►                ◄──────────────────
//!   receive_answer, rollback               create_answer, rollback
//! ```

use super::agreement::{agree_on_offer, judge_answer};
use super::description::{AudioSection, Description, MediaLine, WrittenDescription};
use super::our_offer::place_audio;
use super::payload_types::{Format, PayloadTypes};
use super::remote_offer::RemoteOffer;
use super::view::Profile;
use super::{Codec, LocalMedia, MediaWish, Negotiated, SdpError};

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
    pub sdp: Description,
    /// What is agreed with it. `None`: the peer removed the audio of a running call with port 0.
    pub media: Option<Negotiated>,
}

/// What one leg negotiates with its peer: one audio stream, any number of refused others.
///
/// A value without clock or I/O. The call tells it the bodies that come and asks for those that go;
/// an offer that fails, or is taken back, leaves the last agreement in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaNegotiation {
    pub(super) local: LocalMedia,
    exchange: Exchange,
    pub(super) agreed: Option<Negotiated>,
    /// The sections both sides know, in order.
    lines: Vec<MediaLine>,
    pub(super) payload_types: PayloadTypes,
    /// That of the last agreement: later offers of ours keep it.
    pub(super) profile: Option<Profile>,
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
    text: Description,
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
    text: Description,
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
    pub fn create_offer(&mut self, wish: MediaWish) -> Result<Description, SdpError> {
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
        let (agreed, theirs) = self.judge(&offer.lines, &offer.audio, sdp)?;
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
        let (agreed, theirs) = self.judge(&self.lines, audio, sdp)?;
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
    pub fn local_description(&self) -> Option<&Description> {
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

    /// What an answer to `offer`, which stood in `lines`, comes to, and the codecs it names.
    fn judge(
        &self,
        lines: &[MediaLine],
        offer: &AudioSection,
        sdp: &[u8],
    ) -> Result<(Negotiated, Vec<Codec>), SdpError> {
        let agreed = self.agreed.as_ref();
        let held_before = agreed.is_some_and(|agreed| agreed.held_by_remote);
        judge_answer(lines, offer, sdp, &self.local, held_before)
    }

    fn write(&mut self, lines: &[MediaLine], audio: Option<&AudioSection>) -> Description {
        let sent = WrittenDescription::after(self.sent.as_ref(), &self.local, lines, audio);
        let text = sent.text.clone();
        self.sent = Some(sent);
        text
    }
}
