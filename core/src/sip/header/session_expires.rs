//! `Session-Expires` and `Min-SE`: how long a session lasts without a refresh (RFC 4028).

use bytes::Bytes;

use super::{Params, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;

/// Who refreshes, said from the view of one transaction: its client or its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answered it.
    Uas,
}

/// `1800;refresher=uac` (RFC 4028 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub seconds: u32,
    /// Who refreshes; the other side may choose when it is not said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads the value. A `refresher` that is neither `uac` nor `uas` counts as not said.
    ///
    /// # Errors
    /// When it does not begin with a number below 2³², or a parameter is broken.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let name = &HeaderName::SessionExpires;
        let (seconds, params) = seconds(value, name)?;
        let refresher = match params.get("refresher") {
            Some(side) if side.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(side) if side.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            Some(_) | None => None,
        };
        Ok(Self { seconds, refresher })
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(self) -> Bytes {
        match self.refresher {
            None => self.seconds.to_string().into(),
            Some(Refresher::Uac) => format!("{};refresher=uac", self.seconds).into(),
            Some(Refresher::Uas) => format!("{};refresher=uas", self.seconds).into(),
        }
    }
}

/// The shortest session somebody accepts, in seconds (RFC 4028 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinSe(pub u32);

impl MinSe {
    /// What holds where nobody says otherwise, and the least anybody may say.
    pub const DEFAULT: Self = Self(90);

    /// Reads the value.
    ///
    /// # Errors
    /// When it does not begin with a number below 2³², or a parameter is broken.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        seconds(value, &HeaderName::MinSe).map(|(seconds, _)| Self(seconds))
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(self) -> Bytes {
        self.0.to_string().into()
    }
}

/// A number of seconds and what is behind it.
fn seconds(value: &Bytes, name: &HeaderName) -> Result<(u32, Params), HeaderError> {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let number = lex::number(lex::trim(&value[..end]), u64::from(u32::MAX));
    let Some(seconds) = number.and_then(|number| u32::try_from(number).ok()) else {
        return error(name, 0, HeaderErrorKind::Number);
    };
    match Params::parse(&value.slice(end..)) {
        Ok(params) => Ok((seconds, params)),
        Err(index) => error(name, end + index, HeaderErrorKind::Parameter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4028 section 4.
    #[test]
    fn a_session_interval_is_read_with_and_without_its_refresher() {
        let read = |text: &'static str| SessionExpires::parse(&text.into());
        for (text, seconds, refresher) in [
            ("1800", 1800, None),
            ("1800;refresher=uac", 1800, Some(Refresher::Uac)),
            (" 90 ; Refresher=UAS", 90, Some(Refresher::Uas)),
            ("0", 0, None),
            ("4294967295;x=y;refresher=me", u32::MAX, None),
        ] {
            let expected = SessionExpires { seconds, refresher };
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "4294967296",
            "-1",
            "90s",
            "ninety",
            "90;;",
            ";refresher=uac",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for refresher in [None, Some(Refresher::Uac), Some(Refresher::Uas)] {
            let value = SessionExpires {
                seconds: 300,
                refresher,
            };
            assert_eq!(SessionExpires::parse(&value.write()), Ok(value));
        }
        assert_eq!(MinSe::parse(&MinSe(120).write()), Ok(MinSe(120)));
        assert!(MinSe::parse(&"soon".into()).is_err());
    }
}
