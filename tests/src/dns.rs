//! A name server with a zone the test writes.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result};
use hickory_proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, NAPTR, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::UdpSocket;

/// How the server is disposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    /// It answers from its zone; other names do not exist.
    #[default]
    Answers,
    /// It says nothing.
    Silent,
    /// It says that something is wrong with it (SERVFAIL).
    Fails,
}

#[derive(Debug, Default)]
struct Zone {
    rows: HashMap<(String, RecordType), Vec<Record>>,
    mood: Mood,
    asked: Vec<(String, RecordType)>,
}

/// A name server on loopback; it ends when it is dropped.
pub struct Dns {
    zone: Arc<Mutex<Zone>>,
    address: SocketAddr,
    _server: Server<Zones>,
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Dns {
    /// Starts one with an empty zone.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn start() -> Result<Self> {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?;
        let zone = Arc::<Mutex<Zone>>::default();
        let mut server = Server::new(Zones(Arc::clone(&zone)));
        server.register_socket(socket);
        Ok(Self {
            zone,
            address,
            _server: server,
        })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Text for a configuration file that lets a server ask here.
    #[must_use]
    pub fn config(&self) -> String {
        format!("[sip]\ndns = [\"{}\"]\n", self.address)
    }

    /// A host has this address, for `ttl` seconds.
    pub fn host(&self, name: &str, ttl: u32, ip: IpAddr) {
        let data = match ip {
            IpAddr::V4(ip) => RData::A(A(ip)),
            IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
        };
        self.add(name, ttl, data);
    }

    /// A service has this server: priority, weight, port, host.
    ///
    /// # Errors
    /// When a name is none.
    pub fn srv(&self, name: &str, ttl: u32, row: (u16, u16, u16, &str)) -> Result<()> {
        let (priority, weight, port, target) = row;
        let record = SRV::new(priority, weight, port, full(target)?);
        self.add(name, ttl, RData::SRV(record));
        Ok(())
    }

    /// A domain has this service: order, preference, service, replacement.
    ///
    /// # Errors
    /// When a name is none.
    pub fn naptr(&self, name: &str, ttl: u32, row: (u16, u16, &str, &str)) -> Result<()> {
        let (order, preference, service, replacement) = row;
        let text = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
        let replacement = full(replacement)?;
        let record = NAPTR::new(
            order,
            preference,
            text("s"),
            text(service),
            text(""),
            replacement,
        );
        self.add(name, ttl, RData::NAPTR(record));
        Ok(())
    }

    /// Forgets every record.
    pub fn clear(&self) {
        self.zone().rows.clear();
    }

    /// Changes its mood.
    pub fn becomes(&self, mood: Mood) {
        self.zone().mood = mood;
    }

    /// How often it was asked so far.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.zone().asked.len()
    }

    fn add(&self, name: &str, ttl: u32, data: RData) {
        let Ok(full) = full(name) else { return };
        let kind = data.record_type();
        let record = Record::from_rdata(full, ttl, data);
        let key = (name.to_ascii_lowercase(), kind);
        self.zone().rows.entry(key).or_default().push(record);
    }

    fn zone(&self) -> MutexGuard<'_, Zone> {
        lock(&self.zone)
    }
}

fn full(name: &str) -> Result<Name> {
    let dotted = format!("{}.", name.trim_end_matches('.'));
    Name::from_ascii(&dotted).with_context(|| format!("{name} is no name"))
}

fn lock(zone: &Mutex<Zone>) -> MutexGuard<'_, Zone> {
    zone.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What hickory asks for answers.
struct Zones(Arc<Mutex<Zone>>);

#[async_trait::async_trait]
impl RequestHandler for Zones {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut to: R,
    ) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = true;
        metadata.recursion_available = true;
        let nothing = ResponseInfo::from(Header {
            metadata,
            counts: HeaderCounts::default(),
        });
        let Ok(asked) = request.request_info() else {
            return nothing;
        };
        let name = asked.query.name().to_string();
        let key = (
            name.trim_end_matches('.').to_ascii_lowercase(),
            asked.query.query_type(),
        );
        let (mood, rows) = {
            let mut zone = lock(&self.0);
            zone.asked.push(key.clone());
            (zone.mood, zone.rows.get(&key).cloned().unwrap_or_default())
        };
        match mood {
            Mood::Silent => return nothing,
            Mood::Fails => metadata.response_code = ResponseCode::ServFail,
            Mood::Answers if rows.is_empty() => metadata.response_code = ResponseCode::NXDomain,
            Mood::Answers => {}
        }
        let rows = if mood == Mood::Answers {
            rows
        } else {
            Vec::new()
        };
        let builder = MessageResponseBuilder::from_message_request(request);
        let response = builder.build(metadata, rows.iter(), [], [], []);
        to.send_response(response).await.unwrap_or(nothing)
    }
}
