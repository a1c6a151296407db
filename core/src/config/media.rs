//! RTP addresses, ports and codecs.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AvoidTranscoding, Broken, FaxMode, OpusConfig, PortRange, units};
use crate::sdp::{Codec, SrtpPolicy};

/// Section `[media]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaConfig {
    /// The address RTP sockets bind to.
    pub address: IpAddr,
    /// The address put into SDP when peers reach RTP by another one than it binds to; none: the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_address: Option<IpAddr>,
    /// The UDP ports for RTP and RTCP; each leg of a call takes two.
    pub rtp_ports: PortRange,
    /// A call one of whose legs sent nothing for so long is ended.
    #[serde(with = "units::duration")]
    pub rtp_timeout: Duration,
    /// A phone that is sent nothing for so long is sent a packet that says nothing, so that a NAT
    /// before it goes on letting packets in; `0s`: never.
    #[serde(with = "units::duration")]
    pub rtp_keepalive: Duration,
    /// Media threads; 0 is one per two cores.
    pub shards: usize,
    /// The codecs we speak, best first.
    #[serde(with = "codecs")]
    pub codecs: Vec<Codec>,
    /// What is done so that two who talk speak the same codec.
    pub avoid_transcoding: AvoidTranscoding,
    /// Whether media is protected, where an extension or trunk does not say.
    pub srtp: SrtpPolicy,
    /// Audio per packet that phones are asked for: 10 to 60 ms.
    #[serde(with = "units::duration")]
    pub ptime: Duration,
    /// The most audio per packet that phones may send: up to 60 ms.
    #[serde(with = "units::duration")]
    pub max_ptime: Duration,
    /// Whether comfort noise (RFC 3389) is offered and accepted beside codecs that have none.
    pub comfort_noise: bool,
    /// Whether the sound of faxes is recognised and left alone.
    pub fax: FaxMode,
    /// How Opus is spoken.
    pub opus: OpusConfig,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            external_address: None,
            rtp_ports: default_ports(),
            // Longer than any phone pauses when it mutes; hold is signalled and exempt.
            rtp_timeout: Duration::from_secs(60),
            // What RFC 6263 section 5 recommends; NATs forget after half a minute or later.
            rtp_keepalive: Duration::from_secs(15),
            shards: 0,
            codecs: Codec::DEFAULT.to_vec(),
            // A re-INVITE in the first second of a call confuses some phones: by wish only.
            avoid_transcoding: AvoidTranscoding::default(),
            // Who wants it gets it, and who never heard of it is not disturbed.
            srtp: SrtpPolicy::default(),
            ptime: Duration::from_millis(20),
            max_ptime: Duration::from_millis(60),
            // Phones that may be silent clip the beginnings of words.
            comfort_noise: false,
            // By perf it adds a tenth to what passing a packet on costs, in a call's first minute alone.
            fax: FaxMode::default(),
            opus: OpusConfig::default(),
        }
    }
}

/// 1,000 legs; away from the ports systems hand out to clients (32768 and up on Linux).
#[expect(
    clippy::expect_used,
    reason = "two constants; a test builds the default configuration"
)]
fn default_ports() -> PortRange {
    PortRange::new(30_000, 31_999).expect("a constant range")
}

impl MediaConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        if self.codecs.is_empty() {
            return Err(("media.codecs", "must name at least one codec"));
        }
        let mut seen = Vec::new();
        for codec in &self.codecs {
            if seen.contains(codec) {
                return Err(("media.codecs", "must name each codec once"));
            }
            seen.push(*codec);
        }
        for (key, time) in [
            ("media.ptime", self.ptime),
            ("media.max_ptime", self.max_ptime),
        ] {
            let whole = time.as_millis().is_multiple_of(10) && time.subsec_nanos() % 1_000_000 == 0;
            if !whole || !(10..=60).contains(&time.as_millis()) {
                return Err((key, "must be 10ms, 20ms, 30ms, 40ms, 50ms or 60ms"));
            }
        }
        if self.ptime > self.max_ptime {
            return Err(("media.ptime", "must not be above media.max_ptime"));
        }
        self.opus.check()?;
        if self.rtp_timeout < Duration::from_secs(1) {
            return Err(("media.rtp_timeout", "must be at least 1s"));
        }
        if !self.rtp_keepalive.is_zero() && self.rtp_keepalive < Duration::from_secs(1) {
            return Err(("media.rtp_keepalive", "must be 0s or at least 1s"));
        }
        if self.shards > 256 {
            return Err(("media.shards", "must be at most 256"));
        }
        if self.external_address.is_some_and(|ip| ip.is_unspecified()) {
            return Err((
                "media.external_address",
                "must be an address peers can send to",
            ));
        }
        if self.address.is_unspecified() && self.external_address.is_none() {
            return Err((
                "media.external_address",
                "is needed when media.address is all addresses: peers must be told one",
            ));
        }
        Ok(())
    }
}

/// Codecs by their SDP names, in any case.
mod codecs {
    use super::{Codec, Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(list: &[Codec], to: S) -> Result<S::Ok, S::Error> {
        let names: Vec<_> = list.iter().map(|codec| codec.name()).collect();
        names.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Codec>, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        let known = || Codec::ALL.iter().map(|codec| codec.name());
        let codec = |name: String| {
            Codec::from_name(&name).ok_or_else(|| {
                let known: Vec<_> = known().collect();
                serde::de::Error::custom(format!(
                    "unknown codec {name:?}, known are {}",
                    known.join(", ")
                ))
            })
        };
        names.into_iter().map(codec).collect()
    }
}
