//! SIP sockets, their limits, and the registrar.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Broken, DefenceConfig, EncryptionConfig, FollowRedirects, HepConfig, LostTransfer, PingPhones,
    SubscriptionConfig, TraceConfig, WebSocketConfig, units,
};
use crate::sip::digest::Algorithm;
use crate::sip::header::AlertInfo;
use crate::sip::invite::{
    DialogOptions, ReliableProvisional, SessionTimerMode, SessionTimerPolicy,
};

/// Section `[sip]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipConfig {
    /// Where datagrams are received. Port 0 lets the system choose.
    pub udp: Vec<SocketAddr>,
    /// Where TCP connections are accepted. Port 0 takes the port the first UDP socket got, where it
    /// is free.
    pub tcp: Vec<SocketAddr>,
    /// Where TLS connections are accepted. Port 0 lets the system choose.
    pub tls: Vec<SocketAddr>,
    /// Where WebSockets are accepted (RFC 7118). Port 0 lets the system choose.
    pub ws: Vec<SocketAddr>,
    /// Where WebSockets inside TLS are accepted. Port 0 lets the system choose.
    pub wss: Vec<SocketAddr>,
    /// The domain of our extensions, as it stands in their addresses-of-record.
    pub domain: String,
    /// The realm of digest challenges. Changing it makes phones enter their password again.
    pub realm: String,
    /// The algorithms of digest challenges, best first. Phones that only know MD5 often fail when
    /// asked for SHA-256 as well, instead of choosing.
    #[serde(with = "algorithms")]
    pub digest_algorithms: Vec<Algorithm>,
    /// The address put into Contact and Via when phones reach this server by another one than it
    /// binds to (a NAT or a load balancer); none: the address the message came in by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_address: Option<IpAddr>,
    /// Whether provisional responses are acknowledged (RFC 3262): `off`, `supported`, `required`.
    pub reliable_provisional: ReliableProvisional,
    /// Whether sessions are refreshed, so that a call whose phone is gone ends (RFC 4028): `off`,
    /// `accept`, where the other side asks for it, or `request`, on every call.
    pub session_timer: SessionTimerMode,
    /// How long a session lasts without a refresh, where we have a say.
    #[serde(with = "units::duration")]
    pub session_expires: Duration,
    /// A peer that wants to refresh more often than this is refused with 422.
    #[serde(with = "units::duration")]
    pub min_se: Duration,
    /// What becomes of a party whose transfer led nowhere, when who transferred it has hung up:
    /// `ends`, or `returns` to who transferred.
    pub lost_transfer: LostTransfer,
    /// The longest text message one phone may send to another. Above 1,300 bytes it reaches only
    /// phones on TCP, TLS or WebSockets (RFC 3428 section 8).
    #[serde(with = "units::size")]
    pub message_body: usize,
    /// How phones are told to ring for callers inside: the value of `Alert-Info` (RFC 3261 section
    /// 20.4); empty: not at all.
    pub alert_info_internal: AlertInfo,
    /// The same for callers who come by a trunk.
    pub alert_info_external: AlertInfo,
    /// What becomes of a call that a phone of ours sends on (3xx): `inside`, it is followed to
    /// numbers of this server that the extension may dial, or `never`.
    pub follow_redirects: FollowRedirects,
    /// True: no version number in `Server` and `User-Agent`.
    pub hide_version: bool,
    /// Certificates, and who has to show one.
    pub encryption: EncryptionConfig,
    /// Which web pages may open a WebSocket.
    pub websocket: WebSocketConfig,
    /// The name servers that are asked for the hosts of trunks and contacts; none: those the system
    /// is set to.
    pub dns: Vec<SocketAddr>,
    /// A server that says nothing for so long is left for the next one its name leads to, if there
    /// is one (RFC 3263 section 4.3).
    #[serde(with = "units::duration")]
    pub failover_after: Duration,
    /// What a peer may use up.
    pub limits: SipLimits,
    /// How long registrations last.
    pub registrar: RegistrarConfig,
    /// Who may watch whom, and for how long.
    pub subscriptions: SubscriptionConfig,
    /// What strangers may do before they are kept out.
    pub defence: DefenceConfig,
    /// The messages of calls, kept for whoever looks for a fault.
    pub trace: TraceConfig,
    /// Copies of all messages for a capture server.
    pub hep: HepConfig,
}

impl Default for SipConfig {
    fn default() -> Self {
        // Loopback: a server that was only tried out must not be reachable from the network.
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 5060));
        Self {
            udp: vec![local],
            tcp: vec![local],
            // Encryption wants a certificate, which only an operator can choose.
            tls: Vec::new(),
            ws: Vec::new(),
            wss: Vec::new(),
            domain: "offhook.local".into(),
            realm: "offhook".into(),
            // What every phone speaks: libre 1.0 and JsSIP give up at the sight of SHA-256.
            digest_algorithms: vec![Algorithm::Md5],
            external_address: None,
            // Who knows it gains early media that survives a lost packet; nobody else notices.
            reliable_provisional: ReliableProvisional::Supported,
            // RTP that stops is noticed anyway, so we need no refreshes of our own.
            session_timer: SessionTimerMode::Accept,
            session_expires: SessionTimerPolicy::default().expires,
            min_se: SessionTimerPolicy::default().min_se,
            // A phone that rings again an hour into lunch surprises; an office that wants it says so.
            lost_transfer: LostTransfer::Ends,
            // Two pages of text. Pictures and files are not what a message in page mode is for.
            message_body: 8 * 1024,
            // Most calls at a desk are from inside: they ring as the phone is set.
            alert_info_internal: AlertInfo::default(),
            // Where phones know it, a call from outside is heard as one; others pass over it.
            alert_info_external: AlertInfo::external(),
            // People set their phones to forward and expect it to work; nothing is dialled that they
            // could not dial themselves.
            follow_redirects: FollowRedirects::Inside,
            // Whoever sees the version has called us or is called: never a stranger.
            hide_version: false,
            encryption: EncryptionConfig::default(),
            websocket: WebSocketConfig::default(),
            dns: Vec::new(),
            // Three tries of a datagram (0, 0.5 and 1.5 s), with time for an answer to the last.
            failover_after: Duration::from_secs(4),
            limits: SipLimits::default(),
            registrar: RegistrarConfig::default(),
            subscriptions: SubscriptionConfig::default(),
            defence: DefenceConfig::default(),
            trace: TraceConfig::default(),
            hep: HepConfig::default(),
        }
    }
}

/// Section `[sip.limits]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipLimits {
    /// Stream connections at once, all peers and TCP, TLS and WebSockets together. A quarter is kept for
    /// those we know (see [`DefenceConfig`]) and for connections we open.
    pub max_connections: usize,
    /// Connections at once of one address, or of one /64 network of IPv6. None: half of `max_connections`, so that no single peer
    /// can lock the others out, while a whole office may still sit behind one address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections_per_source: Option<usize>,
    /// A stream connection without traffic for so long is closed, unless a phone is registered by it or
    /// a call came by it. Whoever is gone without a word is noticed after 75 s.
    #[serde(with = "units::duration")]
    pub idle_timeout: Duration,
    /// A message must be complete so soon after its first byte, and so must the greeting of TLS and
    /// of a WebSocket, and the first message of who connects to us.
    #[serde(with = "units::duration")]
    pub message_timeout: Duration,
    /// The largest message, headers and body together.
    #[serde(with = "units::size")]
    pub max_message_size: usize,
    /// With more messages than this waiting to be worked on, new calls are refused with 503 while
    /// calls in progress go on.
    pub high_water: usize,
    /// What `Retry-After` says in such a refusal.
    #[serde(with = "units::duration")]
    pub retry_after: Duration,
}

impl Default for SipLimits {
    fn default() -> Self {
        Self {
            // Each costs a descriptor; the usual limit of a service is 1,024 to 65,536 of them.
            max_connections: 1000,
            max_connections_per_source: None,
            // Longer than the keep-alive interval phones use (RFC 5626 section 4.4.1: up to 120 s).
            idle_timeout: Duration::from_secs(600),
            message_timeout: Duration::from_secs(10),
            // RFC 3261 section 18.1.1 wants datagrams of 65,535 bytes to be accepted.
            max_message_size: 64 * 1024,
            // About a quarter of a second of work on the smallest machine.
            high_water: 1000,
            retry_after: Duration::from_secs(5),
        }
    }
}

/// Section `[sip.registrar]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrarConfig {
    /// A shorter registration is refused with 423 (RFC 3261 section 10.3).
    #[serde(with = "units::duration")]
    pub min_expires: Duration,
    /// How long a registration lasts that does not say.
    #[serde(with = "units::duration")]
    pub default_expires: Duration,
    /// A longer registration is shortened to this.
    #[serde(with = "units::duration")]
    pub max_expires: Duration,
    /// Phones per extension.
    pub max_contacts: usize,
    /// How often a phone that keeps its connection open (RFC 5626) is told to say that it is there.
    #[serde(with = "units::duration")]
    pub flow_timer: Duration,
    /// Which phones on datagrams are asked now and then whether they are there, which also keeps the
    /// NAT before them open: `never`, `behind_nat` or `always`.
    pub ping_phones: PingPhones,
    /// How often.
    #[serde(with = "units::duration")]
    pub ping_interval: Duration,
}

impl Default for RegistrarConfig {
    fn default() -> Self {
        Self {
            // Phones behind a NAT renew every minute to keep its mapping open.
            min_expires: Duration::from_secs(30),
            default_expires: Duration::from_secs(3600),
            max_expires: Duration::from_secs(7200),
            max_contacts: 10,
            // What RFC 5626 section 4.4.1 recommends for streams.
            flow_timer: Duration::from_secs(120),
            // Nobody else needs it: an open address is always open.
            ping_phones: PingPhones::BehindNat,
            // Below what most NATs remember a silent mapping for.
            ping_interval: Duration::from_secs(60),
        }
    }
}

impl SipConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        let addresses = [&self.udp, &self.tcp, &self.tls, &self.ws, &self.wss];
        if addresses.iter().all(|list| list.is_empty()) {
            return Err(("sip.udp", "with no address at all nobody can call"));
        }
        if self.domain.is_empty() || self.domain.contains(char::is_whitespace) {
            return Err(("sip.domain", "must be a host name"));
        }
        if self.realm.is_empty() || self.realm.contains(['"', '\\', '\r', '\n']) {
            return Err(("sip.realm", "must not be empty or hold quotes"));
        }
        if self.digest_algorithms.is_empty() {
            return Err((
                "sip.digest_algorithms",
                "must name at least one: phones prove who they are",
            ));
        }
        let patience = Duration::from_secs(1)..Duration::from_secs(32);
        if !patience.contains(&self.failover_after) {
            return Err((
                "sip.failover_after",
                "must be at least 1s and shorter than a transaction, which is 32s",
            ));
        }
        if self.message_body < 1300 {
            return Err((
                "sip.message_body",
                "must be at least 1300 bytes, what every phone can be sent",
            ));
        }
        self.check_session_timer()?;
        self.encryption.check()?;
        self.limits.check()?;
        self.defence.check()?;
        self.trace.check()?;
        self.hep.check()?;
        self.subscriptions.check()?;
        self.registrar.check()
    }

    /// RFC 4028 sections 4 and 5.
    fn check_session_timer(&self) -> Result<(), Broken> {
        let whole = |time: Duration| time.subsec_nanos() == 0;
        if self.min_se < Duration::from_secs(90) || !whole(self.min_se) {
            return Err(("sip.min_se", "must be whole seconds, and at least 90s"));
        }
        if self.session_expires < self.min_se || !whole(self.session_expires) {
            return Err((
                "sip.session_expires",
                "must be whole seconds, and not less than min_se",
            ));
        }
        if self.session_expires > LONGEST_SESSION {
            return Err(("sip.session_expires", "must be at most 24h"));
        }
        Ok(())
    }

    /// The hosts by which phones call this server: its domain and the addresses it is known to
    /// have, IPv6 in brackets as in a URI.
    #[must_use]
    pub fn own_hosts(&self) -> Vec<String> {
        let sockets = [&self.udp, &self.tcp, &self.tls, &self.ws, &self.wss];
        let bound = sockets.into_iter().flatten().map(SocketAddr::ip);
        let addresses = self.external_address.into_iter().chain(bound);
        let mut hosts = vec![self.domain.clone()];
        for address in addresses.filter(|address| !address.is_unspecified()) {
            let host = match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    /// Which extensions our dialogs use.
    #[must_use]
    pub fn dialog_options(&self) -> DialogOptions {
        DialogOptions {
            reliable: self.reliable_provisional,
            timer: SessionTimerPolicy {
                mode: self.session_timer,
                expires: self.session_expires,
                min_se: self.min_se,
            },
        }
    }
}

/// A session timer beyond this notices nothing in useful time.
const LONGEST_SESSION: Duration = Duration::from_secs(86_400);

/// Digest algorithms by the names they have in headers, in any case.
mod algorithms {
    use super::Algorithm;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(list: &[Algorithm], to: S) -> Result<S::Ok, S::Error> {
        let names: Vec<_> = list.iter().map(|algorithm| algorithm.as_str()).collect();
        names.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Algorithm>, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        let algorithm = |name: String| {
            Algorithm::parse(name.as_bytes()).ok_or_else(|| {
                let known = Algorithm::ALL.map(Algorithm::as_str).join(", ");
                serde::de::Error::custom(format!("unknown algorithm {name:?}, known are {known}"))
            })
        };
        names.into_iter().map(algorithm).collect()
    }
}

impl SipLimits {
    fn check(&self) -> Result<(), Broken> {
        if self.max_message_size < 1500 {
            return Err((
                "sip.limits.max_message_size",
                "must be at least 1500 bytes, one Ethernet packet",
            ));
        }
        if self.high_water == 0 {
            return Err(("sip.limits.high_water", "must be at least 1"));
        }
        if self.idle_timeout < Duration::from_secs(1) {
            return Err(("sip.limits.idle_timeout", "must be at least 1s"));
        }
        if self.message_timeout < Duration::from_millis(100) {
            return Err(("sip.limits.message_timeout", "must be at least 100ms"));
        }
        Ok(())
    }
}

impl RegistrarConfig {
    fn check(&self) -> Result<(), Broken> {
        if self.min_expires < Duration::from_secs(1) {
            return Err(("sip.registrar.min_expires", "must be at least 1s"));
        }
        if self.default_expires < self.min_expires {
            return Err((
                "sip.registrar.default_expires",
                "must not be less than min_expires",
            ));
        }
        if self.max_expires < self.default_expires {
            return Err((
                "sip.registrar.max_expires",
                "must not be less than default_expires",
            ));
        }
        if self.max_contacts == 0 {
            return Err(("sip.registrar.max_contacts", "must be at least 1"));
        }
        let intervals = Duration::from_secs(10)..=Duration::from_secs(3600);
        if !intervals.contains(&self.ping_interval) {
            return Err(("sip.registrar.ping_interval", "must be from 10s to 1h"));
        }
        Ok(())
    }
}
