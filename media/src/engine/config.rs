//! How an engine is set up.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use offhook_core::config::{FaxMode, OpusFec};

use crate::codec::EncoderSettings;
use crate::session::jitter::JitterSettings;

/// The settings of an engine. [`EngineConfig::default`] gives every value; change what differs.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Media threads; 0 is one per two cores. A thread carries some 1,500 relayed calls; more threads
    /// than are needed wake up more often for fewer packets each, and signalling wants a core too.
    pub shards: usize,
    /// The address RTP sockets are bound to.
    pub ip: IpAddr,
    /// The address put into session descriptions, where it differs from the bound one.
    pub advertised_ip: Option<IpAddr>,
    /// UDP ports to use: each leg takes an even one and the odd one after it.
    pub ports: RangeInclusive<u16>,
    /// The folder recordings are written to.
    pub recordings: PathBuf,
    /// Bytes that must be free on its disk for a recording to begin.
    pub min_free: u64,
    /// How long a leg that should send may be silent before it is reported.
    pub rtp_timeout: Duration,
    /// How long nothing goes out to a far end before a packet does that says nothing and keeps a NAT
    /// open (RFC 6263); none: however long.
    pub rtp_keepalive: Option<Duration>,
    /// Mean time between RTCP reports of a leg (RFC 3550 section 6.2 wants 5 s or more).
    pub rtcp_interval: Duration,
    /// Time between two quality events of a leg.
    pub quality_interval: Duration,
    /// How sound is encoded where it has to be, as far as the far end leaves it to us.
    pub encoder: EncoderSettings,
    /// When Opus packets carry the ones before them, so that a loss can be repaired.
    pub fec: OpusFec,
    /// Whether faxes between legs of G.711 are recognised and left alone.
    pub fax: FaxMode,
    /// How long packets may wait where they are decoded.
    pub jitter: JitterSettings,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            shards: 0,
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertised_ip: None,
            ports: 20_000..=29_999,
            recordings: PathBuf::from("recordings"),
            min_free: 0,
            rtp_timeout: Duration::from_secs(60),
            rtp_keepalive: Some(Duration::from_secs(15)),
            rtcp_interval: Duration::from_secs(5),
            quality_interval: Duration::from_secs(5),
            encoder: EncoderSettings::default(),
            fec: OpusFec::default(),
            fax: FaxMode::default(),
            jitter: JitterSettings::default(),
        }
    }
}

/// Why the engine could not do what it must do at once.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The port range holds no even port with an odd one after it.
    #[error("the RTP port range holds no pair of an even and an odd port")]
    NoPortPair,
    /// Every pair of ports is in use, by us or by others.
    #[error("all RTP ports are in use")]
    PortsExhausted,
    /// A socket could not be made for another reason than its port being taken.
    #[error("cannot open an RTP socket on {ip}: {source}")]
    Socket {
        /// The address it was to be bound to.
        ip: IpAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused a thread or its poller.
    #[error("cannot start a media thread: {0}")]
    Thread(io::Error),
    /// The recordings folder cannot be made or read.
    #[error("cannot use the recordings folder {}: {source}", path.display())]
    Recordings {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The engine was shut down.
    #[error("the media engine is shut down")]
    ShutDown,
}
