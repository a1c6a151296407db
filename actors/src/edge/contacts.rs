//! Where somebody can be rung.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use offhook_core::directory::Trunk;
use offhook_core::sip::endpoint::SipTransport;
use offhook_core::sip::header::NameAddr;
use offhook_core::sip::invite::{Credentials, LocalParty, NextHop, SessionTimerMode};
use offhook_core::sip::message::Request;
use offhook_core::sip::register_client::Registrar;
use offhook_core::sip::uri::{self, Scheme};
use offhook_core::sip::{HeaderName, Uri, trunk_uri};
use offhook_core::{ExtensionId, HangupCause};

use super::SipCore;
use super::ask::Reply;
use super::outbox::literal;
use super::secure::{is_secure, secured};
use crate::call::{Alerts, Contact, RingTarget};
use crate::registrar::Phone;
use crate::trunk::{TrunkSip, TrunkWays};

/// Addresses nobody has (RFC 5737, 3849), for asking which of our own would be used towards the world:
/// of the other kind where we have none of the first.
const ELSEWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

impl TrunkSip for SipCore {
    fn ask(&self, request: Request, next_hop: NextHop, reply: Reply) {
        Self::ask(self, request, next_hop, reply);
    }

    fn ways(&self, trunk: &Trunk) -> TrunkWays {
        let way = |uri: Bytes| {
            let party = self.trunk_party(trunk, &uri)?;
            Some(registrar(uri, party))
        };
        TrunkWays {
            registrars: trunk_uri::registrars(trunk)
                .into_iter()
                .filter_map(way)
                .collect(),
            carrier: trunk_uri::carrier(trunk).and_then(way),
            domain: trunk_uri::domain(trunk, &self.shared.net.config.domain),
            product: self.shared.product(),
        }
    }
}

fn registrar(uri: Bytes, party: LocalParty) -> Registrar {
    Registrar {
        uri,
        contact: party.contact,
    }
}

/// The `q` of a phone that says nothing (RFC 3261 section 10.2.1.2), in thousandths.
const MOST_WANTED: u16 = 1000;

impl SipCore {
    /// Where a party can be rung.
    ///
    /// # Errors
    /// As [`contacts_of`](Self::contacts_of) and [`contacts_outside`](Self::contacts_outside).
    pub fn find_contacts(&self, target: &RingTarget) -> Result<Vec<Contact>, HangupCause> {
        match target {
            RingTarget::Extension(extension) => self.contacts_of(*extension),
            RingTarget::External(number) => self.contacts_outside(number),
        }
    }

    /// The phones of an extension. Each is rung at the address or connection it registered from,
    /// whatever its Contact says, because that may lie behind a NAT.
    ///
    /// # Errors
    /// [`HangupCause::UnallocatedNumber`] for an extension that is unknown or disabled,
    /// [`HangupCause::SubscriberAbsent`] when no phone of it is registered.
    pub fn contacts_of(&self, extension: ExtensionId) -> Result<Vec<Contact>, HangupCause> {
        let directory = self.shared.directory.load();
        let extension = directory
            .extension(extension)
            .filter(|extension| extension.enabled);
        let number = &extension.ok_or(HangupCause::UnallocatedNumber)?.number;
        let registrar = self.shared.registrar.get();
        let phones = registrar
            .map(|registrar| registrar.phones(number))
            .unwrap_or_default();
        let contacts: Vec<_> = phones
            .into_iter()
            .filter_map(|phone| self.phone_contact(number, phone))
            .collect();
        if contacts.is_empty() {
            return Err(HangupCause::SubscriberAbsent);
        }
        Ok(contacts)
    }

    fn phone_contact(&self, number: &str, phone: Phone) -> Option<Contact> {
        let net = &self.shared.net;
        let source = phone.path.peer;
        let path = net.flow(phone.path.flow, Some(source));
        let domain = &net.config.domain;
        let local = if phone.routes.is_empty() {
            let path = path?;
            let stream = path.transport.is_reliable();
            let address = (!stream).then_some(source);
            let flow = Some(path.flow);
            self.shared.party(path.local, path.transport, flow, address)
        } else {
            // The proxies know the way, whatever became of the connection the REGISTER came by.
            let transport = phone.path.transport;
            let local = net.local_to(transport, source);
            let local = local.unwrap_or(phone.path.local);
            self.shared.party(local, transport, None, None)
        };
        Some(Contact {
            local: secured(local, &phone.uri),
            uri: phone.uri,
            credentials: None,
            to: NameAddr::new(uri::sip(Some(number), domain, None)).write(),
            trunk: None,
            domain: domain.clone(),
            routes: phone.routes,
            alerts: Alerts {
                inside: net.config.alert_info_internal.clone(),
                outside: net.config.alert_info_external.clone(),
            },
            headers: Vec::new(),
            // The most wanted first; phones that are wanted alike ring at once.
            turn: MOST_WANTED.saturating_sub(phone.q),
        })
    }

    /// The carrier's end of a trunk, for a number as it was dialled. None if the trunk has no host,
    /// or we have no socket for its transport.
    pub(crate) fn trunk_contact(&self, number: &str, trunk: &Trunk) -> Option<Contact> {
        let uri = trunk_uri::request_uri(trunk, number)?;
        let local = self.trunk_party(trunk, &trunk_uri::carrier(trunk)?)?;
        let net = &self.shared.net;
        let domain = trunk_uri::domain(trunk, &net.config.domain);
        let credentials = trunk.password.as_ref().and_then(|password| {
            let username = trunk.auth_username.as_ref().or(trunk.username.as_ref())?;
            Some(Credentials {
                username: username.clone(),
                password: password.clone(),
            })
        });
        let mut routes: Vec<_> = trunk_uri::outbound_proxy(trunk).into_iter().collect();
        routes.extend(self.shared.trunks().service_route(trunk.id));
        let first = routes.first();
        let first = first.and_then(|route| NameAddr::parse(route, &HeaderName::Route).ok());
        let first = first.map_or_else(|| uri.clone(), |first| first.uri);
        Some(Contact {
            to: NameAddr::new(uri.clone()).write(),
            uri,
            credentials,
            local: secured(local, &first),
            trunk: Some(trunk.id),
            domain,
            routes,
            alerts: Alerts::default(),
            headers: Vec::new(),
            turn: 0,
        })
    }

    /// What we call ourselves to a carrier, on the way to `uri`. Our Contact is as secure as that, or as
    /// the proxy before it (RFC 3261 section 8.1.1.8).
    pub(crate) fn trunk_party(&self, trunk: &Trunk, uri: &Bytes) -> Option<LocalParty> {
        let proxy = trunk.outbound_proxy.clone().map(Bytes::from);
        let hop = proxy.filter(is_secure).unwrap_or_else(|| uri.clone());
        let uri = Uri::parse(&hop).ok()?;
        let net = &self.shared.net;
        let transport = match uri.param("transport").as_deref() {
            _ if uri.scheme() == Scheme::Sips => SipTransport::Tls,
            Some(name) if name.eq_ignore_ascii_case(b"tcp") => SipTransport::Tcp,
            Some(name) if name.eq_ignore_ascii_case(b"tls") => SipTransport::Tls,
            Some(_) => SipTransport::Udp,
            None if net.udp.is_empty() => SipTransport::Tcp,
            None => SipTransport::Udp,
        };
        let host = literal(&String::from_utf8_lossy(uri.host()));
        let port = uri.port().unwrap_or(5060);
        let local_to = |ip| net.local_to(transport, SocketAddr::new(ip, port));
        let local = match host {
            Some(ip) => local_to(ip),
            None => ELSEWHERE.into_iter().find_map(local_to),
        }?;
        let user = trunk.contact_user();
        let mut party = self.shared.party_named(&user, local, transport);
        set_session_timer(&mut party, trunk);
        Some(secured(party, &hop))
    }
}

/// Sessions on a trunk last for as long as it says (RFC 4028).
pub(crate) fn set_session_timer(party: &mut LocalParty, trunk: &Trunk) {
    if let Some(expires) = trunk.session_expires {
        let timer = &mut party.options.timer;
        timer.mode = SessionTimerMode::Request;
        timer.expires = expires;
        timer.min_se = timer.min_se.min(expires);
    }
}
