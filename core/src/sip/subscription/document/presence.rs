//! Whether somebody can be reached: PIDF (RFC 3863) with the one activity that call state tells
//! (RFC 4480).

use super::xml::Xml;

/// What can be said about an extension's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The extension's address.
    pub entity: String,
    /// How it stands.
    pub state: Reachability,
}

/// Whether an extension can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reachability {
    /// No phone is registered.
    Closed,
    /// A phone is registered and idle.
    Open,
    /// A phone is registered and in a call.
    OnThePhone,
}

impl Presence {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut xml = Xml::new();
        let attributes = [
            ("xmlns", "urn:ietf:params:xml:ns:pidf"),
            ("xmlns:dm", "urn:ietf:params:xml:ns:pidf:data-model"),
            ("xmlns:rpid", "urn:ietf:params:xml:ns:pidf:rpid"),
            ("entity", self.entity.as_str()),
        ];
        let (basic, note) = match self.state {
            Reachability::Closed => ("closed", "Offline"),
            Reachability::Open => ("open", "Available"),
            Reachability::OnThePhone => ("open", "On the phone"),
        };
        xml.open("presence", &attributes);
        xml.open("tuple", &[("id", "phone")]);
        xml.open("status", &[]);
        xml.text("basic", &[], basic);
        xml.close("status");
        xml.text("contact", &[], &self.entity);
        xml.text("note", &[], note);
        xml.close("tuple");
        if self.state == Reachability::OnThePhone {
            xml.open("dm:person", &[("id", "user")]);
            xml.open("rpid:activities", &[]);
            xml.empty("rpid:on-the-phone", &[]);
            xml.close("rpid:activities");
            xml.close("dm:person");
        }
        xml.close("presence");
        xml.finish()
    }
}
