//! Mail that survives the actor it is for.
//!
//! A mailbox ends with its actor, and what was in it is lost. An [`Inbox`] is held by the handle and
//! by the supervisor instead: the actor gets a nudge and takes its mail one by one, so that a fall
//! costs at most the one piece of mail that caused it. An actor whose state is the one before that
//! piece may ask for it to be kept until it is done with; it is then tried once more, and dropped
//! only if the actor falls over it again. Order is kept.

use std::collections::VecDeque;
use std::fmt;

use parking_lot::Mutex;
use ractor::{ActorRef, Message};

/// Mail of type `T` for an actor that understands `M`.
pub struct Inbox<M: Message, T> {
    mail: Mutex<Mail<T>>,
    actor: Mutex<Option<ActorRef<M>>>,
}

struct Mail<T> {
    pieces: VecDeque<T>,
    /// How often the oldest piece was begun.
    tries: u8,
}

/// How often a piece of mail may be tried.
const TRIES: u8 = 2;

impl<M: Message, T> Default for Inbox<M, T> {
    fn default() -> Self {
        Self {
            mail: Mutex::new(Mail {
                pieces: VecDeque::new(),
                tries: 0,
            }),
            actor: Mutex::new(None),
        }
    }
}

impl<M: Message, T> fmt::Debug for Inbox<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("pending", &self.len())
            .finish_non_exhaustive()
    }
}

impl<M: Message, T: Clone + fmt::Debug> Inbox<M, T> {
    /// The oldest piece of mail, which stays here until [`done`](Self::done): if the actor falls over
    /// it, its successor gets it once more.
    pub fn begin(&self) -> Option<T> {
        let mut mail = self.mail.lock();
        if mail.tries >= TRIES {
            let dropped = mail.pop();
            tracing::error!(?dropped, "mail dropped: its actor fell over it again");
        }
        let piece = mail.pieces.front().cloned();
        mail.tries += u8::from(piece.is_some());
        piece
    }

    /// The piece begun last has been handled.
    pub fn done(&self) {
        self.mail.lock().pop();
    }
}

impl<T> Mail<T> {
    fn pop(&mut self) -> Option<T> {
        self.tries = 0;
        self.pieces.pop_front()
    }
}

impl<M: Message, T> Inbox<M, T> {
    /// Puts mail in and nudges the actor, if there is one.
    pub fn deliver(&self, item: T, nudge: impl FnOnce() -> M) {
        self.mail.lock().pieces.push_back(item);
        self.send(nudge());
    }

    /// Sends a message past the mail; false if no actor is there to receive it.
    pub fn send(&self, message: M) -> bool {
        let actor = self.actor();
        actor.is_some_and(|actor| actor.cast(message).is_ok())
    }

    /// Who takes the mail at present.
    #[must_use]
    pub fn actor(&self) -> Option<ActorRef<M>> {
        self.actor.lock().clone()
    }

    /// From now on `actor` takes the mail; it is nudged for what lies here already.
    pub fn attach(&self, actor: ActorRef<M>, nudge: impl FnOnce() -> M) {
        *self.actor.lock() = Some(actor);
        self.send(nudge());
    }

    /// Puts mail before everything that lies here, in its own order. Nobody is nudged: this is for the
    /// one who takes the mail.
    pub fn put_first(&self, items: Vec<T>) {
        let mut mail = self.mail.lock();
        for item in items.into_iter().rev() {
            mail.pieces.push_front(item);
        }
    }

    /// The oldest piece of mail, which is out of here from now on: if the actor falls over it, it is
    /// lost.
    pub fn take(&self) -> Option<T> {
        self.mail.lock().pop()
    }

    /// How much mail lies here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mail.lock().pieces.len()
    }

    /// Whether there is no mail.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
