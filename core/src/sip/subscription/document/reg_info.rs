//! The registered phones of one extension (RFC 3680).

use super::xml::Xml;

/// One registered phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegContact {
    /// Where it is reached.
    pub uri: String,
}

/// The registered phones of one extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegInfo {
    /// The extension's address.
    pub aor: String,
    /// Its phones.
    pub contacts: Vec<RegContact>,
}

impl RegInfo {
    /// The whole state as a document with this version.
    pub(super) fn write(&self, version: u32) -> Vec<u8> {
        let version = version.to_string();
        let mut xml = Xml::new();
        let attributes = [
            ("xmlns", "urn:ietf:params:xml:ns:reginfo"),
            ("version", version.as_str()),
            ("state", "full"),
        ];
        xml.open("reginfo", &attributes);
        let state = if self.contacts.is_empty() {
            "terminated"
        } else {
            "active"
        };
        let attributes = [
            ("aor", self.aor.as_str()),
            ("id", "extension"),
            ("state", state),
        ];
        xml.open("registration", &attributes);
        for contact in &self.contacts {
            // A phone is known by its address, so that is what tells it from others.
            let attributes = [
                ("id", contact.uri.as_str()),
                ("state", "active"),
                ("event", "registered"),
            ];
            xml.open("contact", &attributes);
            xml.text("uri", &[], &contact.uri);
            xml.close("contact");
        }
        xml.close("registration");
        xml.close("reginfo");
        xml.finish()
    }
}
