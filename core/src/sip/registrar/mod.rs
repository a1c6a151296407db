//! Who can be reached where: the bindings of each address-of-record (RFC 3261 section 10.3).
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`binding`] | one contact, and how it got here |
//! | [`phone`] | which phone a binding is of, whatever connection it has |
//! | [`pulse`] | whether phones are there: who is asked, and when |
//! | [`update`] | what a REGISTER asks for, and why that may be refused |
//!
//! A REGISTER changes all it asks for or nothing. What changed is told by
//! [`poll_change`](Registrar::poll_change).

pub mod binding;
pub mod phone;
pub mod pulse;
#[cfg(test)]
mod tests;
pub mod update;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use ahash::RandomState;
use bytes::Bytes;

use super::endpoint::{FlowId, Path};
use super::header::Expires;
use super::header_name::HeaderName;
use super::message::{Request, Response};
use super::status;
use crate::config::RegistrarConfig;

pub use binding::Binding;
pub use phone::PhoneName;
pub use pulse::{PhoneHealth, Ping};
pub use update::RegisterError;

/// The bindings of all addresses-of-record, which `K` names: an extension, say. Whether somebody may
/// register as a `K` is decided before a request gets here.
#[derive(Debug, Clone)]
pub struct Registrar<K> {
    limits: RegistrarConfig,
    bindings: HashMap<K, Vec<Binding>, RandomState>,
    owners: HashMap<u64, K, RandomState>,
    expiries: BTreeSet<(Instant, u64)>,
    /// Bindings that end with their connection.
    flows: BTreeSet<(FlowId, u64)>,
    /// Who is asked whether it is there.
    pulse: pulse::Pulse,
    /// Numbers bindings and updates in the order they came.
    serial: u64,
    changes: VecDeque<BindingChange<K>>,
}

/// A binding came, stayed or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingChange<K> {
    /// Whose binding.
    pub aor: K,
    /// The contact URI as it was sent.
    pub contact: Bytes,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Registered,
    /// It was there and lasts longer now.
    Renewed,
    /// It is gone: taken back, run out, or its connection closed.
    Unregistered,
}

impl<K: Clone + Eq + Hash + Debug> Registrar<K> {
    /// No bindings yet.
    #[must_use]
    pub fn new(limits: RegistrarConfig) -> Self {
        Self {
            limits,
            bindings: HashMap::default(),
            owners: HashMap::default(),
            expiries: BTreeSet::new(),
            flows: BTreeSet::new(),
            pulse: pulse::Pulse::default(),
            serial: 0,
            changes: VecDeque::new(),
        }
    }

    /// Takes in a REGISTER for `aor` that came in by `path`, and returns its response: a 200 with all
    /// bindings of `aor`, or a refusal that changed nothing.
    pub fn handle_register(
        &mut self,
        now: Instant,
        aor: &K,
        path: Path,
        request: &Request,
    ) -> Response {
        match self.register(now, aor, path, request) {
            Ok(()) => {
                let mut response = Response::to(request, 200, status::phrase(200));
                self.tell_extensions(path, request, &mut response);
                for binding in self.lookup(now, aor) {
                    response
                        .headers
                        .push(HeaderName::Contact, binding.contact_row(now));
                }
                response
            }
            Err(error) => {
                let mut response = Response::to(request, error.status(), error.reason());
                if let RegisterError::TooBrief { min_expires } = error {
                    response
                        .headers
                        .push(HeaderName::MinExpires, Expires(min_expires).write());
                }
                response
            }
        }
    }

    /// What a phone is told about what was done with its path (RFC 3327 section 5.3) and its flow (RFC
    /// 5626 section 6).
    fn tell_extensions(&self, path: Path, request: &Request, response: &mut Response) {
        let asked = &request.headers;
        let headers = &mut response.headers;
        headers.push(HeaderName::Supported, "outbound, path");
        if asked.has_token(&HeaderName::Supported, "path") {
            for value in asked.all(&HeaderName::Path) {
                headers.push(HeaderName::Path, value.clone());
            }
        }
        if update::wants_outbound(request) {
            headers.push(HeaderName::Require, "outbound");
            let direct = asked.list(&HeaderName::Via).nth(1).is_none();
            if direct && path.transport.is_reliable() {
                let seconds = self.limits.flow_timer.as_secs();
                headers.push(HeaderName::FlowTimer, seconds.to_string());
            }
        }
    }

    /// The same without the response.
    ///
    /// # Errors
    /// One kind per way a REGISTER can be refused; nothing has changed then.
    pub fn register(
        &mut self,
        now: Instant,
        aor: &K,
        path: Path,
        request: &Request,
    ) -> Result<(), RegisterError> {
        self.expire(now);
        let serial = self.next_serial();
        let update = update::Update {
            now,
            path,
            serial,
            limits: &self.limits,
        };
        let old = self
            .bindings
            .get(aor)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if let Some(new) = update.apply(request, old)? {
            self.commit(aor, new);
            for binding in self.bindings.get(aor).into_iter().flatten() {
                self.pulse.renewed(now, &self.limits, binding);
            }
        }
        Ok(())
    }

    fn next_serial(&mut self) -> u64 {
        // A request makes at most `max_contacts` bindings, each with a number of its own.
        let serial = self.serial;
        let step = u64::try_from(self.limits.max_contacts).unwrap_or(u64::MAX);
        self.serial = self.serial.saturating_add(step).saturating_add(1);
        serial
    }

    /// Puts `new` in the place of the bindings of `aor` and notes what is different.
    fn commit(&mut self, aor: &K, new: Vec<Binding>) {
        let old = self.bindings.remove(aor).unwrap_or_default();
        for binding in &old {
            self.expiries.remove(&(binding.expires_at, binding.id));
            self.flows.remove(&(binding.path.flow, binding.id));
            let stays = |other: &Binding| other.id == binding.id && other.uri == binding.uri;
            if !new.iter().any(stays) {
                self.change(aor, binding, ChangeKind::Unregistered);
            }
            if !new.iter().any(|other| other.id == binding.id) {
                self.owners.remove(&binding.id);
                self.pulse.forget(binding.id);
            }
        }
        for binding in &new {
            self.expiries.insert((binding.expires_at, binding.id));
            if binding.is_bound_to_flow() {
                self.flows.insert((binding.path.flow, binding.id));
            }
            self.owners.insert(binding.id, aor.clone());
            match old
                .iter()
                .find(|other| other.id == binding.id && other.uri == binding.uri)
            {
                None => self.change(aor, binding, ChangeKind::Registered),
                Some(other) if other.updated != binding.updated => {
                    self.change(aor, binding, ChangeKind::Renewed);
                }
                Some(_) => {}
            }
        }
        if !new.is_empty() {
            self.bindings.insert(aor.clone(), new);
        }
    }

    fn change(&mut self, aor: &K, binding: &Binding, kind: ChangeKind) {
        let contact = binding.uri.clone();
        self.changes.push_back(BindingChange {
            aor: aor.clone(),
            contact,
            kind,
        });
    }

    /// Forgets what has run out by `now`.
    pub fn expire(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.expiries.first()
            && at <= now
        {
            self.expiries.pop_first();
            self.remove_binding(id);
        }
    }

    /// Forgets the bindings that were made over a connection that is closed now: nothing else leads
    /// to such a phone. A UDP socket's end is none.
    pub fn flow_closed(&mut self, flow: FlowId) {
        let ids: Vec<u64> = self
            .flows
            .range((flow, 0)..=(flow, u64::MAX))
            .map(|entry| entry.1)
            .collect();
        for id in ids {
            self.remove_binding(id);
        }
    }

    /// Forgets all bindings of `aor`, because it is no more, or may not register any longer.
    pub fn remove(&mut self, aor: &K) {
        self.commit(aor, Vec::new());
    }

    fn remove_binding(&mut self, id: u64) {
        let Some(aor) = self.owners.get(&id).cloned() else {
            return;
        };
        let old = self
            .bindings
            .get(&aor)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let new = old
            .iter()
            .filter(|binding| binding.id != id)
            .cloned()
            .collect();
        self.commit(&aor, new);
    }

    /// Says what changed, oldest first.
    pub fn poll_change(&mut self) -> Option<BindingChange<K>> {
        self.changes.pop_front()
    }

    /// When [`expire`](Self::expire) is due next.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|entry| entry.0)
    }

    /// The next phone to be asked by `now` whether it is there; [`pong`](Self::pong) is to be told
    /// what became of that.
    pub fn poll_ping(&mut self, now: Instant) -> Option<Ping> {
        let id = self.pulse.poll(now, self.limits.ping_interval)?;
        let aor = self.owners.get(&id)?;
        let mut all = self.bindings.get(aor)?.iter();
        let binding = all.find(|binding| binding.id == id)?;
        Some(Ping {
            id,
            uri: binding.uri.clone(),
            path: binding.path,
        })
    }

    /// Whether a phone that was asked answered, with whatever status, or could not be reached.
    pub fn pong(&mut self, now: Instant, id: u64, answered: bool) {
        self.pulse.answered(now, id, answered);
    }

    /// When [`poll_ping`](Self::poll_ping) is due next.
    #[must_use]
    pub fn next_ping(&self) -> Option<Instant> {
        self.pulse.next()
    }

    /// Whether the phone of a binding is there.
    #[must_use]
    pub fn health(&self, binding: &Binding) -> PhoneHealth {
        self.pulse.health(binding.id)
    }

    /// Whether nothing is remembered, indexes included.
    #[cfg(test)]
    fn is_idle(&self) -> bool {
        self.is_empty() && self.expiries.is_empty() && self.pulse.is_empty()
    }

    /// Where `aor` can be reached: the most wanted contact first (by `q`), of equal ones the latest.
    #[must_use]
    pub fn lookup(&self, now: Instant, aor: &K) -> Vec<&Binding> {
        let all = self.bindings.get(aor).into_iter().flatten();
        let mut found: Vec<_> = all.filter(|binding| binding.expires_at > now).collect();
        found.sort_by_key(|binding| std::cmp::Reverse((binding.q, binding.updated, binding.id)));
        found
    }

    /// Whose phone is reached over this connection, if one registered by it.
    #[must_use]
    pub fn on_flow(&self, flow: FlowId) -> Option<(&K, PhoneName)> {
        let (_, id) = self.flows.range((flow, 0)..=(flow, u64::MAX)).next_back()?;
        let aor = self.owners.get(id)?;
        let binding = self
            .bindings
            .get(aor)?
            .iter()
            .find(|binding| binding.id == *id)?;
        Some((aor, PhoneName::of(binding)))
    }

    /// Until when a phone is registered by this connection; `None` when none is.
    #[must_use]
    pub fn bound_until(&self, flow: FlowId) -> Option<Instant> {
        let ids = self.flows.range((flow, 0)..=(flow, u64::MAX));
        let ends = ids.filter_map(|(_, id)| {
            let all = self.bindings.get(self.owners.get(id)?)?;
            let binding = all.iter().find(|binding| binding.id == *id)?;
            Some(binding.expires_at)
        });
        ends.max()
    }

    /// The way this phone of `aor` has registered by last, if it still is.
    #[must_use]
    pub fn way_to(&self, now: Instant, aor: &K, phone: &PhoneName) -> Option<Path> {
        let all = self.bindings.get(aor).into_iter().flatten();
        let there = all.filter(|binding| binding.expires_at > now && phone.is_of(binding));
        Some(there.max_by_key(|binding| binding.updated)?.path)
    }

    /// Every binding with its owner, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Binding)> {
        self.bindings
            .iter()
            .flat_map(|(aor, all)| all.iter().map(move |binding| (aor, binding)))
    }

    /// How many bindings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether there are no bindings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}
