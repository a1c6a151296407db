//! Which connections are needed, and finding a peer again that left its own.

use std::time::Instant;

use offhook_core::LegId;
use offhook_core::sip::HeaderName;
use offhook_core::sip::endpoint::{FlowId, Path};
use offhook_core::sip::header::NameAddr;
use offhook_core::sip::message::Request;

use super::handle::Shared;
use crate::alarm;
use crate::registrar::Home;

impl Shared {
    /// Until when a silent connection is kept, because a phone is registered by it or a call came by
    /// it; `None` when nobody needs it.
    pub(crate) fn needed_until(&self, flow: FlowId) -> Option<Instant> {
        if self.legs.lock().use_flow(flow) {
            return Some(alarm::now() + self.net.config.limits.idle_timeout);
        }
        self.registrar.get()?.bound_until(flow)
    }

    /// The way to a leg's peer that goes on by another connection than `began`, which its dialog began
    /// on and which may still seem to stand: where it was heard from last, or where it has registered
    /// anew since.
    pub(crate) fn moved_to(&self, leg: LegId, began: FlowId) -> Option<Path> {
        let legs = self.legs.lock();
        let (last, home) = (legs.last_way(leg), legs.home(leg));
        drop(legs);
        last.and_then(|path| self.elsewhere(path, began))
            .or_else(|| {
                let registrar = self.registrar.get()?;
                let left = registrar.bound_until(began).is_none();
                let way = registrar.way_to(&home?).filter(|_| left)?;
                // Who registered by datagrams did not leave this connection for them.
                let stream = way.transport.is_reliable();
                self.elsewhere(way, began).filter(|_| stream)
            })
    }

    /// A way that stands and is another than this connection.
    fn elsewhere(&self, path: Path, than: FlowId) -> Option<Path> {
        let stands = self.net.flow(path.flow, Some(path.peer));
        stands.filter(|_| path.flow != than)
    }

    /// Notes which registered phone a leg's peer is: phones come back by other connections, and
    /// their calls go on.
    pub(crate) fn recognize(&self, leg: LegId, path: Path) {
        if !path.transport.is_reliable() || self.legs.lock().home(leg).is_some() {
            return;
        }
        let registrar = self.registrar.get();
        if let Some(home) = registrar.and_then(|registrar| registrar.home_of(path.flow)) {
            self.legs.lock().lives_at(leg, home);
        }
    }

    /// As [`recognize`](Self::recognize), for an extension that calls us: an INVITE that is too large
    /// for a datagram comes by a connection of its own, from a phone that registered without one and
    /// is known by its Contact.
    pub(crate) fn recognize_caller(
        &self,
        leg: LegId,
        path: Path,
        extension: Option<String>,
        invite: &Request,
    ) {
        self.recognize(leg, path);
        let contact = invite.headers.get(&HeaderName::Contact);
        if let Some(extension) = extension
            && let Some(contact) = contact
            && let Ok(contact) = NameAddr::parse(contact, &HeaderName::Contact)
        {
            let mut legs = self.legs.lock();
            if path.transport.is_reliable() && legs.home(leg).is_none() {
                legs.lives_at(leg, Home::at(extension, &contact));
            }
        }
    }

    /// The way to a leg's peer when `lost`, the connection its dialog began on, is gone: where it was
    /// heard from last, else where the same phone has registered since.
    pub(crate) fn way_back(&self, leg: LegId, lost: FlowId) -> Option<Path> {
        let legs = self.legs.lock();
        let (last, home) = (legs.last_way(leg), legs.home(leg));
        drop(legs);
        last.and_then(|path| self.elsewhere(path, lost))
            .or_else(|| {
                let way = self.registrar.get()?.way_to(&home?)?;
                self.elsewhere(way, lost)
            })
    }
}
