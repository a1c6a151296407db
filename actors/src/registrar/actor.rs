//! The registrar's shell: mail → bindings → answers, events and watchers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use offhook_core::event::EventKind;
use offhook_core::sip::registrar::{BindingChange, ChangeKind};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::handle::{Mail, RegistrarArguments};
use crate::alarm::{self, Alarm};
use crate::directory::Follower;
use crate::edge::Reply;

/// Phones whose turn to be asked comes within this are asked together.
const STEP: Duration = Duration::from_millis(100);

/// Serves one [`Registrar`](super::Registrar).
#[derive(Debug, Clone, Copy, Default)]
pub struct RegistrarActor;

/// What happens to the actor.
#[derive(Debug)]
pub enum RegistrarMessage {
    /// There is mail.
    Look,
    /// A registration has run out, or a phone is to be asked whether it is there.
    Wake,
    /// The office has changed.
    DirectoryChanged,
    /// A fault for tests of supervision: the actor panics.
    Fault,
}

/// The actor while it runs.
pub struct Serving {
    arguments: RegistrarArguments,
    alarm: Alarm<RegistrarMessage>,
    /// The extensions that watchers believe to be reachable.
    reachable: BTreeSet<String>,
    started: Instant,
    /// Tells of changes of the office while this lives.
    _follower: Follower,
}

impl Actor for RegistrarActor {
    type Msg = RegistrarMessage;
    type State = Serving;
    type Arguments = RegistrarArguments;

    async fn pre_start(
        &self,
        me: ActorRef<RegistrarMessage>,
        arguments: RegistrarArguments,
    ) -> Result<Serving, ActorProcessingErr> {
        let changed = || RegistrarMessage::DirectoryChanged;
        let follower = arguments.directory.tell(me.clone(), changed);
        let mut serving = Serving {
            _follower: follower,
            alarm: Alarm::default(),
            reachable: BTreeSet::new(),
            started: alarm::now(),
            arguments,
        };
        for extension in serving.arguments.registrar.counts().into_keys() {
            serving.weigh(extension);
        }
        serving
            .arguments
            .registrar
            .0
            .inbox
            .attach(me, || RegistrarMessage::Look);
        Ok(serving)
    }

    #[expect(clippy::panic, reason = "the fault that supervision is tested with")]
    async fn handle(
        &self,
        me: ActorRef<RegistrarMessage>,
        message: RegistrarMessage,
        serving: &mut Serving,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RegistrarMessage::Look => {
                while let Some(mail) = serving.arguments.registrar.0.inbox.take() {
                    serving.mail(mail);
                }
            }
            RegistrarMessage::Wake => serving.wake(alarm::now()),
            RegistrarMessage::DirectoryChanged => serving.drop_strangers(),
            RegistrarMessage::Fault => panic!("a fault was injected into the registrar"),
        }
        serving.tell_changes();
        let next = serving.next();
        serving.alarm.rearm(&me, next, || RegistrarMessage::Wake);
        Ok(())
    }
}

impl Serving {
    fn mail(&self, mail: Mail) {
        let mut bindings = self.arguments.registrar.0.bindings.write();
        match mail {
            Mail::Register(registration) => {
                let response = bindings.handle_register(
                    alarm::now(),
                    &registration.extension,
                    registration.path,
                    &registration.request,
                );
                drop(bindings);
                self.arguments.replies.respond(registration.txn, response);
            }
            Mail::FlowClosed(flow) => bindings.flow_closed(flow),
            Mail::Pong(id, answered) => bindings.pong(alarm::now(), id, answered),
        }
    }

    fn wake(&self, now: Instant) {
        let registrar = &self.arguments.registrar;
        registrar.0.bindings.write().expire(now);
        loop {
            let ping = registrar.0.bindings.write().poll_ping(now);
            let Some(ping) = ping else { return };
            let (id, registrar) = (ping.id, registrar.clone());
            let reply = Reply::new(move |answer| registrar.pong(id, answer.is_ok()));
            self.arguments.replies.ping(ping, reply);
        }
    }

    /// When there is something to do.
    fn next(&self) -> Option<Instant> {
        let bindings = self.arguments.registrar.0.bindings.read();
        let ping = bindings.next_ping();
        let ping = ping.map(|at| alarm::rounded(at, self.started, STEP));
        [bindings.next_expiry(), ping].into_iter().flatten().min()
    }

    /// Ends the registrations of extensions that are no more or may not register any longer.
    fn drop_strangers(&self) {
        let directory = self.arguments.directory.load();
        let known = |number: &str| {
            directory
                .extension_numbered(number)
                .is_some_and(|extension| extension.enabled)
        };
        for extension in self.arguments.registrar.counts().into_keys() {
            if !known(&extension) {
                self.arguments
                    .registrar
                    .0
                    .bindings
                    .write()
                    .remove(&extension);
            }
        }
    }

    fn tell_changes(&mut self) {
        loop {
            let change = self.arguments.registrar.0.bindings.write().poll_change();
            let Some(BindingChange { aor, contact, kind }) = change else {
                return;
            };
            let contact = String::from_utf8_lossy(&contact).into_owned();
            let extension = aor.clone();
            match kind {
                ChangeKind::Registered => {
                    self.publish(EventKind::PhoneRegistered { extension, contact });
                }
                ChangeKind::Unregistered => {
                    self.publish(EventKind::PhoneUnregistered { extension, contact });
                }
                ChangeKind::Renewed => {}
            }
            self.weigh(aor);
        }
    }

    fn publish(&self, kind: EventKind) {
        self.arguments.live.publish(kind);
    }

    /// Tells watchers whether an extension can be reached, if that is news.
    fn weigh(&mut self, extension: String) {
        let reachable = self.arguments.registrar.is_reachable(&extension);
        if reachable != self.reachable.contains(&extension) {
            self.arguments.watch.reachable(&extension, reachable);
            if reachable {
                self.reachable.insert(extension);
            } else {
                self.reachable.remove(&extension);
            }
        }
    }
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving")
            .field("reachable", &self.reachable)
            .finish_non_exhaustive()
    }
}
