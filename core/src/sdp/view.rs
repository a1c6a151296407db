//! Typed views over one media section of a parsed description.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sdp_types::{Attribute, Connection, Media, Rtcp, RtpMap, Session, TransportProto};

use super::telephone_event::Events;
use super::{Codec, Direction, SdpError};

/// Payload types there can be (RFC 3551: seven bits).
const PAYLOAD_TYPES: usize = 128;

/// An RTP profile we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// RTP/AVP.
    Avp,
    /// RTP/AVPF, taken without any feedback message: its timing rules concern only those.
    Avpf,
}

/// Telephone events as one side describes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TelephoneEvents {
    pub(crate) payload_type: u8,
    pub(crate) events: Events,
}

/// One media section, read as audio.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AudioView<'a> {
    session: &'a Session,
    media: &'a Media,
    /// The section's place, counted from 0.
    index: usize,
}

impl<'a> AudioView<'a> {
    /// The section at `index`, if it is audio.
    pub(crate) fn new(session: &'a Session, index: usize) -> Option<Self> {
        let media = session.medias.get(index)?;
        let audio = media.media.eq_ignore_ascii_case("audio");
        audio.then_some(Self {
            session,
            media,
            index,
        })
    }

    /// The section's place, counted from 0.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The refusal of this section's address.
    pub(crate) fn unusable(&self) -> SdpError {
        SdpError::UnusableAddress { media: self.index }
    }

    /// True when the port is 0: refused or removed.
    pub(crate) fn is_disabled(&self) -> bool {
        self.media.port == 0
    }

    pub(crate) fn profile(&self) -> Result<Profile, SdpError> {
        match self.media.parse_transport_proto() {
            TransportProto::RtpAvp => Ok(Profile::Avp),
            TransportProto::RtpAvpf => Ok(Profile::Avpf),
            TransportProto::Udp
            | TransportProto::RtpSavp
            | TransportProto::RtpSavpf
            | TransportProto::TcpDtlsRtpSavp
            | TransportProto::TcpDtlsRtpSavpf
            | TransportProto::UdpTlsRtpSavp
            | TransportProto::UdpTlsRtpSavpf
            | TransportProto::UdpDtlsSctp
            | TransportProto::TcpDtlsSctp
            | TransportProto::DtlsSctp
            | TransportProto::Other(_) => Err(SdpError::Transport { media: self.index }),
        }
    }

    /// The listed payload types and what each stands for, in the writer's order.
    pub(crate) fn formats(&self) -> Result<Formats, SdpError> {
        let mut maps: [Option<RtpMap>; PAYLOAD_TYPES] = [const { None }; PAYLOAD_TYPES];
        for map in self.media.attributes_typed::<RtpMap>() {
            let map = map.map_err(|_| self.unreadable("rtpmap"))?;
            if let Some(slot @ None) = maps.get_mut(usize::from(map.payload_type)) {
                *slot = Some(map);
            }
        }
        let mut formats = Formats::default();
        let mut seen = [false; PAYLOAD_TYPES];
        for format in self.media.fmt.split_ascii_whitespace() {
            let Ok(payload_type) = format.parse::<u8>() else {
                continue;
            };
            let place = usize::from(payload_type);
            match seen.get_mut(place) {
                Some(seen @ false) => *seen = true,
                Some(true) | None => continue,
            }
            match maps.get(place).and_then(Option::as_ref) {
                Some(map) if is_telephone_event(map) => {
                    let events = self.events(payload_type);
                    formats.telephone_events.get_or_insert(TelephoneEvents {
                        payload_type,
                        events,
                    });
                }
                Some(map) => formats.add(codec_of(map), payload_type),
                None => formats.add(Codec::from_payload_type(payload_type), payload_type),
            }
        }
        Ok(formats)
    }

    /// The `fmtp` of telephone events. A list we cannot read means the default: an odd one is no
    /// reason to lose the call.
    fn events(&self, payload_type: u8) -> Events {
        let value = self.values("fmtp").find_map(|value| {
            let (number, list) = value.trim().split_once(' ')?;
            (number.parse() == Ok(payload_type)).then_some(list)
        });
        value.and_then(Events::parse).unwrap_or(Events::DEFAULT)
    }

    /// The packet time this side wants to receive, in milliseconds.
    pub(crate) fn ptime(&self) -> Result<Option<u32>, SdpError> {
        self.milliseconds("ptime")
    }

    /// The longest packet this side takes, in milliseconds.
    pub(crate) fn maxptime(&self) -> Result<Option<u32>, SdpError> {
        self.milliseconds("maxptime")
    }

    /// Fractions are legal and cut off (RFC 8866 section 6.4); 0 says nothing.
    fn milliseconds(&self, name: &'static str) -> Result<Option<u32>, SdpError> {
        let Some(value) = self.values(name).next() else {
            return Ok(None);
        };
        let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
        let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
        match whole.parse() {
            Ok(0) => Ok(None),
            Ok(milliseconds) if digits => Ok(Some(milliseconds)),
            Ok(_) | Err(_) => Err(self.unreadable(name)),
        }
    }

    /// The section's direction, or else the session's.
    pub(crate) fn direction(&self) -> Direction {
        let find = |attributes: &[Attribute]| {
            let mut names = attributes.iter().map(|a| a.attribute.trim());
            names.find_map(Direction::from_name)
        };
        find(&self.media.attributes)
            .or_else(|| find(&self.session.attributes))
            .unwrap_or_default()
    }

    /// Where this side listens for RTP. The address may be unspecified: an old way to hold.
    pub(crate) fn rtp(&self) -> Result<SocketAddr, SdpError> {
        let connection = self.media.connections.first();
        let connection = connection.or(self.session.connection.as_ref());
        let connection = connection.ok_or(SdpError::NoConnection { media: self.index })?;
        Ok(SocketAddr::new(self.address(connection)?, self.media.port))
    }

    /// Where this side listens for RTCP: `a=rtcp`, or the port above RTP (RFC 3605).
    pub(crate) fn rtcp(&self, rtp: SocketAddr) -> Result<SocketAddr, SdpError> {
        let Some(rtcp) = self.media.get_first_attribute_typed::<Rtcp>() else {
            return Ok(SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1)));
        };
        let rtcp = rtcp.map_err(|_| self.unreadable("rtcp"))?;
        let ip = match rtcp.try_address() {
            None => rtp.ip(),
            Some(Ok(address)) => usable(address.ip).ok_or_else(|| self.unreadable("rtcp"))?,
            Some(Err(_)) => return Err(self.unreadable("rtcp")),
        };
        Ok(SocketAddr::new(ip, rtcp.port))
    }

    fn address(&self, connection: &Connection) -> Result<IpAddr, SdpError> {
        let media = self.index;
        let address = connection.try_address();
        let ip = address.map_err(|_| SdpError::NotAnAddress { media })?.ip;
        usable(ip).ok_or_else(|| self.unusable())
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        let named = move |a: &&Attribute| a.attribute.eq_ignore_ascii_case(name);
        let attributes = self.media.attributes.iter().filter(named);
        attributes.filter_map(|a| a.value.as_deref())
    }

    fn unreadable(&self, name: &'static str) -> SdpError {
        SdpError::Attribute {
            media: self.index,
            name,
        }
    }
}

/// What a section's format list offers that we know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Formats {
    /// Codecs with their payload types, the writer's favourite first; each codec once.
    pub(crate) codecs: Vec<(Codec, u8)>,
    /// The first telephone-event at 8000 Hz, the clock rate of all our codecs.
    pub(crate) telephone_events: Option<TelephoneEvents>,
}

impl Formats {
    fn add(&mut self, codec: Option<Codec>, payload_type: u8) {
        let Some(codec) = codec else { return };
        if self.codecs.iter().all(|&(known, _)| known != codec) {
            self.codecs.push((codec, payload_type));
        }
    }
}

fn is_telephone_event(map: &RtpMap) -> bool {
    let name = map.encoding_name.trim();
    name.eq_ignore_ascii_case("telephone-event") && map.clock_rate == 8000
}

fn codec_of(map: &RtpMap) -> Option<Codec> {
    let mono = matches!(
        map.encoding_params.as_deref().map(str::trim),
        None | Some("1")
    );
    let codec = Codec::from_name(map.encoding_name.trim())?;
    (mono && map.clock_rate == codec.clock_rate()).then_some(codec)
}

/// Addresses of one host only: nobody may turn us into an amplifier.
fn usable(ip: IpAddr) -> Option<IpAddr> {
    let many = ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    (!many).then_some(ip)
}
