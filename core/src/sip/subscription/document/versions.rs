//! Counters of what one watcher was sent.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The versions of the documents of one subscription, each beginning at 0. There are as many as
/// resources in its list, and a list does not grow while it is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sip::subscription) struct Versions {
    /// By resource; the names are shared between copies of a subscription.
    sent: BTreeMap<Arc<str>, u32>,
    /// Unlike anything in a document, so that it can part documents from each other.
    boundary: String,
}

impl Versions {
    /// Nothing sent yet. `token` is random.
    pub(in crate::sip::subscription) fn new(token: &str) -> Self {
        Self {
            sent: BTreeMap::new(),
            boundary: format!("part-{token}"),
        }
    }

    /// The version of the next document about `resource`.
    pub(super) fn next(&mut self, resource: &str) -> u32 {
        if let Some(version) = self.sent.get_mut(resource) {
            *version = version.wrapping_add(1);
            return *version;
        }
        self.sent.insert(resource.into(), 0);
        0
    }

    pub(super) fn boundary(&self) -> &str {
        &self.boundary
    }
}
