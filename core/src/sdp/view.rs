//! Typed views over one media section of a parsed description.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sdp_types::{Attribute, Connection, Media, Rtcp, RtpMap, Session, TransportProto};

use super::{Direction, SdpError};

/// An RTP profile we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// RTP/AVP.
    Avp,
    /// RTP/AVPF, taken without any feedback message: its timing rules concern only those.
    Avpf,
    /// RTP/SAVP.
    Savp,
    /// RTP/SAVPF.
    Savpf,
}

impl Profile {
    /// Whether it is SRTP by its name alone.
    pub(crate) fn is_secure(self) -> bool {
        match self {
            Self::Savp | Self::Savpf => true,
            Self::Avp | Self::Avpf => false,
        }
    }

    /// As it stands in `m=`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Avpf => "RTP/AVPF",
            Self::Savp => "RTP/SAVP",
            Self::Savpf => "RTP/SAVPF",
        }
    }
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
            TransportProto::RtpSavp => Ok(Profile::Savp),
            TransportProto::RtpSavpf => Ok(Profile::Savpf),
            TransportProto::Udp
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

    /// The payload types as listed.
    pub(crate) fn format_list(&self) -> &'a str {
        &self.media.fmt
    }

    /// What the payload types are said to stand for.
    pub(crate) fn rtpmaps(self) -> impl Iterator<Item = Result<RtpMap, SdpError>> + 'a {
        let maps = self.media.attributes_typed::<RtpMap>();
        maps.map(move |map| map.map_err(|_| self.unreadable("rtpmap")))
    }

    /// The `fmtp` of a payload type, without its number.
    pub(crate) fn fmtp(&self, payload_type: u8) -> Option<&'a str> {
        self.values("fmtp").find_map(|value| {
            let (number, parameters) = value.trim().split_once(' ')?;
            (number.parse() == Ok(payload_type)).then_some(parameters)
        })
    }

    /// The crypto lines, without their name.
    pub(crate) fn crypto(self) -> impl Iterator<Item = &'a str> {
        self.values("crypto")
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

    fn values(self, name: &'static str) -> impl Iterator<Item = &'a str> {
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

/// Addresses of one host only: nobody may turn us into an amplifier.
fn usable(ip: IpAddr) -> Option<IpAddr> {
    let many = ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    (!many).then_some(ip)
}
