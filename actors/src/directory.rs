//! The snapshot of the office that everybody routes by, swapped as a whole when anything changes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use offhook_core::Directory;
use offhook_core::directory::Office;
use ractor::{ActorRef, Message};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::store::{Store, StoreError};

/// The current [`Directory`], for everybody who routes. Clones share it.
#[derive(Debug, Clone)]
pub struct DirectoryHandle {
    current: Arc<ArcSwap<Directory>>,
    changes: Arc<watch::Sender<u64>>,
}

impl DirectoryHandle {
    /// A handle to a directory of this office.
    #[must_use]
    pub fn new(office: Office) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(Directory::new(office))),
            changes: Arc::new(watch::Sender::new(0)),
        }
    }

    /// The office as it is now. Keep it for one decision, not for longer.
    #[must_use]
    pub fn load(&self) -> Arc<Directory> {
        self.current.load_full()
    }

    /// Replaces the whole and tells everybody who follows.
    pub fn replace(&self, office: Office) {
        self.current.store(Arc::new(Directory::new(office)));
        self.changes.send_modify(|version| *version += 1);
    }

    /// Reads the office from the store anew. The store does this itself after each of its changes.
    ///
    /// # Errors
    /// When the store cannot be read; the old snapshot stays.
    pub async fn reload(&self, store: &Store) -> Result<(), StoreError> {
        self.replace(store.office().await?);
        Ok(())
    }

    /// Has an actor told of each change, for as long as the answer lives.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "turns a watch channel into messages; aborted with the answer, and ends with the actor"
    )]
    pub fn tell<M: Message>(&self, actor: ActorRef<M>, changed: fn() -> M) -> Follower {
        let mut changes = self.follow();
        let follower = tokio::spawn(async move {
            while changes.changed().await.is_ok() && actor.cast(changed()).is_ok() {}
        });
        Follower(follower.abort_handle())
    }

    /// A receiver that wakes after each change; its value counts them.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// What tells an actor of changes. It ends when this is dropped, so that nobody is told for a
/// predecessor as well.
#[derive(Debug)]
pub struct Follower(AbortHandle);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Default for DirectoryHandle {
    fn default() -> Self {
        Self::new(Office::default())
    }
}
