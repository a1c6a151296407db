//! Sentences with numbers in them, as prompt ids to play one after the other.
//!
//! Each language has its own file, for word order and number grammar differ.

mod en;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::Language;

/// The number as a person says it. Numbers above 999,999 are read digit by digit.
#[must_use]
pub fn say_number(language: Language, number: u32) -> Vec<&'static str> {
    match language {
        Language::En => en::number(number),
    }
}

/// A telephone number or extension, read key by key. Blanks, dashes, dots, slashes and round
/// brackets are skipped.
///
/// # Errors
/// [`NotSayable`] for anything else that is not one of `0`–`9`, `*`, `#` or `+`.
pub fn say_digits(language: Language, digits: &str) -> Result<Vec<&'static str>, NotSayable> {
    digits
        .char_indices()
        .filter(|(_, key)| !matches!(key, ' ' | '-' | '.' | '/' | '(' | ')'))
        .map(|(at, key)| {
            let id = match language {
                Language::En => en::key(key),
            };
            id.ok_or(NotSayable { key, at })
        })
        .collect()
}

/// A whole number of minutes as a length of time: "five minutes", "one hour and ten minutes", and
/// for zero "less than one minute".
#[must_use]
pub fn say_minutes(language: Language, minutes: u32) -> Vec<&'static str> {
    match language {
        Language::En => en::minutes(minutes),
    }
}

/// "You are caller number …", for the place in a queue counted from 1.
///
/// Empty for 0, which is no place, so that nobody is told a wrong one.
#[must_use]
pub fn queue_position(language: Language, position: usize) -> Vec<&'static str> {
    if position == 0 {
        return Vec::new();
    }
    // A queue longer than this has other worries than the exact number.
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    match language {
        Language::En => en::queue_position(position),
    }
}

/// "The estimated waiting time is …", for whole minutes.
#[must_use]
pub fn estimated_wait(language: Language, minutes: u32) -> Vec<&'static str> {
    match language {
        Language::En => en::estimated_wait(minutes),
    }
}

/// A character of a number to read out that has no name on a telephone's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{key:?} at byte {at} is not a key of a telephone")]
pub struct NotSayable {
    /// The character.
    pub key: char,
    /// Its byte offset.
    pub at: usize,
}
