//! The kinds of calls there are.

use std::sync::Arc;

use anyhow::Result;

use offhook_benches::rtp::{Clip, Hears, Says};
use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::CryptoSuite;
use offhook_core::{CallId, LegId};
use offhook_media::engine::{
    MonitorMode, MonitorSpec, PlayId, PlayItem, Playlist, RoomSettings, Source,
};
use offhook_media::graph::mixer::{Gain, MemberSettings, MixerSettings};
use offhook_media::time::Rate;

use crate::calls::record;
use crate::rig::{Leg, Rig};
use crate::voices;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// PCMU on both legs.
    Relayed,
    /// PCMU and PCMA: each byte is looked up.
    G711,
    /// PCMU and Opus.
    Transcoded,
    /// G.722 and Opus.
    Wide,
    /// PCMU under SRTP.
    Secured,
    /// PCMU, recorded as stereo WAV.
    Recorded,
    /// One leg that hears hold music.
    Music,
    /// One leg that hears a prompt.
    Prompt,
    /// Three legs with different codecs in a room.
    Conference,
    /// A supervisor listens to two.
    Monitored,
}

/// What phones say, by codec.
#[derive(Debug)]
pub(super) struct Voices(Vec<(Codec, Arc<Clip>)>);

impl Voices {
    pub(super) fn new() -> Result<Self> {
        let codecs = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];
        let voice = |codec| Ok((codec, voices::speech(codec)?));
        Ok(Self(codecs.into_iter().map(voice).collect::<Result<_>>()?))
    }

    fn of(&self, codec: Codec) -> Says {
        let clip = self.0.iter().find(|(other, _)| *other == codec);
        clip.map_or(Says::Nothing, |(_, clip)| Says::Clip(Arc::clone(clip)))
    }
}

impl Kind {
    pub(super) const ALL: [Self; 10] = [
        Self::Relayed,
        Self::G711,
        Self::Transcoded,
        Self::Wide,
        Self::Secured,
        Self::Recorded,
        Self::Music,
        Self::Prompt,
        Self::Conference,
        Self::Monitored,
    ];

    fn codecs(self) -> &'static [Codec] {
        match self {
            Self::Relayed | Self::Secured | Self::Recorded => &[Codec::Pcmu, Codec::Pcmu],
            Self::G711 => &[Codec::Pcmu, Codec::Pcma],
            Self::Transcoded => &[Codec::Pcmu, Codec::Opus],
            Self::Wide => &[Codec::G722, Codec::Opus],
            Self::Music => &[Codec::Opus],
            Self::Prompt => &[Codec::G722],
            Self::Conference => &[Codec::Pcmu, Codec::G722, Codec::Opus],
            Self::Monitored => &[Codec::Pcmu, Codec::Opus, Codec::Pcma],
        }
    }

    /// Opens a call of this kind and has its phones talk.
    pub(super) fn open(self, rig: &mut Rig, voices: &Voices, number: u32) -> Result<()> {
        let call = CallId::random();
        let suite = (self == Self::Secured).then_some(CryptoSuite::AesCm128HmacSha1_80);
        let mut legs = Vec::new();
        for (leg, codec) in (0..).zip(self.codecs()) {
            legs.push((rig.leg(LegId::new(call, leg), *codec, suite)?, *codec));
        }
        let ids: Vec<LegId> = legs.iter().map(|(leg, _): &(Leg, Codec)| leg.id).collect();
        self.connect(rig, call, &ids, number);
        for (leg, codec) in legs {
            rig.begin(leg, number, voices.of(codec), Hears::Counts);
        }
        Ok(())
    }

    fn connect(self, rig: &mut Rig, call: CallId, legs: &[LegId], number: u32) {
        let engine = &rig.engine;
        match (self, legs) {
            (Self::Conference, members) => {
                let mixer = MixerSettings::at(Rate::Wide);
                engine.open_room(call, &RoomSettings { mixer, music: None });
                for leg in members {
                    engine.join_room(*leg, MemberSettings::default());
                }
                rig.has_room(call);
            }
            (Self::Music, [leg, ..]) => {
                let music = Source::HoldMusic(voices::MUSIC.to_owned());
                engine.set_source(*leg, &music);
            }
            (Self::Prompt, [leg, ..]) => {
                let list = Playlist {
                    items: vec![PlayItem::Sound(voices::PROMPT.to_owned())],
                    barge_in: false,
                    repeat: false,
                };
                engine.play(*leg, PlayId(number.into()), &list);
            }
            (Self::Monitored, [caller, agent, supervisor, ..]) => {
                engine.bridge(*caller, *agent);
                engine.monitor(&MonitorSpec {
                    supervisor: *supervisor,
                    agent: *agent,
                    mode: MonitorMode::Listen,
                    hears_agent: Gain::UNITY,
                    hears_other: Gain::UNITY,
                    speaks: Gain::UNITY,
                });
            }
            (Self::Recorded, [a, b, ..]) => {
                engine.bridge(*a, *b);
                record(rig, *a, *b);
            }
            (_, [a, b, ..]) => engine.bridge(*a, *b),
            _ => {}
        }
    }
}
