//! What operators set: messages waiting, and lists of extensions.

use std::collections::BTreeMap;

use ahash::AHashMap;
use offhook_core::ExtensionId;
use offhook_core::directory::{WaitingMessages, WatchList};

/// Messages waiting per extension, and the lists by name.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) waiting: AHashMap<ExtensionId, WaitingMessages>,
    pub(super) lists: BTreeMap<String, Vec<ExtensionId>>,
}

impl Desk {
    pub(super) fn new(waiting: Vec<(ExtensionId, WaitingMessages)>, lists: Vec<WatchList>) -> Self {
        Self {
            waiting: waiting.into_iter().collect(),
            lists: lists
                .into_iter()
                .map(|list| (list.name, list.extensions))
                .collect(),
        }
    }

    pub(super) fn waiting_for(&self, extension: ExtensionId) -> WaitingMessages {
        self.waiting.get(&extension).copied().unwrap_or_default()
    }
}
