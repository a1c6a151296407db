//! `Subscription-State`: whether further NOTIFYs are to be expected.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Expires, Params, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;

/// `active;expires=60` or `terminated;reason=timeout` (RFC 6665 section 8.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    /// `active`, `pending` or `terminated`, as it was written.
    pub state: Bytes,
    /// `expires`, `reason`, `retry-after`.
    pub params: Params,
}

impl SubscriptionState {
    /// A subscription that goes on for so long; part of a second counts as a whole one.
    #[must_use]
    pub fn active(left: Duration) -> Self {
        let mut params = Params::new();
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        params.set("expires", Some(&seconds.to_string()));
        Self {
            state: Bytes::from_static(b"active"),
            params,
        }
    }

    /// A subscription that is over.
    #[must_use]
    pub fn terminated(reason: &str) -> Self {
        let mut params = Params::new();
        params.set("reason", Some(reason));
        Self {
            state: Bytes::from_static(b"terminated"),
            params,
        }
    }

    /// The same with the time after which it is worth asking again.
    #[must_use]
    pub fn worth_asking_after(mut self, time: Duration) -> Self {
        let seconds = time.as_secs().to_string();
        self.params.set("retry-after", Some(&seconds));
        self
    }

    /// Reads the value.
    ///
    /// # Errors
    /// When the state is no token or a parameter is broken.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let name = &HeaderName::SubscriptionState;
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let state = lex::trim(&value[..end]);
        if !lex::is_token(state) {
            return error(name, 0, HeaderErrorKind::Syntax);
        }
        match Params::parse(&value.slice(end..)) {
            Ok(params) => Ok(Self {
                state: lex::share(value, state),
                params,
            }),
            Err(index) => error(name, end + index, HeaderErrorKind::Parameter),
        }
    }

    /// Whether nothing more will come.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state.eq_ignore_ascii_case(b"terminated")
    }

    /// How long the subscription goes on.
    #[must_use]
    pub fn expires(&self) -> Option<Expires> {
        Expires::read(&self.params.get("expires")?)
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.state.len() + self.params.raw().len());
        out.put_slice(&self.state);
        out.put_slice(self.params.raw());
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6665 section 8.2.3.
    #[test]
    fn the_state_says_how_long_or_why_not() {
        let active = SubscriptionState::active(Duration::from_millis(59_001));
        assert_eq!(active.write(), "active;expires=60");
        let again = SubscriptionState::parse(&active.write()).unwrap();
        assert_eq!(again.expires(), Some(Expires(60)));
        assert!(!again.is_terminated());
        let over = SubscriptionState::terminated("noresource");
        assert_eq!(over.write(), "terminated;reason=noresource");
        assert!(over.is_terminated());
    }
}
