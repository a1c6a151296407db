//! The calls of one extension (RFC 4235).

use super::xml::Xml;

/// Who a call is with, or whose phone it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party {
    /// The address.
    pub uri: String,
    /// The name shown with it.
    pub display: Option<String>,
}

/// Which side of a call the watched extension is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It called.
    Initiator,
    /// It was called.
    Recipient,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Initiator => "initiator",
            Self::Recipient => "recipient",
        }
    }
}

/// How far a call has come (RFC 4235 section 3.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Begun.
    Trying,
    /// Ringing.
    Early,
    /// Answered.
    Confirmed,
    /// Over.
    Terminated,
}

impl Progress {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Early => "early",
            Self::Confirmed => "confirmed",
            Self::Terminated => "terminated",
        }
    }
}

/// One call of the watched extension. Call-ID and tags are those of the dialog between its phone and
/// us, as the phone sees them: with them another phone can take the call over (RFC 3891).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedDialog {
    /// Tells it from others of the extension.
    pub id: String,
    /// The Call-ID.
    pub call_id: Option<String>,
    /// The phone's tag.
    pub local_tag: Option<String>,
    /// Our tag.
    pub remote_tag: Option<String>,
    /// Which side the extension is.
    pub role: Role,
    /// How far the call has come.
    pub progress: Progress,
    /// Who the call is with.
    pub remote: Party,
}

/// The calls of one extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogInfo {
    /// The extension's address.
    pub entity: String,
    /// The name shown with it.
    pub display: Option<String>,
    /// Its calls.
    pub dialogs: Vec<WatchedDialog>,
}

impl DialogInfo {
    /// The whole state as a document with this version.
    pub(super) fn write(&self, version: u32) -> Vec<u8> {
        let version = version.to_string();
        let mut xml = Xml::new();
        let attributes = [
            ("xmlns", "urn:ietf:params:xml:ns:dialog-info"),
            ("version", &version),
            ("state", "full"),
            ("entity", &self.entity),
        ];
        xml.open("dialog-info", &attributes);
        for dialog in &self.dialogs {
            self.dialog(&mut xml, dialog);
        }
        xml.close("dialog-info");
        xml.finish()
    }

    fn dialog(&self, xml: &mut Xml, dialog: &WatchedDialog) {
        let mut attributes = vec![("id", dialog.id.as_str())];
        let optional = [
            ("call-id", &dialog.call_id),
            ("local-tag", &dialog.local_tag),
            ("remote-tag", &dialog.remote_tag),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                attributes.push((name, value));
            }
        }
        attributes.push(("direction", dialog.role.as_str()));
        xml.open("dialog", &attributes);
        xml.text("state", &[], dialog.progress.as_str());
        let own = Party {
            uri: self.entity.clone(),
            display: self.display.clone(),
        };
        party(xml, "local", &own);
        party(xml, "remote", &dialog.remote);
        xml.close("dialog");
    }
}

fn party(xml: &mut Xml, name: &str, party: &Party) {
    xml.open(name, &[]);
    match &party.display {
        Some(display) => xml.text("identity", &[("display", display)], &party.uri),
        None => xml.text("identity", &[], &party.uri),
    }
    xml.empty("target", &[("uri", &party.uri)]);
    xml.close(name);
}
