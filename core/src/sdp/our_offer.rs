//! What our own offers list.

use super::crypto::CryptoAttribute;
use super::description::{AudioSection, MediaLine};
use super::formats::ComfortNoiseFormat;
use super::offer_answer::MediaNegotiation;
use super::payload_types::Format;
use super::protection::{fresh_lines, same_line};
use super::telephone_event::{Events, TelephoneEvents};
use super::view::Profile;
use super::{Codec, MediaWish, SrtpPolicy};

impl MediaNegotiation {
    /// The section our next offer has: everything we speak, events at each clock rate of it, and
    /// comfort noise where that is configured. Beside Opus events come at 8000 Hz, too: many phones
    /// have them at no other rate.
    pub(super) fn offered_audio(&self, wish: MediaWish) -> AudioSection {
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
}

/// Makes sure that one section is ours: the one that is, else the first refused audio, whose place
/// may be used again (RFC 3264 section 8.1), else a new one.
pub(super) fn place_audio(lines: &mut Vec<MediaLine>) {
    if lines.contains(&MediaLine::Audio) {
        return;
    }
    let audio = |line: &&mut MediaLine| matches!(line, MediaLine::Refused { media, .. } if media.eq_ignore_ascii_case("audio"));
    match lines.iter_mut().find(audio) {
        Some(line) => *line = MediaLine::Audio,
        None => lines.push(MediaLine::Audio),
    }
}
