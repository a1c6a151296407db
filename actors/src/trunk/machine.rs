//! The rules of one trunk: keeps it registered and asks its carrier whether it is there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use offhook_core::directory::{Trunk, TrunkMode};
use offhook_core::event::EventKind;
use offhook_core::sip::digest::Credentials;
use offhook_core::sip::qualify::{Qualify, QualifyEffect, QualifyTarget, Reachability};
use offhook_core::sip::register_client::{
    RegisterClient, RegisterConfig, RegisterEffect, RegisterState,
};
use offhook_core::sip::{trunk_uri, uri};
use offhook_core::{IdSource, TrunkId};

use super::message::{AskTag, TrunkEffect, TrunkInput, TrunkWays};
use super::status::{QualifyState, RegistrationState, TrunkState};

/// A part of a trunk with the number its requests carry.
type Part<T> = (u32, T);

/// One trunk.
#[derive(Debug, Clone)]
pub struct TrunkMachine {
    trunk: Arc<Trunk>,
    ids: IdSource,
    parts: u32,
    registration: Option<Part<RegisterClient>>,
    /// Registrations that are being taken back.
    leaving: Vec<Part<RegisterClient>>,
    qualify: Option<Part<Qualify>>,
    gone: bool,
    last_error: Option<String>,
    effects: VecDeque<TrunkEffect>,
}

impl TrunkMachine {
    /// Begins to register and to ask at once, as far as its settings want that.
    #[must_use]
    pub fn new(now: Instant, trunk: Arc<Trunk>, ways: &TrunkWays, ids: IdSource) -> Self {
        let mut machine = Self {
            trunk,
            ids,
            parts: 0,
            registration: None,
            leaving: Vec::new(),
            qualify: None,
            gone: false,
            last_error: None,
            effects: VecDeque::new(),
        };
        machine.take_over(now, ways);
        machine.settle();
        machine
    }

    /// Told what happened.
    pub fn handle(&mut self, now: Instant, input: TrunkInput) {
        match input {
            TrunkInput::Answer(AskTag { part, tag }, answer) => {
                let answer = answer.as_ref().map_err(|failure| *failure);
                let registration = self.registration.iter_mut().chain(&mut self.leaving);
                for (_, client) in registration.filter(|(number, _)| *number == part) {
                    client.handle(now, tag, answer);
                }
                if let Some((number, qualify)) = &mut self.qualify
                    && *number == part
                {
                    qualify.handle(now, tag, answer);
                }
            }
            TrunkInput::Reconfigure(trunk, ways) => {
                if !self.gone {
                    self.trunk = trunk;
                    self.take_over(now, &ways);
                }
            }
            TrunkInput::Leave => {
                self.gone = true;
                self.qualify = None;
                self.unregister(now);
            }
        }
        self.settle();
    }

    /// Told the time.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (_, client) in self.registration.iter_mut().chain(&mut self.leaving) {
            client.handle_timeout(now);
        }
        if let Some((_, qualify)) = &mut self.qualify {
            qualify.handle_timeout(now);
        }
        self.settle();
    }

    /// What to do next.
    pub fn poll_effect(&mut self) -> Option<TrunkEffect> {
        self.effects.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let clients = self.registration.iter().chain(&self.leaving);
        let clients = clients.filter_map(|(_, client)| client.poll_timeout());
        let qualify = self.qualify.iter();
        let qualify = qualify.filter_map(|(_, qualify)| qualify.poll_timeout());
        clients.chain(qualify).min()
    }

    /// Whether it has left for good and nothing more is to be done.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.gone && self.leaving.is_empty() && self.effects.is_empty()
    }

    /// The trunk's id.
    #[must_use]
    pub fn id(&self) -> TrunkId {
        self.trunk.id
    }

    /// Whether calls can go out here.
    #[must_use]
    pub fn state(&self) -> TrunkState {
        let needs_registration = self.trunk.mode == TrunkMode::Register;
        if self.gone || !self.trunk.enabled {
            TrunkState::Disabled
        } else if self.qualify_state() == QualifyState::Down
            || (needs_registration && self.registration_state() != RegistrationState::Registered)
        {
            TrunkState::Down
        } else {
            TrunkState::Up
        }
    }

    /// How far the registration is.
    #[must_use]
    pub fn registration_state(&self) -> RegistrationState {
        let client = self.registration.as_ref().map(|(_, client)| client.state());
        match client {
            None => RegistrationState::None,
            Some(RegisterState::Registering) => RegistrationState::Registering,
            Some(RegisterState::Registered) => RegistrationState::Registered,
            Some(RegisterState::Refused) => RegistrationState::Refused,
            Some(RegisterState::Unreachable) => RegistrationState::Unreachable,
        }
    }

    /// Where it is registered, and until when.
    #[must_use]
    pub fn binding(&self) -> Option<(&Bytes, Instant)> {
        self.registration.as_ref()?.1.binding()
    }

    /// The routes calls should take.
    #[must_use]
    pub fn service_route(&self) -> &[Bytes] {
        let client = self.registration.as_ref();
        client.map_or(&[], |(_, client)| client.service_route())
    }

    /// What OPTIONS say.
    #[must_use]
    pub fn qualify_state(&self) -> QualifyState {
        match self.qualify.as_ref().map(|(_, qualify)| qualify.state()) {
            None => QualifyState::Off,
            Some(Reachability::Unknown) => QualifyState::Unknown,
            Some(Reachability::Up) => QualifyState::Up,
            Some(Reachability::Down) => QualifyState::Down,
        }
    }

    /// How long the last answer to OPTIONS took.
    #[must_use]
    pub fn round_trip(&self) -> Option<std::time::Duration> {
        self.qualify.as_ref()?.1.round_trip()
    }

    /// What went wrong last, and has not gone right since.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        let qualify = self.qualify.as_ref();
        let qualify = qualify.and_then(|(_, qualify)| qualify.last_failure());
        let qualify = qualify.map(|failure| failure.to_string());
        self.last_error.clone().or(qualify)
    }

    /// Replaces the parts whose settings are not what they were.
    fn take_over(&mut self, now: Instant, ways: &TrunkWays) {
        let wanted = self.register_config(ways);
        let present = self.registration.as_ref();
        if present.map(|(_, client)| client.config()) != wanted.as_ref() {
            self.replace_registration(now, wanted);
        }
        let target = self.qualify_target(ways);
        let rule = self.trunk.qualify;
        let present = self.qualify.as_ref();
        let same = present.map(|(_, qualify)| (qualify.target(), qualify.rule()))
            == target.as_ref().map(|target| (target, rule));
        if !same {
            let ids = self.fresh_ids();
            let new = target.and_then(|target| Qualify::new(now, rule, target, ids));
            self.qualify = new.map(|qualify| (self.fresh(), qualify));
        }
    }

    fn replace_registration(&mut self, now: Instant, wanted: Option<RegisterConfig>) {
        let stays = |(client, wanted): (&RegisterClient, &RegisterConfig)| {
            // One that nobody has, nobody needs to be asked to forget.
            let place = client.place();
            client.config().aor == wanted.aor
                && place.is_none_or(|place| wanted.registrars.contains(place))
        };
        let present = self.registration.as_ref().map(|(_, client)| client);
        if present.zip(wanted.as_ref()).is_some_and(stays) {
            // The new registration takes the place of the old one at the registrar. Taking the old
            // one back could come after it, and undo it.
            self.registration = None;
        } else {
            self.unregister(now);
        }
        self.last_error = None;
        if let Some(config) = wanted {
            let ids = self.fresh_ids();
            let client = RegisterClient::new(now, config, ids);
            self.registration = Some((self.fresh(), client));
        }
    }

    fn unregister(&mut self, now: Instant) {
        let Some((number, mut client)) = self.registration.take() else {
            return;
        };
        if client.state() == RegisterState::Registered {
            self.publish(EventKind::TrunkUnregistered {
                trunk: self.trunk.id,
                reason: "the registration was taken back".to_owned(),
            });
        }
        client.stop(now);
        self.leaving.push((number, client));
    }

    fn register_config(&self, ways: &TrunkWays) -> Option<RegisterConfig> {
        if !self.trunk.registers() || ways.registrars.is_empty() {
            return None;
        }
        let username = self.trunk.username.as_ref()?;
        let auth_username = self.trunk.auth_username.as_ref().unwrap_or(username);
        let credentials = self.trunk.password.clone().map(|password| Credentials {
            username: auth_username.clone(),
            password,
        });
        Some(RegisterConfig {
            registrars: ways.registrars.clone(),
            aor: uri::sip(Some(username), &ways.domain, None),
            expires: self.trunk.registration.expires,
            credentials,
            routes: trunk_uri::outbound_proxy(&self.trunk).into_iter().collect(),
            product: ways.product.clone(),
        })
    }

    fn qualify_target(&self, ways: &TrunkWays) -> Option<QualifyTarget> {
        if !self.trunk.enabled || self.trunk.qualify.interval.is_none() {
            return None;
        }
        let carrier = ways.carrier.as_ref()?;
        Some(QualifyTarget {
            uri: carrier.uri.clone(),
            from: uri::sip(self.trunk.username.as_deref(), &ways.domain, None),
            contact: carrier.contact.clone(),
            routes: trunk_uri::outbound_proxy(&self.trunk).into_iter().collect(),
            product: ways.product.clone(),
        })
    }

    /// Collects what the parts want done.
    fn settle(&mut self) {
        let trunk = self.trunk.id;
        let mut clients: Vec<_> = self.registration.iter_mut().collect();
        clients.extend(&mut self.leaving);
        for (part, client) in clients {
            while let Some(effect) = client.poll_effect() {
                let effect = match effect {
                    RegisterEffect::Send {
                        tag,
                        request,
                        next_hop,
                    } => TrunkEffect::Ask {
                        tag: AskTag { part: *part, tag },
                        request,
                        next_hop,
                    },
                    RegisterEffect::Registered { registrar } => {
                        self.last_error = None;
                        let registrar = String::from_utf8_lossy(&registrar).into_owned();
                        TrunkEffect::Publish(EventKind::TrunkRegistered { trunk, registrar })
                    }
                    RegisterEffect::Unregistered { failure } => {
                        let reason = failure.to_string();
                        self.last_error = Some(reason.clone());
                        TrunkEffect::Publish(EventKind::TrunkUnregistered { trunk, reason })
                    }
                };
                self.effects.push_back(effect);
            }
        }
        self.leaving.retain(|(_, client)| !client.is_finished());
        let Some((part, qualify)) = &mut self.qualify else {
            return;
        };
        while let Some(effect) = qualify.poll_effect() {
            let effect = match effect {
                QualifyEffect::Send {
                    tag,
                    request,
                    next_hop,
                } => TrunkEffect::Ask {
                    tag: AskTag { part: *part, tag },
                    request,
                    next_hop,
                },
                QualifyEffect::Up => TrunkEffect::Publish(EventKind::TrunkUp { trunk }),
                QualifyEffect::Down(failure) => TrunkEffect::Publish(EventKind::TrunkDown {
                    trunk,
                    reason: failure.to_string(),
                }),
            };
            self.effects.push_back(effect);
        }
    }

    fn publish(&mut self, kind: EventKind) {
        self.effects.push_back(TrunkEffect::Publish(kind));
    }

    fn fresh(&mut self) -> u32 {
        self.parts += 1;
        self.parts
    }

    fn fresh_ids(&mut self) -> IdSource {
        IdSource::seeded(self.ids.bits())
    }
}
