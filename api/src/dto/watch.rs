//! What phones are told without a call, over the wire.

use offhook_core::directory::{Directory, MessageCounts, WaitingMessages, WatchList};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;
use crate::error::ApiResult;

/// More messages than any phone can show.
const MAX_MESSAGES: u32 = 99_999;

/// The longest text of a message, in bytes: what fits a datagram (RFC 3428 section 8).
const MAX_TEXT: usize = 1300;

/// The voice messages waiting for an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageSummary {
    /// Not heard yet, urgent ones included.
    #[schema(example = 2)]
    pub new: u32,
    /// Heard and kept, urgent ones included.
    #[serde(default)]
    #[schema(example = 8)]
    pub old: u32,
    /// Urgent ones among the new.
    #[serde(default)]
    pub urgent_new: u32,
    /// Urgent ones among the old.
    #[serde(default)]
    pub urgent_old: u32,
    /// Whether its phones are told even if they have not asked. For old phones.
    #[serde(default)]
    pub unsolicited_mwi: bool,
}

impl MessageSummary {
    /// How it is shown.
    #[must_use]
    pub fn of(waiting: WaitingMessages) -> Self {
        let counts = waiting.counts;
        Self {
            new: counts.new,
            old: counts.old,
            urgent_new: counts.urgent_new,
            urgent_old: counts.urgent_old,
            unsolicited_mwi: waiting.unsolicited,
        }
    }

    /// What it says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(self) -> ApiResult<WaitingMessages> {
        let mut checks = Checks::default();
        checks.at_most("new", self.new, MAX_MESSAGES);
        checks.at_most("old", self.old, MAX_MESSAGES);
        checks.at_most("urgent_new", self.urgent_new, self.new);
        checks.at_most("urgent_old", self.urgent_old, self.old);
        checks.finish()?;
        Ok(WaitingMessages {
            counts: MessageCounts {
                new: self.new,
                old: self.old,
                urgent_new: self.urgent_new,
                urgent_old: self.urgent_old,
            },
            unsolicited: self.unsolicited_mwi,
        })
    }
}

/// Extensions that a phone watches by one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BlfList {
    /// What a phone subscribes to: the user part of the list's address.
    #[schema(example = "reception")]
    pub name: String,
    /// The numbers of its extensions, in the order in which they are shown.
    #[schema(example = json!(["1000", "1001"]))]
    pub extensions: Vec<String>,
}

/// What can be set of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlfListSettings {
    /// The numbers of its extensions, in the order in which they are shown.
    #[schema(example = json!(["1000", "1001"]))]
    pub extensions: Vec<String>,
}

impl BlfList {
    /// How a list is shown. Extensions that are no more are left out.
    #[must_use]
    pub fn of(list: &WatchList, directory: &Directory) -> Self {
        let known = list.extensions.iter();
        let known = known.filter_map(|id| directory.extension(*id));
        Self {
            name: list.name.clone(),
            extensions: known.map(|extension| extension.number.clone()).collect(),
        }
    }
}

impl BlfListSettings {
    /// The list these settings make.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn build(self, name: String, directory: &Directory) -> ApiResult<WatchList> {
        let mut checks = Checks::default();
        let mut extensions = Vec::new();
        for (at, number) in self.extensions.iter().enumerate() {
            match directory.extension_numbered(number) {
                Some(extension) => extensions.push(extension.id),
                None => checks.wrong(
                    format!("extensions[{at}]"),
                    "is not the number of an extension",
                ),
            }
        }
        checks.finish()?;
        Ok(WatchList { name, extensions })
    }
}

/// A text message to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The number of the extension it comes from.
    #[schema(example = "1000")]
    pub from: String,
    /// The number of the extension it is for.
    #[schema(example = "1001")]
    pub to: String,
    /// What it says.
    #[schema(example = "Your taxi is here")]
    pub text: String,
}

impl NewMessage {
    /// Adds what is wrong with the text.
    pub fn check(&self, checks: &mut Checks) {
        checks.require(!self.text.is_empty(), "text", "must not be empty");
        checks.require(
            self.text.len() <= MAX_TEXT,
            "text",
            "must have at most 1300 bytes",
        );
    }
}
