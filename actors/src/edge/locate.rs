//! Carries the questions of [`Locate`] to the name service.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::future::join_all;
use hickory_proto::rr::{RData, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use offhook_core::sip::endpoint::SipTransport;
use offhook_core::sip::locate::{
    Answer, Family, Locate, LocateError, Means, Naptr, Question, Srv, Target,
};

use super::net::Net;

/// How long one look-up may take, all its questions together.
const LOOKUP: Duration = Duration::from_secs(8);

/// How long one name server may take for one question; it is asked twice.
const QUESTION: Duration = Duration::from_secs(1);

/// Answers kept. Each is kept for as long as its TTL says, refusals included.
const CACHE: u64 = 4096;

/// The name service, with a cache that heeds TTLs (RFC 2308 for what does not exist).
#[derive(Debug)]
pub(crate) struct Names {
    resolver: Option<TokioResolver>,
}

impl Names {
    /// Asks these servers; without any, those the system is set to.
    pub(crate) fn open(servers: &[SocketAddr]) -> Self {
        let resolver = if servers.is_empty() {
            TokioResolver::builder_tokio()
        } else {
            let servers = servers.iter().map(|server| name_server(*server)).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            let runtime = TokioRuntimeProvider::default();
            Ok(TokioResolver::builder_with_config(config, runtime))
        };
        let resolver = resolver.and_then(|mut builder| {
            limit(builder.options_mut());
            builder.build()
        });
        match resolver {
            Ok(resolver) => Self {
                resolver: Some(resolver),
            },
            Err(error) => {
                tracing::warn!(%error, "no name service: only addresses can be called");
                Self { resolver: None }
            }
        }
    }

    /// Brings a look-up to its end.
    pub(crate) async fn locate(&self, mut locate: Locate) -> Result<Vec<Target>, LocateError> {
        let steps = async {
            loop {
                if let Some(result) = locate.poll_targets() {
                    return result;
                }
                let mut questions = Vec::new();
                while let Some(question) = locate.poll_question() {
                    questions.push(question);
                }
                let answers = join_all(questions.iter().map(|question| self.ask(question))).await;
                for (question, answer) in questions.iter().zip(answers) {
                    locate.handle_answer(question, answer);
                }
            }
        };
        let result = tokio::time::timeout(LOOKUP, steps).await;
        result.unwrap_or(Err(LocateError::Unanswered))
    }

    async fn ask(&self, question: &Question) -> Answer {
        let Some(resolver) = &self.resolver else {
            return Answer::Failed;
        };
        match question {
            Question::Naptr(name) => {
                let found = resolver.lookup(full(name), RecordType::NAPTR).await;
                answer(found, naptr, Answer::Naptr)
            }
            Question::Srv(name) => {
                let found = resolver.lookup(full(name), RecordType::SRV).await;
                answer(found, srv, Answer::Srv)
            }
            Question::Address(name, family) => {
                let kind = match family {
                    Family::V4 => RecordType::A,
                    Family::V6 => RecordType::AAAA,
                };
                // A word alone may be completed by the system's search list, or its hosts file.
                let name = if name.contains('.') {
                    full(name)
                } else {
                    name.clone()
                };
                answer(
                    resolver.lookup(name, kind).await,
                    address,
                    Answer::Addresses,
                )
            }
        }
    }
}

fn name_server(at: SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = at.port();
    }
    NameServerConfig::new(at.ip(), true, connections)
}

fn limit(options: &mut ResolverOpts) {
    options.timeout = QUESTION;
    options.attempts = 1;
    options.cache_size = CACHE;
}

fn full(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn answer<T>(
    found: Result<Lookup, NetError>,
    read: impl Fn(&RData) -> Option<T>,
    answer: impl Fn(Vec<T>) -> Answer,
) -> Answer {
    match found {
        Ok(found) => {
            let records = found.answers().iter();
            answer(records.filter_map(|record| read(&record.data)).collect())
        }
        Err(error) if error.is_no_records_found() => Answer::Nothing,
        Err(error) => {
            tracing::debug!(%error, "a name server did not answer");
            Answer::Failed
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "record types are many")]
fn naptr(data: &RData) -> Option<Naptr> {
    match data {
        RData::NAPTR(record) => Some(Naptr {
            order: record.order,
            preference: record.preference,
            flags: text(&record.flags),
            service: text(&record.services),
            replacement: record.replacement.to_ascii(),
        }),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "record types are many")]
fn srv(data: &RData) -> Option<Srv> {
    match data {
        RData::SRV(record) => Some(Srv {
            priority: record.priority,
            weight: record.weight,
            port: record.port,
            target: record.target.to_ascii(),
        }),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "record types are many")]
fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(ip) => Some(IpAddr::V4(ip.0)),
        RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
        _ => None,
    }
}

/// What we can open a way with: datagrams first, and addresses of the kind our first socket has.
/// Without being asked for it we speak what we listen for; streams can be opened all the same.
pub(crate) fn means(net: &Net) -> Means {
    let mut transports = Vec::new();
    let mut families = Vec::new();
    for (transport, local) in net.listening() {
        let family = if local.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        if !families.contains(&family) {
            families.push(family);
        }
        let opens = !matches!(transport, SipTransport::Ws | SipTransport::Wss);
        if opens && !transports.contains(&transport) {
            transports.push(transport);
        }
    }
    Means {
        transports,
        asked_for: vec![SipTransport::Tcp, SipTransport::Tls],
        families,
    }
}
