//! The shell: mail → subscriptions → answers and NOTIFYs.

use std::sync::Arc;

use bytes::Bytes;
use offhook_core::sip::dialog::DialogKey;
use offhook_core::sip::header::NameAddr;
use offhook_core::sip::subscription::{EndReason, Package, SubscriptionEffect, SubscriptionInput};
use offhook_core::sip::{HeaderName, Method};
use offhook_core::{ExtensionId, IdSource};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::AbortHandle;

use super::book::Entry;
use super::grant::refusal;
use super::handle::{Mail, Shared, Subscriptions};
use super::{follow, page};
use crate::alarm::{self, Alarm};
use crate::edge::{IncomingRequest, Reply};

/// Serves [`Subscriptions`].
#[derive(Debug, Clone, Copy, Default)]
pub struct SubscriptionsActor;

/// What happens to the actor.
#[derive(Debug)]
pub enum SubscriptionsMessage {
    /// There is mail.
    Look,
    /// There is news of watched extensions.
    Changed,
    /// A subscription is due.
    Due,
    /// The office has changed, or events were missed.
    OfficeChanged,
    /// Some subscriptions have yet to be looked at for that.
    Review,
    /// Some have yet to be told the state.
    Tell,
    /// Events are followed no longer.
    FollowerFell,
    /// A fault for tests of supervision: the actor panics.
    Fault,
}

/// The actor while it runs.
#[derive(Debug)]
pub struct Serving {
    subscriptions: Subscriptions,
    alarm: Alarm<SubscriptionsMessage>,
    follower: AbortHandle,
    /// Whether [`SubscriptionsMessage::Tell`] is on its way.
    telling: bool,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Actor for SubscriptionsActor {
    type Msg = SubscriptionsMessage;
    type State = Serving;
    type Arguments = Subscriptions;

    async fn pre_start(
        &self,
        me: ActorRef<SubscriptionsMessage>,
        subscriptions: Subscriptions,
    ) -> Result<Serving, ActorProcessingErr> {
        let shared = &subscriptions.0;
        let follower = follow::follow(shared, me.clone());
        shared.book.lock().rearm();
        shared
            .inbox
            .attach(me.clone(), || SubscriptionsMessage::Look);
        // What a predecessor was about to tell is found by looking at everything.
        me.cast(SubscriptionsMessage::OfficeChanged)?;
        // News that nudged a predecessor nudge nobody again until they are taken.
        me.cast(SubscriptionsMessage::Changed)?;
        Ok(Serving {
            follower,
            alarm: Alarm::default(),
            telling: false,
            subscriptions,
        })
    }

    #[expect(clippy::panic, reason = "the fault that supervision is tested with")]
    async fn handle(
        &self,
        me: ActorRef<SubscriptionsMessage>,
        message: SubscriptionsMessage,
        serving: &mut Serving,
    ) -> Result<(), ActorProcessingErr> {
        let shared = &serving.subscriptions.0;
        let left = match message {
            SubscriptionsMessage::Look => shared.read(),
            SubscriptionsMessage::Changed => shared.take_changes(),
            SubscriptionsMessage::Due => {
                // What is due and left is due at once: the alarm sees to it.
                shared.due();
                None
            }
            SubscriptionsMessage::OfficeChanged => {
                shared.review_all();
                Some(SubscriptionsMessage::Review)
            }
            SubscriptionsMessage::Review => shared.review(),
            SubscriptionsMessage::Tell => {
                serving.telling = false;
                shared.tell();
                None
            }
            SubscriptionsMessage::FollowerFell => {
                return Err("what follows the events fell".into());
            }
            SubscriptionsMessage::Fault => panic!("a fault was injected into subscriptions"),
        };
        let (next, is_telling) = {
            let book = shared.book.lock();
            (book.next_due(), book.is_telling())
        };
        serving.alarm.rearm(&me, next, || SubscriptionsMessage::Due);
        let is_more = left.is_some() || is_telling;
        if let Some(left) = left {
            me.cast(left)?;
        }
        if is_telling && !serving.telling {
            serving.telling = true;
            me.cast(SubscriptionsMessage::Tell)?;
        }
        if is_more {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Shared {
    pub(super) fn mail(self: &Arc<Self>, mail: Mail) {
        match mail {
            Mail::Request(incoming) if incoming.request.method == Method::Message => {
                let status = page::relay(self, &incoming);
                let response = refusal(&incoming.request, status);
                self.office.wire.respond(incoming.txn, *response);
            }
            Mail::Request(incoming) => self.subscribe(*incoming),
            Mail::Answered(id, tag, answer) => {
                let answer = *answer;
                self.change(id, |entry| {
                    let input = SubscriptionInput::Answered { tag, answer };
                    entry.subscription.handle(alarm::now(), input);
                });
            }
            Mail::WaitingChanged(extension) => self.waiting_changed(extension),
            Mail::PhoneCame(number) => self.tell_unasked(&number),
            Mail::ListChanged(name) => self.list_changed(&name),
        }
    }

    fn subscribe(self: &Arc<Self>, incoming: IncomingRequest) {
        let Some(key) = DialogKey::of_request(&incoming.request.headers) else {
            return self.open(incoming);
        };
        let id = self.book.lock().of_dialog(&key);
        let known = id.and_then(|id| Some((id, self.book.lock().get(id)?)));
        let Some((id, entry)) = known else {
            let response = refusal(&incoming.request, 481);
            return self.office.wire.respond(incoming.txn, *response);
        };
        if entry.watcher != incoming.extension {
            let response = refusal(&incoming.request, 403);
            return self.office.wire.respond(incoming.txn, *response);
        }
        self.change(id, |entry| {
            let input = SubscriptionInput::Subscribe {
                txn: incoming.txn,
                request: incoming.request,
                local: incoming.local,
            };
            entry.subscription.handle(alarm::now(), input);
        });
    }

    fn open(self: &Arc<Self>, incoming: IncomingRequest) {
        let txn = incoming.txn;
        let directory = self.office.directory.load();
        let mut entry = match self.grant(&directory, incoming) {
            Ok(entry) => entry,
            Err(response) => return self.office.wire.respond(txn, *response),
        };
        let effects = effects(&mut entry);
        let mut book = self.book.lock();
        let twin = book.twin(&entry);
        let id = book.add(entry);
        // A phone that was restarted has forgotten what it had, and says so when it is told.
        if let Some(twin) = twin {
            book.remind(twin);
        }
        drop(book);
        self.perform(id, effects);
    }

    /// Works on a copy of a subscription and puts it back: what panics meanwhile leaves it as it
    /// was.
    pub(super) fn change(self: &Arc<Self>, id: u64, work: impl FnOnce(&mut Entry)) {
        let Some(mut entry) = self.book.lock().get(id) else {
            return;
        };
        work(&mut entry);
        let effects = effects(&mut entry);
        self.book.lock().put(id, entry);
        self.perform(id, effects);
    }

    fn perform(self: &Arc<Self>, id: u64, effects: Vec<SubscriptionEffect>) {
        for effect in effects {
            match effect {
                SubscriptionEffect::Respond { txn, response } => {
                    self.office.wire.respond(txn, response);
                }
                SubscriptionEffect::Notify {
                    tag,
                    request,
                    next_hop,
                } => {
                    let shared = Arc::clone(self);
                    let reply = Reply::new(move |answer| {
                        shared.deliver(Mail::Answered(id, tag, Box::new(answer)));
                    });
                    self.office.wire.ask(request, next_hop, reply);
                }
            }
        }
    }

    fn list_changed(self: &Arc<Self>, name: &str) {
        let reason = if self.desk.read().lists.contains_key(name) {
            EndReason::Deactivated
        } else {
            EndReason::NoResource
        };
        let watching = self.book.lock().watching_list(name);
        let watching = watching.into_iter().map(|id| (id, Some(reason)));
        self.review.lock().extend(watching);
        self.inbox.send(SubscriptionsMessage::Review);
    }

    fn waiting_changed(self: &Arc<Self>, extension: ExtensionId) {
        let directory = self.office.directory.load();
        let Some(extension) = directory.extension(extension) else {
            return;
        };
        self.touch(&extension.number);
        if self.tells_unasked(&extension.number) {
            self.tell_unasked(&extension.number);
        }
    }

    /// Tells the phones of an extension of their messages, if they have not asked themselves.
    fn tell_unasked(self: &Arc<Self>, number: &str) {
        let directory = self.office.directory.load();
        let Some(extension) = directory.extension_numbered(number) else {
            return;
        };
        if self.book.lock().asks_for_messages(number) {
            return;
        }
        let contacts = self.office.wire.contacts(extension.id).unwrap_or_default();
        let body: Bytes = self.summary(Some(extension), number).write().into();
        let mut ids = IdSource::from_entropy();
        let from = NameAddr::new(self.address(number));
        let (kind, subtype) = Package::MessageSummary.content_type();
        for contact in contacts {
            let mut request = page::outside(self, Method::Notify, &contact, &from, &mut ids);
            let headers = &mut request.headers;
            headers.push(HeaderName::Contact, contact.local.contact.clone());
            headers.push(HeaderName::Event, Package::MessageSummary.name());
            headers.push(HeaderName::SubscriptionState, "active");
            headers.push(HeaderName::ContentType, format!("{kind}/{subtype}"));
            request.body = body.clone();
            let next_hop = page::next_hop(contact);
            self.office.wire.ask(request, next_hop, Reply::new(|_| {}));
        }
    }
}

fn effects(entry: &mut Entry) -> Vec<SubscriptionEffect> {
    std::iter::from_fn(|| entry.subscription.poll_effect()).collect()
}
