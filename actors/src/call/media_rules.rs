//! What an office has decided about the media of all its calls.

use std::net::SocketAddr;
use std::time::Duration;

use offhook_core::config::{AvoidTranscoding, MediaConfig};
use offhook_core::sdp::{Codec, LocalMedia, OpusParameters, SrtpPolicy};

/// What is spoken, how, and how it is protected where a leg's extension or trunk does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRules {
    /// What we speak, best first.
    pub codecs: Vec<Codec>,
    /// What is done so that two who talk speak the same codec.
    pub avoid_transcoding: AvoidTranscoding,
    /// Whether media is protected.
    pub srtp: SrtpPolicy,
    opus: OpusParameters,
    comfort_noise: bool,
    ptime: Duration,
    max_ptime: Duration,
}

impl Default for MediaRules {
    fn default() -> Self {
        Self::of(&MediaConfig::default())
    }
}

impl MediaRules {
    /// The rules of a configuration.
    #[must_use]
    pub fn of(config: &MediaConfig) -> Self {
        Self {
            codecs: config.codecs.clone(),
            avoid_transcoding: config.avoid_transcoding,
            srtp: config.srtp,
            opus: config.opus.parameters(),
            comfort_noise: config.comfort_noise,
            ptime: config.ptime,
            max_ptime: config.max_ptime,
        }
    }

    /// Our side of a leg that speaks these codecs, protected so.
    pub(crate) fn local(
        &self,
        rtp: SocketAddr,
        session: u64,
        codecs: &[Codec],
        srtp: SrtpPolicy,
    ) -> LocalMedia {
        let mut local = LocalMedia::new(rtp, session).with_codecs(codecs);
        local.srtp = srtp;
        local.opus = self.opus;
        local.comfort_noise = self.comfort_noise;
        local.ptime = self.ptime;
        local.max_ptime = self.max_ptime;
        local
    }
}
