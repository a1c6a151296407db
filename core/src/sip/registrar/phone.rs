//! Which phone a binding is of.

use bytes::Bytes;

use super::binding::Binding;
use super::update::same_uri;
use crate::sip::header::NameAddr;

/// A phone of an address-of-record, known again when it comes back by another connection: by its
/// `+sip.instance` where it says one (RFC 5626 section 4.1), else by its contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneName {
    /// It named itself.
    Instance(Bytes),
    /// It is where this URI says.
    Contact(Bytes),
}

impl PhoneName {
    /// The phone of this binding.
    #[must_use]
    pub fn of(binding: &Binding) -> Self {
        Self::at(&binding.contact)
    }

    /// The phone that is at this contact.
    #[must_use]
    pub fn at(contact: &NameAddr) -> Self {
        match contact.params.get("+sip.instance") {
            Some(instance) => Self::Instance(instance),
            None => Self::Contact(contact.uri.clone()),
        }
    }

    /// Whether a binding is of this phone.
    #[must_use]
    pub fn is_of(&self, binding: &Binding) -> bool {
        match self {
            Self::Instance(name) => {
                binding.contact.params.get("+sip.instance").as_ref() == Some(name)
            }
            Self::Contact(uri) => same_uri(&binding.uri, uri),
        }
    }
}
