//! What a watcher is told: the state of an extension as a document.

use bytes::Bytes;
use offhook_core::Directory;
use offhook_core::directory::Extension;
use offhook_core::sip::subscription::document::{
    DialogInfo, ListEntry, MessageSummary, Party, Presence, Reachability, RegContact, RegInfo,
    ResourceList, WatchedDialog,
};
use offhook_core::sip::subscription::{Document, Package};

use super::book::Watched;
use super::handle::Shared;
use super::lines::{FarEnd, Line};

impl Shared {
    /// The state of what is watched. Extensions that are no more count as absent.
    pub(super) fn document(
        &self,
        directory: &Directory,
        package: Package,
        watched: &Watched,
    ) -> Document {
        match watched {
            Watched::Extension(number) => self.of_extension(directory, package, number),
            Watched::List(name, numbers) => {
                let entry = |number: &String| ListEntry {
                    uri: self.address(number),
                    name: name_of(directory.extension_numbered(number)),
                    document: self.of_extension(directory, package, number),
                };
                Document::List(ResourceList {
                    uri: self.address(name),
                    entries: numbers.iter().map(entry).collect(),
                })
            }
        }
    }

    fn of_extension(&self, directory: &Directory, package: Package, number: &str) -> Document {
        let extension = directory.extension_numbered(number);
        match package {
            Package::Dialog => Document::Dialogs(self.dialogs(directory, number)),
            Package::MessageSummary => Document::Summary(self.summary(extension, number)),
            Package::Presence => Document::Presence(Presence {
                entity: self.address(number),
                state: self.reachability(number),
            }),
            Package::Reg => Document::Registrations(RegInfo {
                aor: self.address(number),
                contacts: self.contacts(number),
            }),
        }
    }

    fn dialogs(&self, directory: &Directory, number: &str) -> DialogInfo {
        let lines = self.lines.lock().lines.of_extension(number);
        DialogInfo {
            entity: self.address(number),
            display: name_of(directory.extension_numbered(number)),
            dialogs: lines
                .into_iter()
                .map(|line| self.dialog(directory, line))
                .collect(),
        }
    }

    /// Whoever knows Call-ID and tags of a dialog can act in it, so they are told only where they
    /// are needed: of calls that may be picked up.
    fn dialog(&self, directory: &Directory, line: Line) -> WatchedDialog {
        let dialog = line
            .can_be_picked_up()
            .then(|| self.office.wire.dialog_of(line.leg))
            .flatten();
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let peer = dialog.as_ref().and_then(|dialog| dialog.peer_tag.as_ref());
        WatchedDialog {
            id: line.leg.to_string(),
            call_id: dialog.as_ref().map(|dialog| text(&dialog.key.call_id)),
            local_tag: peer.map(text),
            remote_tag: dialog.as_ref().map(|dialog| text(&dialog.key.local_tag)),
            role: line.role,
            progress: line.progress,
            remote: self.party(directory, line.far),
        }
    }

    fn party(&self, directory: &Directory, far: FarEnd) -> Party {
        match far {
            FarEnd::Known(number, name) => Party {
                uri: self.address(&number),
                display: name.or_else(|| name_of(directory.extension_numbered(&number))),
            },
            // RFC 3323 section 4.1.1.3.
            FarEnd::Anonymous => Party {
                uri: "sip:anonymous@anonymous.invalid".to_owned(),
                display: Some("Anonymous".to_owned()),
            },
        }
    }

    pub(super) fn summary(&self, extension: Option<&Extension>, number: &str) -> MessageSummary {
        let waiting = extension.map(|known| self.desk.read().waiting_for(known.id));
        let counts = waiting.unwrap_or_default().counts;
        MessageSummary {
            account: self.address(number),
            new: counts.new,
            old: counts.old,
            urgent_new: counts.urgent_new,
            urgent_old: counts.urgent_old,
        }
    }

    fn reachability(&self, number: &str) -> Reachability {
        if !self.office.registrar.is_reachable(number) {
            Reachability::Closed
        } else if self.lines.lock().lines.is_busy(number) {
            Reachability::OnThePhone
        } else {
            Reachability::Open
        }
    }

    fn contacts(&self, number: &str) -> Vec<RegContact> {
        let phones = self.office.registrar.phones(number);
        let contact = |uri: Bytes| RegContact {
            uri: String::from_utf8_lossy(&uri).into_owned(),
        };
        phones.into_iter().map(|phone| contact(phone.uri)).collect()
    }
}

fn name_of(extension: Option<&Extension>) -> Option<String> {
    let name = &extension?.name;
    (!name.is_empty()).then(|| name.clone())
}
