//! The steps of RFC 3263 section 4.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::question::{Answer, Family, Naptr, Question, Srv};
use super::target::{Means, Target};
use super::weight;
use crate::id::IdSource;
use crate::sip::Uri;
use crate::sip::endpoint::SipTransport;
use crate::sip::uri::Scheme;

/// How many targets are kept; nobody waits for more.
pub const MOST_TARGETS: usize = 32;

/// How many records of one answer are looked at.
pub const MOST_RECORDS: usize = 16;

/// Why there is nowhere to send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// The scheme has no host, or the host is no host.
    #[error("the URI names no host")]
    NoHost,
    /// The URI wants a transport we do not speak, or one that is not secure for `sips`.
    #[error("no transport of ours is wanted there")]
    Transport,
    /// The DNS knows no address we have a socket for.
    #[error("the name has no address")]
    NoAddress,
    /// The DNS did not answer.
    #[error("the name service did not answer")]
    Unanswered,
}

/// One look-up. Ask what [`poll_question`](Self::poll_question) says, hand every answer to
/// [`handle_answer`](Self::handle_answer), until [`poll_targets`](Self::poll_targets) has a result.
#[derive(Debug)]
pub struct Locate {
    domain: String,
    /// What the URI's scheme or parameter fixed.
    fixed: Option<SipTransport>,
    scheme: Scheme,
    means: Means,
    ids: IdSource,
    stage: Stage,
    questions: VecDeque<Question>,
    /// Questions without an answer, whether asked yet or not.
    open: usize,
    failed: bool,
}

/// How far it has come, with what this step has collected.
#[derive(Debug)]
enum Stage {
    Naptr(Vec<Naptr>),
    Srv(Vec<Service>),
    Addresses(Vec<Host>, HashMap<String, Vec<IpAddr>>),
    Done(Result<Vec<Target>, LocateError>),
}

/// A transport to try, with the SRV records of it.
#[derive(Debug)]
struct Service {
    transport: SipTransport,
    name: String,
    records: Vec<Srv>,
}

/// A host to try.
#[derive(Debug)]
struct Host {
    transport: SipTransport,
    name: String,
    port: u16,
}

impl Locate {
    /// Begins to look for the server of a URI. `maddr` counts before the host, and an IP address
    /// needs no question at all.
    ///
    /// # Errors
    /// [`LocateError::NoHost`] and [`LocateError::Transport`] when no answer could help.
    pub fn start(uri: &Uri, means: &Means, ids: IdSource) -> Result<Self, LocateError> {
        let scheme = uri.scheme();
        if !matches!(scheme, Scheme::Sip | Scheme::Sips) {
            return Err(LocateError::NoHost);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let maddr = uri.param("maddr").filter(|maddr| !maddr.is_empty());
        let domain = maddr.map_or_else(|| text(uri.host()), |maddr| text(&maddr));
        let fixed = fixed_transport(uri)?;
        let secure = (scheme == Scheme::Sips).then_some(SipTransport::Tls);
        if fixed.or(secure).is_some_and(|wanted| !means.speaks(wanted)) {
            return Err(LocateError::Transport);
        }
        let mut locate = Self {
            domain,
            fixed,
            scheme,
            means: means.clone(),
            ids,
            stage: Stage::Naptr(Vec::new()),
            questions: VecDeque::new(),
            open: 0,
            failed: false,
        };
        locate.begin(uri.port())?;
        Ok(locate)
    }

    fn begin(&mut self, port: Option<u16>) -> Result<(), LocateError> {
        let literal = literal(&self.domain);
        if literal.is_some() || port.is_some() {
            let transport = self.default_transport()?;
            let port = port.unwrap_or(default_port(transport));
            match literal {
                Some(ip) => self.finish(vec![(transport, SocketAddr::new(ip, port))]),
                None => {
                    let name = self.domain.clone();
                    let host = Host {
                        transport,
                        name,
                        port,
                    };
                    self.ask_addresses(vec![host]);
                }
            }
        } else if let Some(transport) = self.fixed {
            self.ask_services(vec![(transport, self.service_name(transport))]);
        } else {
            self.ask(Question::Naptr(self.domain.clone()));
        }
        Ok(())
    }

    /// The next question. Questions may be asked at once and answered in any order.
    pub fn poll_question(&mut self) -> Option<Question> {
        self.questions.pop_front()
    }

    /// The DNS answered, or did not. An answer of the wrong kind counts as nothing.
    pub fn handle_answer(&mut self, question: &Question, answer: Answer) {
        if self.open == 0 {
            return;
        }
        self.open -= 1;
        self.failed |= answer == Answer::Failed;
        match (&mut self.stage, question, answer) {
            (Stage::Naptr(found), Question::Naptr(_), Answer::Naptr(records)) => *found = records,
            (Stage::Srv(services), Question::Srv(name), Answer::Srv(mut records)) => {
                records.truncate(MOST_RECORDS);
                let mut asked = services.iter_mut();
                if let Some(service) = asked.find(|service| service.name == *name) {
                    service.records = records;
                }
            }
            (
                Stage::Addresses(_, found),
                Question::Address(name, _),
                Answer::Addresses(mut addresses),
            ) => {
                addresses.truncate(MOST_RECORDS);
                found.entry(name.clone()).or_default().extend(addresses);
            }
            (Stage::Naptr(_) | Stage::Srv(_) | Stage::Addresses(..) | Stage::Done(_), _, _) => {}
        }
        if self.open == 0 {
            self.advance();
        }
    }

    /// The result, once every question has its answer; it comes once. The list is never empty.
    pub fn poll_targets(&mut self) -> Option<Result<Vec<Target>, LocateError>> {
        match &mut self.stage {
            Stage::Done(result) => Some(std::mem::replace(result, Err(LocateError::NoAddress))),
            Stage::Naptr(_) | Stage::Srv(_) | Stage::Addresses(..) => None,
        }
    }

    fn advance(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Done(Err(LocateError::NoAddress))) {
            Stage::Naptr(records) => self.services_named(records),
            Stage::Srv(services) => self.hosts_of(services),
            Stage::Addresses(hosts, found) => self.targets_of(&hosts, &found),
            Stage::Done(result) => self.stage = Stage::Done(result),
        }
    }

    /// Section 4.1: the services of the domain that we speak, in its order; without any, all that
    /// we speak, in ours.
    fn services_named(&mut self, mut records: Vec<Naptr>) {
        records.sort_by_key(|record| (record.order, record.preference));
        let usable = records.iter().filter_map(|record| {
            let transport = service_transport(&record.service)?;
            let terminal = record.flags.eq_ignore_ascii_case("s");
            let name = record.replacement.trim_end_matches('.');
            let fits = terminal && !name.is_empty() && self.may_use(transport);
            fits.then(|| (transport, name.to_owned()))
        });
        let mut wanted: Vec<_> = usable.take(MOST_RECORDS).collect();
        if wanted.is_empty() {
            let secure = [SipTransport::Tls];
            let ours = match self.scheme {
                Scheme::Sips => &secure[..],
                Scheme::Sip | Scheme::Tel | Scheme::Other => &self.means.transports,
            };
            let service = |transport: &SipTransport| (*transport, self.service_name(*transport));
            wanted = ours.iter().map(service).collect();
        }
        self.ask_services(wanted);
    }

    /// Section 4.2: the servers of the first service that has any; without any, the domain itself.
    fn hosts_of(&mut self, services: Vec<Service>) {
        let offered = |service: Service| {
            let mut records = service.records;
            records.retain(|record| !record.target.trim_end_matches('.').is_empty());
            (!records.is_empty()).then_some((service.transport, records))
        };
        let hosts = match services.into_iter().find_map(offered) {
            Some((transport, records)) => weight::ordered(records, &mut self.ids)
                .into_iter()
                .map(|record| Host {
                    transport,
                    name: record.target.trim_end_matches('.').to_owned(),
                    port: record.port,
                })
                .collect(),
            None => match self.default_transport() {
                Ok(transport) => vec![Host {
                    transport,
                    name: self.domain.clone(),
                    port: default_port(transport),
                }],
                Err(error) => return self.stage = Stage::Done(Err(error)),
            },
        };
        self.ask_addresses(hosts);
    }

    fn targets_of(&mut self, hosts: &[Host], found: &HashMap<String, Vec<IpAddr>>) {
        let mut targets = Vec::new();
        for host in hosts {
            let addresses = found.get(&host.name).map(Vec::as_slice).unwrap_or_default();
            for family in &self.means.families {
                let of_family = |ip: &&IpAddr| ip.is_ipv4() == (*family == Family::V4);
                for ip in addresses.iter().filter(of_family) {
                    targets.push((host.transport, SocketAddr::new(*ip, host.port)));
                }
            }
        }
        self.finish(targets);
    }

    fn finish(&mut self, places: Vec<(SipTransport, SocketAddr)>) {
        let mut targets: Vec<Target> = Vec::new();
        for (transport, address) in places {
            let known =
                |target: &Target| (target.transport, target.address) == (transport, address);
            if targets.len() < MOST_TARGETS && !targets.iter().any(known) {
                let host = self.domain.clone();
                targets.push(Target {
                    transport,
                    address,
                    host,
                });
            }
        }
        self.stage = Stage::Done(match (targets.is_empty(), self.failed) {
            (false, _) => Ok(targets),
            (true, true) => Err(LocateError::Unanswered),
            (true, false) => Err(LocateError::NoAddress),
        });
    }

    fn ask(&mut self, question: Question) {
        self.open += 1;
        self.questions.push_back(question);
    }

    fn ask_services(&mut self, wanted: Vec<(SipTransport, String)>) {
        let service = |(transport, name)| Service {
            transport,
            name,
            records: Vec::new(),
        };
        let services: Vec<_> = wanted.into_iter().map(service).collect();
        for service in &services {
            self.ask(Question::Srv(service.name.clone()));
        }
        self.stage = Stage::Srv(services);
        if self.open == 0 {
            self.advance();
        }
    }

    fn ask_addresses(&mut self, hosts: Vec<Host>) {
        let mut names: Vec<&String> = Vec::new();
        for host in &hosts {
            if !names.contains(&&host.name) {
                names.push(&host.name);
            }
        }
        let families = self.means.families.clone();
        let of = |name: &String| {
            let question = |family: &Family| Question::Address(name.clone(), *family);
            families.iter().map(question).collect::<Vec<_>>()
        };
        let questions: Vec<_> = names.into_iter().flat_map(of).collect();
        for question in questions {
            self.ask(question);
        }
        self.stage = Stage::Addresses(hosts, HashMap::new());
        if self.open == 0 {
            self.advance();
        }
    }

    fn may_use(&self, transport: SipTransport) -> bool {
        match self.scheme {
            Scheme::Sips => transport == SipTransport::Tls,
            Scheme::Sip | Scheme::Tel | Scheme::Other => self.means.transports.contains(&transport),
        }
    }

    /// Without any word about it: UDP, or TLS for `sips`. Where we have no socket for datagrams,
    /// the first we speak.
    fn default_transport(&self) -> Result<SipTransport, LocateError> {
        let usual = match self.scheme {
            Scheme::Sips => SipTransport::Tls,
            Scheme::Sip | Scheme::Tel | Scheme::Other => SipTransport::Udp,
        };
        let usual = self.fixed.unwrap_or(usual);
        let first = self.means.transports.first().copied();
        let transport = if self.means.speaks(usual) {
            Some(usual)
        } else {
            first
        };
        transport.ok_or(LocateError::Transport)
    }

    fn service_name(&self, transport: SipTransport) -> String {
        let service = match transport {
            SipTransport::Udp => "_sip._udp",
            SipTransport::Tcp => "_sip._tcp",
            SipTransport::Tls => "_sips._tcp",
            SipTransport::Ws => "_ws._tcp",
            SipTransport::Wss => "_wss._tcp",
        };
        format!("{service}.{}", self.domain)
    }
}

/// What the `transport` parameter fixes: `sips` turns TCP into TLS and allows no datagrams (RFC
/// 3261 section 26.2.2).
fn fixed_transport(uri: &Uri) -> Result<Option<SipTransport>, LocateError> {
    let Some(name) = uri.param("transport") else {
        return Ok(None);
    };
    let secure = uri.scheme() == Scheme::Sips;
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    match () {
        () if is("udp") && !secure => Ok(Some(SipTransport::Udp)),
        () if is("tls") || (is("tcp") && secure) => Ok(Some(SipTransport::Tls)),
        () if is("tcp") => Ok(Some(SipTransport::Tcp)),
        () => Err(LocateError::Transport),
    }
}

/// The transport of a NAPTR service (RFC 3263 section 4.1).
fn service_transport(service: &str) -> Option<SipTransport> {
    match () {
        () if service.eq_ignore_ascii_case("SIP+D2U") => Some(SipTransport::Udp),
        () if service.eq_ignore_ascii_case("SIP+D2T") => Some(SipTransport::Tcp),
        () if service.eq_ignore_ascii_case("SIPS+D2T") => Some(SipTransport::Tls),
        () => None,
    }
}

fn default_port(transport: SipTransport) -> u16 {
    match transport {
        SipTransport::Udp | SipTransport::Tcp => 5060,
        SipTransport::Tls => 5061,
        SipTransport::Ws => 80,
        SipTransport::Wss => 443,
    }
}

/// The address a host is, if it is no name.
fn literal(host: &str) -> Option<IpAddr> {
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(inside) => inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}
