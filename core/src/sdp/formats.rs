//! What the formats of one media section stand for.

use sdp_types::RtpMap;

use super::opus::OpusParameters;
use super::telephone_event::{Events, TelephoneEvents};
use super::view::AudioView;
use super::{Codec, SdpError};

/// Payload types there can be (RFC 3551: seven bits).
const PAYLOAD_TYPES: usize = 128;
/// Comfort noise at 8000 Hz, for good (RFC 3389 section 4).
pub(crate) const COMFORT_NOISE: u8 = 13;

/// Comfort noise (RFC 3389) as one side lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ComfortNoiseFormat {
    pub(crate) payload_type: u8,
    pub(crate) clock_rate: u32,
}

/// What a section's format list offers that we know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Formats {
    /// Codecs with their payload types, the writer's favourite first; each codec once.
    pub(crate) codecs: Vec<(Codec, u8)>,
    /// What the writer wants of Opus, if that is among the codecs.
    pub(crate) opus: OpusParameters,
    /// Telephone events, one per clock rate.
    pub(crate) events: Vec<TelephoneEvents>,
    /// Comfort noise, one per clock rate.
    pub(crate) comfort_noise: Vec<ComfortNoiseFormat>,
}

impl Formats {
    /// Reads the listed payload types in the writer's order. A number that is none, or that is listed
    /// again, is passed over; of two maps for a number the first counts.
    pub(crate) fn read(view: AudioView<'_>) -> Result<Self, SdpError> {
        let mut maps: [Option<RtpMap>; PAYLOAD_TYPES] = [const { None }; PAYLOAD_TYPES];
        for map in view.rtpmaps() {
            let map = map?;
            if let Some(slot @ None) = maps.get_mut(usize::from(map.payload_type)) {
                *slot = Some(map);
            }
        }
        let mut formats = Self::default();
        let mut seen = [false; PAYLOAD_TYPES];
        for format in view.format_list().split_ascii_whitespace() {
            let Ok(payload_type) = format.parse::<u8>() else {
                continue;
            };
            let place = usize::from(payload_type);
            match seen.get_mut(place) {
                Some(seen @ false) => *seen = true,
                Some(true) | None => continue,
            }
            match maps.get(place).and_then(Option::as_ref) {
                Some(map) => formats.add_mapped(view, payload_type, map),
                None if payload_type == COMFORT_NOISE => formats.add_noise(payload_type, 8000),
                None => formats.add(Codec::from_payload_type(payload_type), payload_type),
            }
        }
        if let Some(number) = formats.number_of(Codec::Opus) {
            let said = view.fmtp(number).map(OpusParameters::parse);
            formats.opus = said.unwrap_or_default();
        }
        Ok(formats)
    }

    /// The payload type the writer gave `codec`.
    pub(crate) fn number_of(&self, codec: Codec) -> Option<u8> {
        let mut known = self.codecs.iter();
        known.find(|&&(known, _)| known == codec).map(|&(_, n)| n)
    }

    /// The events to use with `codec`: those of its clock rate, else those at 8000 Hz, which many
    /// peers send whatever they speak.
    pub(crate) fn events_for(&self, codec: Codec) -> Option<TelephoneEvents> {
        self.events_at(codec.clock_rate())
            .or_else(|| self.events_at(8000))
    }

    /// The events at this clock rate.
    pub(crate) fn events_at(&self, clock_rate: u32) -> Option<TelephoneEvents> {
        let mut events = self.events.iter().copied();
        events.find(|events| events.clock_rate == clock_rate)
    }

    /// The comfort noise to use with `codec`. Opus has its own (RFC 7587 section 3.1.3).
    pub(crate) fn noise_for(&self, codec: Codec) -> Option<ComfortNoiseFormat> {
        if codec == Codec::Opus {
            return None;
        }
        let mut noises = self.comfort_noise.iter().copied();
        noises.find(|noise| noise.clock_rate == codec.clock_rate())
    }

    fn add_mapped(&mut self, view: AudioView<'_>, payload_type: u8, map: &RtpMap) {
        let channels = map.encoding_params.as_deref().map(str::trim);
        let Ok(channels) = channels.unwrap_or("1").parse::<u8>() else {
            return;
        };
        let name = map.encoding_name.trim();
        if name.eq_ignore_ascii_case("telephone-event") {
            self.add_events(view, payload_type, map.clock_rate);
        } else if name.eq_ignore_ascii_case("CN") && channels == 1 {
            self.add_noise(payload_type, map.clock_rate);
        } else {
            let codec = Codec::from_rtpmap(name, map.clock_rate, channels);
            self.add(codec, payload_type);
        }
    }

    fn add(&mut self, codec: Option<Codec>, payload_type: u8) {
        let Some(codec) = codec else { return };
        if self.number_of(codec).is_none() {
            self.codecs.push((codec, payload_type));
        }
    }

    /// Events at a rate that no codec of ours has are of no use. A list we cannot read means the
    /// default: an odd one is no reason to lose the call.
    fn add_events(&mut self, view: AudioView<'_>, payload_type: u8, clock_rate: u32) {
        if !is_clock_rate(clock_rate) || self.events_at(clock_rate).is_some() {
            return;
        }
        let list = view.fmtp(payload_type).and_then(Events::parse);
        self.events.push(TelephoneEvents {
            payload_type,
            clock_rate,
            events: list.unwrap_or(Events::DEFAULT),
        });
    }

    fn add_noise(&mut self, payload_type: u8, clock_rate: u32) {
        let mut noises = self.comfort_noise.iter();
        if is_clock_rate(clock_rate) && noises.all(|noise| noise.clock_rate != clock_rate) {
            self.comfort_noise.push(ComfortNoiseFormat {
                payload_type,
                clock_rate,
            });
        }
    }
}

fn is_clock_rate(rate: u32) -> bool {
    Codec::ALL.iter().any(|codec| codec.clock_rate() == rate)
}
