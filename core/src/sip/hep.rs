//! Copies of messages for a capture server: HEP version 3.
//!
//! A packet is `HEP3`, its whole length in two bytes, and chunks: vendor (0), type and length in two
//! bytes each, the length with these six, then the value. All numbers are in network order.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;

use super::endpoint::SipTransport;

/// One message, as a capture server is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HepPacket<'a> {
    /// When it went.
    pub at: Timestamp,
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// Over what. Of WebSockets and TLS the server only learns that it was TCP.
    pub transport: SipTransport,
    /// Who we are among the server's agents.
    pub capture_id: u32,
    /// What the server knows us by, if it asks for that.
    pub password: Option<&'a str>,
    /// What belongs together: the Call-ID.
    pub correlation: Option<&'a [u8]>,
    /// The message.
    pub payload: &'a [u8],
}

/// Chunk types.
const FAMILY: u16 = 0x0001;
const PROTOCOL: u16 = 0x0002;
const SOURCE_V4: u16 = 0x0003;
const DESTINATION_V4: u16 = 0x0004;
const SOURCE_V6: u16 = 0x0005;
const DESTINATION_V6: u16 = 0x0006;
const SOURCE_PORT: u16 = 0x0007;
const DESTINATION_PORT: u16 = 0x0008;
const SECONDS: u16 = 0x0009;
const MICROSECONDS: u16 = 0x000a;
const KIND: u16 = 0x000b;
const CAPTURE_ID: u16 = 0x000c;
const PASSWORD: u16 = 0x000e;
const PAYLOAD: u16 = 0x000f;
const CORRELATION: u16 = 0x0011;

/// The kind of payload that is SIP.
const SIP: u8 = 1;

impl HepPacket<'_> {
    /// The packet on the wire; `None` for a message that is too long for one.
    #[must_use]
    pub fn write(&self) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(self.payload.len() + 256);
        out.extend(b"HEP3\0\0");
        // Addresses of one packet are of one family: a mapped one is taken for what it is.
        let ends = (
            self.source.ip().to_canonical(),
            self.destination.ip().to_canonical(),
        );
        let family = if matches!(ends, (IpAddr::V4(_), IpAddr::V4(_))) {
            2
        } else {
            10
        };
        chunk(&mut out, FAMILY, &[family])?;
        let protocol = if self.transport == SipTransport::Udp {
            17
        } else {
            6
        };
        chunk(&mut out, PROTOCOL, &[protocol])?;
        match ends {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                chunk(&mut out, SOURCE_V4, &source.octets())?;
                chunk(&mut out, DESTINATION_V4, &destination.octets())?;
            }
            (source, destination) => {
                chunk(&mut out, SOURCE_V6, &octets(source))?;
                chunk(&mut out, DESTINATION_V6, &octets(destination))?;
            }
        }
        chunk(&mut out, SOURCE_PORT, &self.source.port().to_be_bytes())?;
        chunk(
            &mut out,
            DESTINATION_PORT,
            &self.destination.port().to_be_bytes(),
        )?;
        let seconds = u32::try_from(self.at.as_second()).unwrap_or_default();
        let micros = u32::try_from(self.at.subsec_microsecond()).unwrap_or_default();
        chunk(&mut out, SECONDS, &seconds.to_be_bytes())?;
        chunk(&mut out, MICROSECONDS, &micros.to_be_bytes())?;
        chunk(&mut out, KIND, &[SIP])?;
        chunk(&mut out, CAPTURE_ID, &self.capture_id.to_be_bytes())?;
        if let Some(password) = self.password {
            chunk(&mut out, PASSWORD, password.as_bytes())?;
        }
        if let Some(correlation) = self.correlation {
            chunk(&mut out, CORRELATION, correlation)?;
        }
        chunk(&mut out, PAYLOAD, self.payload)?;
        let length = u16::try_from(out.len()).ok()?;
        out[4..6].copy_from_slice(&length.to_be_bytes());
        Some(out)
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn chunk(out: &mut Vec<u8>, kind: u16, value: &[u8]) -> Option<()> {
    let length = u16::try_from(value.len() + 6).ok()?;
    out.extend([0, 0]);
    out.extend(kind.to_be_bytes());
    out.extend(length.to_be_bytes());
    out.extend(value);
    Some(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Reads a packet as a capture server would.
    fn read(packet: &[u8]) -> BTreeMap<u16, Vec<u8>> {
        assert_eq!(&packet[..4], b"HEP3");
        let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        assert_eq!(usize::from(word(4)), packet.len());
        let (mut chunks, mut at) = (BTreeMap::new(), 6);
        while at < packet.len() {
            let length = usize::from(word(at + 4));
            assert_eq!(word(at), 0, "our chunks have no vendor");
            chunks.insert(word(at + 2), packet[at + 6..at + length].to_vec());
            at += length;
        }
        chunks
    }

    fn packet(source: &'static str, destination: &'static str) -> HepPacket<'static> {
        HepPacket {
            at: Timestamp::new(1_700_000_000, 123_456_000).unwrap(),
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            transport: SipTransport::Udp,
            capture_id: 2001,
            password: Some("myHep"),
            correlation: Some(b"abc@h"),
            payload: b"BYE sip:a SIP/2.0\r\n\r\n",
        }
    }

    /// HEP 3.
    #[test]
    fn a_packet_reads_back_as_what_was_written() {
        let chunks = read(&packet("192.0.2.7:5062", "192.0.2.1:5060").write().unwrap());
        assert_eq!(chunks[&1], [2]);
        assert_eq!(chunks[&2], [17]);
        assert_eq!(chunks[&3], [192, 0, 2, 7]);
        assert_eq!(chunks[&4], [192, 0, 2, 1]);
        assert_eq!(chunks[&7], 5062_u16.to_be_bytes());
        assert_eq!(chunks[&8], 5060_u16.to_be_bytes());
        assert_eq!(chunks[&9], 1_700_000_000_u32.to_be_bytes());
        assert_eq!(chunks[&10], 123_456_u32.to_be_bytes());
        assert_eq!(chunks[&11], [1]);
        assert_eq!(chunks[&12], 2001_u32.to_be_bytes());
        assert_eq!(chunks[&14], b"myHep");
        assert_eq!(chunks[&15], b"BYE sip:a SIP/2.0\r\n\r\n");
        assert_eq!(chunks[&17], b"abc@h");
        assert_eq!(chunks.len(), 13);
    }

    #[test]
    fn ipv6_and_streams_have_chunks_of_their_own() {
        let mut packet = packet("[2001:db8::7]:5062", "[2001:db8::1]:5061");
        packet.transport = SipTransport::Wss;
        packet.password = None;
        packet.correlation = None;
        let chunks = read(&packet.write().unwrap());
        assert_eq!((&chunks[&1][..], &chunks[&2][..]), (&[10][..], &[6][..]));
        assert_eq!(chunks[&5].len(), 16);
        assert_eq!(chunks[&6][15], 1);
        assert!(!chunks.contains_key(&3) && !chunks.contains_key(&14));
    }

    #[test]
    fn a_message_too_long_for_a_packet_makes_none() {
        let long = vec![b'x'; 65_500];
        let packet = HepPacket {
            payload: &long,
            ..packet("192.0.2.7:5062", "192.0.2.1:5060")
        };
        assert_eq!(packet.write(), None);
    }
}
