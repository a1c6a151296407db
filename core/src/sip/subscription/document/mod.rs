//! What watchers are told: the documents of the event packages.
//!
//! A document is plain data, compared to see whether there is news. It becomes bytes when a NOTIFY
//! goes out, because only then is its version known: versions count what one watcher was sent.

mod dialog_info;
mod list;
mod message_summary;
mod presence;
mod reg_info;
mod versions;
mod xml;

use bytes::Bytes;

pub use dialog_info::{DialogInfo, Party, Progress, Role, WatchedDialog};
pub use list::{ListEntry, ResourceList};
pub use message_summary::MessageSummary;
pub use presence::{Presence, Reachability};
pub use reg_info::{RegContact, RegInfo};
pub(super) use versions::Versions;

/// A body with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The value of `Content-Type`.
    pub content_type: Bytes,
    /// The body.
    pub bytes: Bytes,
}

/// The state of what is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// The calls of an extension.
    Dialogs(DialogInfo),
    /// The voice messages of an extension.
    Summary(MessageSummary),
    /// Whether somebody can be reached.
    Presence(Presence),
    /// The registered phones of an extension.
    Registrations(RegInfo),
    /// The states of several.
    List(ResourceList),
}

impl Document {
    /// Whether it tells of several resources.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }

    /// The document for a watcher who knows `known`; of a list only what has changed since is
    /// written then.
    pub(super) fn write(&self, versions: &mut Versions, known: Option<&Self>) -> Body {
        match self {
            Self::Dialogs(info) => body(
                "application/dialog-info+xml",
                info.write(versions.next(&info.entity)),
            ),
            Self::Summary(summary) => body("application/simple-message-summary", summary.write()),
            Self::Presence(presence) => body("application/pidf+xml", presence.write()),
            Self::Registrations(info) => body(
                "application/reginfo+xml",
                info.write(versions.next(&info.aor)),
            ),
            Self::List(list) => {
                let known = known.and_then(|known| match known {
                    Self::List(known) => Some(known),
                    Self::Dialogs(_)
                    | Self::Summary(_)
                    | Self::Presence(_)
                    | Self::Registrations(_) => None,
                });
                list.write(versions, known)
            }
        }
    }
}

fn body(content_type: &'static str, bytes: impl Into<Bytes>) -> Body {
    Body {
        content_type: Bytes::from_static(content_type.as_bytes()),
        bytes: bytes.into(),
    }
}
