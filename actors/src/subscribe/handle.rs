//! Subscriptions and text messages, as everybody else holds them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use offhook_core::config::{SipConfig, SubscriptionConfig};
use offhook_core::directory::{WaitingMessages, WatchList};
use offhook_core::event::EventKind;
use offhook_core::sip::endpoint::ServerTxn;
use offhook_core::sip::invite::NextHop;
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::subscription::{EndReason, NotifyTag};
use offhook_core::{ExtensionId, HangupCause, LegId};
use parking_lot::{Mutex, RwLock};

use super::actor::SubscriptionsMessage;
use super::book::Book;
use super::desk::Desk;
use super::lines::Followed;
use super::page;
use crate::call::Contact;
use crate::directory::DirectoryHandle;
use crate::edge::{Answer, IncomingRequest, LegDialog, Reply, RequestSide, SipCore};
use crate::inbox::Inbox;
use crate::live::Live;
use crate::registrar::{Registrar, Replies};

/// Requests that may wait for the actor; it needs some ten microseconds for each.
const PENDING: usize = 2_000;

/// The signalling that subscriptions need.
pub trait Wire: Send + Sync {
    /// Answers a request.
    fn respond(&self, txn: ServerTxn, response: Response);
    /// Sends a request; `reply` is told exactly once what became of it.
    fn ask(&self, request: Request, next_hop: NextHop, reply: Reply);
    /// What finds a leg's dialog.
    fn dialog_of(&self, leg: LegId) -> Option<LegDialog>;
    /// Where the phones of an extension are reached.
    ///
    /// # Errors
    /// When it has none, or does not exist.
    fn contacts(&self, extension: ExtensionId) -> Result<Vec<Contact>, HangupCause>;
}

impl Wire for SipCore {
    fn respond(&self, txn: ServerTxn, response: Response) {
        Replies::respond(self, txn, response);
    }

    fn ask(&self, request: Request, next_hop: NextHop, reply: Reply) {
        Self::ask(self, request, next_hop, reply);
    }

    fn dialog_of(&self, leg: LegId) -> Option<LegDialog> {
        Self::dialog_of(self, leg)
    }

    fn contacts(&self, extension: ExtensionId) -> Result<Vec<Contact>, HangupCause> {
        self.contacts_of(extension)
    }
}

/// Mail for the actor.
#[derive(Debug)]
pub(super) enum Mail {
    Request(Box<IncomingRequest>),
    Answered(u64, NotifyTag, Box<Answer>),
    /// The messages waiting for an extension have changed.
    WaitingChanged(ExtensionId),
    /// A phone came that is told of messages without having asked.
    PhoneCame(String),
    /// A list was changed or removed.
    ListChanged(String),
}

/// What [`Subscriptions`] are made of.
#[derive(Clone)]
pub struct SubscriptionsArguments {
    /// Signalling.
    pub wire: Arc<dyn Wire>,
    /// Who is in a call, and which phones come and go.
    pub live: Live,
    /// The office.
    pub directory: DirectoryHandle,
    /// The phones.
    pub registrar: Registrar,
}

/// Subscriptions and text messages: cheap to clone, and the same for as long as the process lives,
/// however often the actor falls.
#[derive(Clone)]
pub struct Subscriptions(pub(super) Arc<Shared>);

/// What outlives the actor.
pub(super) struct Shared {
    pub(super) config: SubscriptionConfig,
    pub(super) domain: String,
    /// The longest text message.
    pub(super) message_body: usize,
    pub(super) office: SubscriptionsArguments,
    pub(super) book: Mutex<Book>,
    pub(super) lines: Mutex<Followed>,
    pub(super) desk: RwLock<Desk>,
    /// Watched extensions of which there is news.
    changed: Mutex<BTreeSet<String>>,
    /// Whether the server stops.
    pub(super) closed: AtomicBool,
    /// Subscriptions yet to be looked at because the office or a list has changed; with the reason
    /// for those that end by it.
    pub(super) review: Mutex<Vec<(u64, Option<EndReason>)>>,
    pub(super) inbox: Inbox<SubscriptionsMessage, Mail>,
}

/// A text message that did not come from a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The extension it comes from.
    pub from: ExtensionId,
    /// The number of the extension it is for.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// Why a text message is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageRefused {
    /// There is no such extension.
    #[error("there is no extension with this number")]
    Unknown,
    /// No phone of the extension is registered.
    #[error("no phone of the extension is registered")]
    Offline,
    /// It is longer than any message may be, or no phone of the extension can take one of this size
    /// (RFC 3428 section 8).
    #[error("the message is too long for the phones of the extension")]
    TooLong,
}

/// Figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscriptionsStats {
    /// Subscriptions now.
    pub subscriptions: usize,
}

impl Subscriptions {
    /// Without subscriptions and, until one is spawned, without an actor: requests wait.
    #[must_use]
    pub fn new(
        config: &SipConfig,
        office: SubscriptionsArguments,
        waiting: Vec<(ExtensionId, WaitingMessages)>,
        lists: Vec<WatchList>,
    ) -> Self {
        Self(Arc::new(Shared {
            config: config.subscriptions.clone(),
            domain: config.domain.clone(),
            message_body: config.message_body,
            office,
            book: Mutex::default(),
            lines: Mutex::default(),
            desk: RwLock::new(Desk::new(waiting, lists)),
            changed: Mutex::default(),
            review: Mutex::default(),
            closed: AtomicBool::new(false),
            inbox: Inbox::default(),
        }))
    }

    /// The messages waiting for an extension.
    #[must_use]
    pub fn waiting(&self, extension: ExtensionId) -> WaitingMessages {
        self.0.desk.read().waiting_for(extension)
    }

    /// From now on so many messages wait for an extension: its phones are told.
    pub fn set_waiting(&self, extension: ExtensionId, waiting: WaitingMessages) {
        let before = self.0.desk.write().waiting.insert(extension, waiting);
        let directory = self.0.office.directory.load();
        let Some(number) = directory
            .extension(extension)
            .map(|known| known.number.clone())
        else {
            return;
        };
        let counts = waiting.counts;
        if before.unwrap_or_default().counts != counts {
            self.0
                .office
                .live
                .publish(EventKind::MessageSummaryChanged {
                    extension: number,
                    new: counts.new,
                    old: counts.old,
                    urgent_new: counts.urgent_new,
                    urgent_old: counts.urgent_old,
                });
        }
        self.0.deliver(Mail::WaitingChanged(extension));
    }

    /// From now on a list holds these extensions. Who watches it as it was is told to subscribe
    /// again.
    pub fn set_list(&self, list: WatchList) {
        let name = list.name.clone();
        self.0.desk.write().lists.insert(list.name, list.extensions);
        self.0.deliver(Mail::ListChanged(name));
    }

    /// There is no such list any more.
    pub fn remove_list(&self, name: &str) {
        self.0.desk.write().lists.remove(name);
        self.0.deliver(Mail::ListChanged(name.to_owned()));
    }

    /// Sends a text message to every phone of an extension.
    ///
    /// # Errors
    /// Why no phone gets it.
    pub fn send_message(&self, message: &OutgoingMessage) -> Result<(), MessageRefused> {
        page::send(&self.0, message)
    }

    /// The server stops: every watcher is told to come back in a while, and new ones are refused.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
        self.0.inbox.send(SubscriptionsMessage::OfficeChanged);
    }

    /// The figures now.
    #[must_use]
    pub fn stats(&self) -> SubscriptionsStats {
        SubscriptionsStats {
            subscriptions: self.0.book.lock().len(),
        }
    }

    /// Makes the actor panic, for tests of supervision.
    #[doc(hidden)]
    pub fn inject_fault(&self) {
        self.0.inbox.send(SubscriptionsMessage::Fault);
    }
}

impl RequestSide for Subscriptions {
    fn request(&self, incoming: IncomingRequest) -> bool {
        if self.0.inbox.len() >= PENDING {
            return false;
        }
        self.0.deliver(Mail::Request(Box::new(incoming)));
        true
    }
}

impl Shared {
    pub(super) fn deliver(&self, mail: Mail) {
        self.inbox.deliver(mail, || SubscriptionsMessage::Look);
    }

    /// There is news of an extension. The actor is nudged once, however much comes before it looks.
    pub(super) fn touch(&self, number: &str) {
        if !self.book.lock().is_watched(number) {
            return;
        }
        let mut changed = self.changed.lock();
        let first = changed.is_empty();
        changed.insert(number.to_owned());
        drop(changed);
        if first {
            self.inbox.send(SubscriptionsMessage::Changed);
        }
    }

    /// Takes out an extension of which there is news.
    pub(super) fn pop_changed(&self) -> Option<String> {
        self.changed.lock().pop_first()
    }

    /// The address of an extension or a list.
    pub(super) fn address(&self, user: &str) -> String {
        let uri = offhook_core::sip::uri::sip(Some(user), &self.domain, None);
        String::from_utf8_lossy(&uri).into_owned()
    }
}

impl std::fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriptions")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SubscriptionsArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubscriptionsArguments")
            .finish_non_exhaustive()
    }
}
