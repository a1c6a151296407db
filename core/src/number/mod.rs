//! Extensions and public numbers, as text that has been checked.

mod pattern;

use thiserror::Error;

pub use pattern::{MAX_PATTERN, NumberPattern, PatternError, is_dialable};

/// Why a text is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumberError {
    /// Nothing there.
    #[error("must not be empty")]
    Empty,
    /// Longer than any number.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// An extension holds a character that cannot be dialled or be a SIP user name.
    #[error("may hold only letters, digits, '.', '-' and '_'")]
    BadExtensionCharacter,
    /// A public number without its plus sign, or with something else than digits after it.
    #[error("must be in E.164 form: a plus sign and 3 to 15 digits, the first of them not 0")]
    NotE164,
}

/// The longest extension.
pub const MAX_EXTENSION: usize = 32;

/// Checks an extension's number: 1 to 32 letters, digits, dots, dashes or underscores.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_extension(number: &str) -> Result<(), NumberError> {
    if number.is_empty() {
        return Err(NumberError::Empty);
    }
    if number.len() > MAX_EXTENSION {
        return Err(NumberError::TooLong(MAX_EXTENSION));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if number.chars().all(fits) {
        Ok(())
    } else {
        Err(NumberError::BadExtensionCharacter)
    }
}

/// Checks a public number (ITU-T E.164): `+` and 3 to 15 digits.
///
/// # Errors
/// [`NumberError::NotE164`] if it is anything else.
pub fn check_e164(number: &str) -> Result<(), NumberError> {
    let digits = number.strip_prefix('+').ok_or(NumberError::NotE164)?;
    let fits = (3..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    if fits {
        Ok(())
    } else {
        Err(NumberError::NotE164)
    }
}

/// What was dialled, without the characters people write between digits.
#[must_use]
pub fn without_separators(dialled: &str) -> String {
    dialled
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/'))
        .collect()
}

/// Turns what was dialled into E.164 where that is certain: `+49…` as it is, `0049…` with its
/// international prefix replaced. National forms are not guessed.
#[must_use]
pub fn to_e164(dialled: &str) -> Option<String> {
    let dialled = without_separators(dialled);
    let number = match dialled.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None if dialled.starts_with('+') => dialled,
        None => format!("+{dialled}"),
    };
    check_e164(&number).is_ok().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_what_a_phone_can_be_called() {
        for good in ["1000", "webrtc-1", "21", "a.b_c"] {
            assert_eq!(check_extension(good), Ok(()), "{good}");
        }
        assert_eq!(check_extension(""), Err(NumberError::Empty));
        assert_eq!(
            check_extension("10 00"),
            Err(NumberError::BadExtensionCharacter)
        );
        assert_eq!(
            check_extension("*45"),
            Err(NumberError::BadExtensionCharacter)
        );
        assert_eq!(
            check_extension(&"1".repeat(33)),
            Err(NumberError::TooLong(32))
        );
    }

    #[test]
    fn public_numbers_are_e164() {
        assert_eq!(check_e164("+4934556643378"), Ok(()));
        for bad in [
            "4934556643378",
            "+0123",
            "+49 345",
            "+1234567890123456",
            "+",
            "++49345",
        ] {
            assert_eq!(check_e164(bad), Err(NumberError::NotE164), "{bad}");
        }
    }

    #[test]
    fn carriers_write_the_same_number_in_several_ways() {
        for form in [
            "+4934556643378",
            "004934556643378",
            "4934556643378",
            "+49 345 566-43378",
        ] {
            assert_eq!(to_e164(form).as_deref(), Some("+4934556643378"), "{form}");
        }
        assert_eq!(to_e164("034556643378"), None);
        assert_eq!(to_e164("*45"), None);
    }
}
