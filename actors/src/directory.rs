//! The snapshot of the office that everybody routes by, swapped as a whole when anything changes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use offhook_core::Directory;
use offhook_core::directory::Office;
use tokio::sync::watch;

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

    /// A receiver that wakes after each change; its value counts them.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Default for DirectoryHandle {
    fn default() -> Self {
        Self::new(Office::default())
    }
}
