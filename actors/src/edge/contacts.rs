//! Where somebody can be rung.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};
use offhook_core::dialplan;
use offhook_core::directory::{self, Trunk};
use offhook_core::sip::endpoint::SipTransport;
use offhook_core::sip::header::NameAddr;
use offhook_core::sip::invite::Credentials;
use offhook_core::sip::uri;
use offhook_core::{ExtensionId, HangupCause};

use super::SipCore;
use super::outbox::literal;
use crate::call::{Contact, RingTarget};
use crate::registrar::Phone;

/// An address nobody has (RFC 5737), for asking which of our own would be used towards the world.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The port of a URI without one (RFC 3261 section 19.1.2).
const DEFAULT_PORT: u16 = 5060;

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

    /// The trunk that takes a number outside.
    ///
    /// # Errors
    /// [`HangupCause::UnallocatedNumber`] when no trunk takes it, [`HangupCause::Congestion`] when
    /// that trunk has as many calls as it may have.
    pub fn contacts_outside(&self, number: &str) -> Result<Vec<Contact>, HangupCause> {
        let directory = self.shared.directory.load();
        let trunk = dialplan::outbound_trunk(&directory, number);
        let trunk = trunk.ok_or(HangupCause::UnallocatedNumber)?;
        if self.shared.is_full(trunk.id) {
            return Err(HangupCause::Congestion);
        }
        let contact = self.trunk_contact(number, trunk);
        Ok(vec![contact.ok_or(HangupCause::NetworkOutOfOrder)?])
    }

    fn phone_contact(&self, number: &str, phone: Phone) -> Option<Contact> {
        let net = &self.shared.net;
        let source = phone.path.peer;
        let path = net.flow(phone.path.flow, Some(source))?;
        let stream = path.transport.is_reliable();
        let address = (!stream).then_some(source);
        let domain = &net.config.domain;
        Some(Contact {
            uri: phone.uri,
            credentials: None,
            local: self
                .shared
                .party(path.local, path.transport, Some(path.flow), address),
            to: NameAddr::new(uri::sip(Some(number), domain, None)).write(),
            caller_id: None,
            domain: domain.clone(),
            routes: Vec::new(),
            headers: Vec::new(),
            turn: 0,
        })
    }

    fn trunk_contact(&self, number: &str, trunk: &Trunk) -> Option<Contact> {
        let host = trunk.host.as_deref()?;
        let transport = match trunk.transport {
            directory::SipTransport::Udp => SipTransport::Udp,
            directory::SipTransport::Tcp => SipTransport::Tcp,
        };
        let peer = SocketAddr::new(literal(host).unwrap_or(ELSEWHERE), trunk.port);
        let net = &self.shared.net;
        let local = net.local_to(transport, peer)?;
        let credentials = match (&trunk.username, &trunk.password) {
            (Some(username), Some(password)) => Some(Credentials {
                username: username.clone(),
                password: password.clone(),
            }),
            _ => None,
        };
        // A name with the usual port leaves it to the DNS where its servers are (RFC 3263).
        let stated = literal(host).is_some() || trunk.port != DEFAULT_PORT;
        let port = stated.then_some(trunk.port);
        let address = uri::sip(Some(number), &bracketed(host), port);
        Some(Contact {
            uri: with_transport(&address, transport),
            credentials,
            local: self.shared.party(local, transport, None, None),
            to: NameAddr::new(address).write(),
            caller_id: trunk.caller_id.clone(),
            domain: net.config.domain.clone(),
            routes: Vec::new(),
            headers: Vec::new(),
            turn: 0,
        })
    }
}

fn with_transport(uri: &Bytes, transport: SipTransport) -> Bytes {
    if transport == SipTransport::Udp {
        return uri.clone();
    }
    let mut out = BytesMut::with_capacity(uri.len() + 14);
    out.put_slice(uri);
    out.put_slice(b";transport=tcp");
    out.freeze()
}

/// An IPv6 address needs brackets in a URI.
fn bracketed(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        Ok(IpAddr::V4(_)) | Err(_) => host.to_owned(),
    }
}
