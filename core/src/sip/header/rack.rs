//! `RSeq` and `RAck`: the numbers of provisional responses that are acknowledged (RFC 3262).

use bytes::Bytes;

use super::{CSeq, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;
use crate::sip::method::Method;

/// The number of a reliable provisional response (RFC 3262 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RSeq(pub u32);

impl RSeq {
    /// Reads the value.
    ///
    /// # Errors
    /// When it is no number from 1 to 2³² − 1.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        match number(value) {
            Some(number) => Ok(Self(number)),
            None => error(&HeaderName::RSeq, 0, HeaderErrorKind::Number),
        }
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(self) -> Bytes {
        self.0.to_string().into()
    }
}

/// `776656 1 INVITE`: which response a PRACK acknowledges (RFC 3262 section 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The response's `RSeq`.
    pub rseq: u32,
    /// The response's `CSeq`.
    pub cseq: CSeq,
}

impl RAck {
    /// Acknowledges the response numbered `rseq` to the INVITE numbered `cseq`.
    #[must_use]
    pub fn of_invite(rseq: u32, cseq: u32) -> Self {
        let method = Method::Invite;
        Self {
            rseq,
            cseq: CSeq {
                number: cseq,
                method,
            },
        }
    }

    /// Reads the value.
    ///
    /// # Errors
    /// When its first part is no number from 1 to 2³² − 1, or what follows is no `CSeq`.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let name = &HeaderName::RAck;
        let text = lex::trim(value);
        let gap = text.iter().position(|byte| lex::is_lws(*byte));
        let gap = gap.unwrap_or(text.len());
        let Some(rseq) = number(&text[..gap]) else {
            return error(name, 0, HeaderErrorKind::Number);
        };
        match CSeq::parse(&lex::share(value, lex::trim(&text[gap..]))) {
            Ok(cseq) => Ok(Self { rseq, cseq }),
            Err(broken) => error(name, gap + broken.at, broken.kind),
        }
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let Self { rseq, cseq } = self;
        format!("{rseq} {} {}", cseq.number, cseq.method).into()
    }
}

fn number(text: &[u8]) -> Option<u32> {
    let number = lex::number(lex::trim(text), u64::from(u32::MAX))?;
    u32::try_from(number).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3262 section 7.1.
    #[test]
    fn a_response_number_is_neither_zero_nor_too_large() {
        assert_eq!(RSeq::parse(&" 988789 ".into()), Ok(RSeq(988_789)));
        assert_eq!(RSeq::parse(&RSeq(u32::MAX).write()), Ok(RSeq(u32::MAX)));
        for text in ["0", "4294967296", "", "-1", "1 2", "one"] {
            assert!(RSeq::parse(&text.into()).is_err(), "{text}");
        }
    }

    /// RFC 3262 section 7.2.
    #[test]
    fn an_acknowledgement_names_response_and_request() {
        let rack = RAck::parse(&"776656  1\tINVITE".into()).unwrap();
        assert_eq!(rack, RAck::of_invite(776_656, 1));
        assert_eq!(RAck::parse(&rack.write()), Ok(rack));
        for text in [
            "",
            "0 1 INVITE",
            "1",
            "1 INVITE",
            "1 x INVITE",
            "1 2147483648 INVITE",
        ] {
            assert!(RAck::parse(&text.into()).is_err(), "{text}");
        }
    }
}
