//! `Event`: which kind of state is subscribed to.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Params, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;

/// `dialog;id=7` (RFC 6665 section 8.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event package, as it was written.
    pub package: Bytes,
    /// `id` and what the package defines.
    pub params: Params,
}

impl Event {
    /// Reads the value.
    ///
    /// # Errors
    /// When the package is no token or a parameter is broken.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let name = &HeaderName::Event;
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let package = lex::trim(&value[..end]);
        if !lex::is_token(package) {
            return error(name, 0, HeaderErrorKind::Syntax);
        }
        match Params::parse(&value.slice(end..)) {
            Ok(params) => Ok(Self {
                package: lex::share(value, package),
                params,
            }),
            Err(index) => error(name, end + index, HeaderErrorKind::Parameter),
        }
    }

    /// Whether this is the package called `name`. Packages are case-sensitive tokens, but phones
    /// are not all careful.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.package.eq_ignore_ascii_case(name.as_bytes())
    }

    /// What tells subscriptions to the same package in one dialog apart.
    #[must_use]
    pub fn id(&self) -> Option<Bytes> {
        self.params.get("id")
    }

    /// The value as it goes back in a NOTIFY: the package and the `id`, nothing else (RFC 6665
    /// section 8.2.1).
    #[must_use]
    pub fn echo(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.package.len() + self.params.raw().len());
        out.put_slice(&self.package);
        if let Some(id) = self.id() {
            out.put_slice(b";id=");
            out.put_slice(&id);
        }
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6665 section 8.2.1.
    #[test]
    fn a_notify_repeats_the_package_and_its_id_alone() {
        let event = Event::parse(&"Dialog ; id=7;call-id=a".into()).unwrap();
        assert!(event.is("dialog"));
        assert_eq!(event.echo(), "Dialog;id=7");
        assert!(Event::parse(&"".into()).is_err());
        assert!(Event::parse(&"a b".into()).is_err());
        assert!(Event::parse(&"dialog;id=\"".into()).is_err());
    }
}
