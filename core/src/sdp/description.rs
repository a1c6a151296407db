//! The descriptions we write.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use sdp_types::{Attribute, Connection, Media, Origin, RtpMap, Session, Time};

use super::crypto::CryptoAttribute;
use super::formats::ComfortNoiseFormat;
use super::telephone_event::TelephoneEvents;
use super::view::Profile;
use super::{Codec, Direction, LocalMedia, OpusParameters};

/// A description as it goes out: it may hold keys, so `Debug` shows its length alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Description(Bytes);

impl Deref for Description {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl From<Description> for Bytes {
    fn from(description: Description) -> Self {
        description.0
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Description({} bytes)", self.len())
    }
}

/// One media section of the description both sides know. Sections keep their place for the life of
/// the negotiation (RFC 3264 section 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MediaLine {
    /// The audio this leg is about.
    Audio,
    /// Something we do not take: written with port 0 and its own formats (RFC 3264 section 6).
    Refused {
        media: String,
        proto: String,
        formats: String,
    },
}

impl MediaLine {
    /// The refusal of `media`.
    pub(crate) fn refusing(media: &Media) -> Self {
        Self::Refused {
            media: media.media.clone(),
            proto: media.proto.clone(),
            formats: media.fmt.clone(),
        }
    }
}

/// The audio section we are about to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AudioSection {
    pub(crate) profile: Profile,
    /// Our keys; none where media goes in the clear.
    pub(crate) keys: Vec<CryptoAttribute>,
    pub(crate) codecs: Vec<(Codec, u8)>,
    /// Written with Opus only.
    pub(crate) opus: OpusParameters,
    pub(crate) comfort_noise: Vec<ComfortNoiseFormat>,
    pub(crate) events: Vec<TelephoneEvents>,
    pub(crate) ptime_ms: u32,
    pub(crate) max_ptime_ms: u32,
    pub(crate) direction: Direction,
}

impl AudioSection {
    fn write(&self, local: &LocalMedia) -> Media {
        let codecs = self.codecs.iter().map(|&(_, payload_type)| payload_type);
        let noises = self.comfort_noise.iter().map(|noise| noise.payload_type);
        let events = self.events.iter().map(|events| events.payload_type);
        let numbers = codecs.chain(noises).chain(events);
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let proto = self.profile.name();
        let mut media = bare_media("audio", local.rtp_port, proto, &numbers.join(" "));
        for &(codec, payload_type) in &self.codecs {
            let mut map = RtpMap::new(payload_type, codec.encoding_name(), codec.clock_rate());
            map.encoding_params = (codec.channels() > 1).then(|| codec.channels().to_string());
            media.add_attribute_with_value("rtpmap", map);
            if codec == Codec::Opus {
                let value = format_args!("{payload_type} {}", self.opus);
                media.add_attribute_with_value("fmtp", value);
            }
        }
        for noise in &self.comfort_noise {
            let map = RtpMap::new(noise.payload_type, "CN", noise.clock_rate);
            media.add_attribute_with_value("rtpmap", map);
        }
        for events in &self.events {
            let map = RtpMap::new(events.payload_type, "telephone-event", events.clock_rate);
            media.add_attribute_with_value("rtpmap", map);
            let value = format_args!("{} {}", events.payload_type, events.events);
            media.add_attribute_with_value("fmtp", value);
        }
        for line in &self.keys {
            media.add_attribute_with_value("crypto", line.to_value());
        }
        media.add_attribute_with_value("ptime", self.ptime_ms);
        media.add_attribute_with_value("maxptime", self.max_ptime_ms);
        if local.rtcp_port != local.rtp_port.wrapping_add(1) {
            media.add_attribute_with_value("rtcp", local.rtcp_port);
        }
        media.add_attribute(Attribute::new(self.direction));
        media
    }
}

/// A description as it went out. The version in `o=` rises by one whenever anything else changed
/// (RFC 3264 section 8), and only then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenDescription {
    version: u64,
    pub(crate) text: Description,
}

impl WrittenDescription {
    /// Writes the description that follows `previous`.
    pub(crate) fn after(
        previous: Option<&Self>,
        local: &LocalMedia,
        lines: &[MediaLine],
        audio: Option<&AudioSection>,
    ) -> Self {
        let Some(previous) = previous else {
            return Self::at(1, local, lines, audio);
        };
        let same = Self::at(previous.version, local, lines, audio);
        if same.text == previous.text {
            return same;
        }
        Self::at(previous.version.saturating_add(1), local, lines, audio)
    }

    fn at(
        version: u64,
        local: &LocalMedia,
        lines: &[MediaLine],
        audio: Option<&AudioSection>,
    ) -> Self {
        let origin = Origin::with_ip_addr(local.session_id, version, local.address);
        let mut session = Session::new(origin, "-");
        session.connection = Some(Connection::from_ip_addr(local.address));
        session.add_time(Time::new(0, 0));
        for line in lines {
            session.add_media(match (line, audio) {
                (MediaLine::Audio, Some(audio)) => audio.write(local),
                (MediaLine::Audio, None) => bare_media("audio", 0, "RTP/AVP", "0"),
                (
                    MediaLine::Refused {
                        media,
                        proto,
                        formats,
                    },
                    _,
                ) => bare_media(media, 0, proto, formats),
            });
        }
        let mut text = Vec::with_capacity(512);
        // Writing into memory cannot fail; were it ever to, the text would be cut short, not wrong.
        session.write(&mut text).ok();
        Self {
            version,
            text: Description(text.into()),
        }
    }
}

pub(crate) fn bare_media(media: &str, port: u16, proto: &str, formats: &str) -> Media {
    Media {
        media: media.to_owned(),
        port,
        num_ports: None,
        proto: proto.to_owned(),
        fmt: formats.to_owned(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}
