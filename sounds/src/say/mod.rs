//! Sentences with numbers in them, as prompt ids to play one after the other.
//!
//! Each language has its own file, for word order and number grammar differ.

mod de;
mod en;
#[cfg(test)]
mod tests;
mod value;
mod words;

use thiserror::Error;

pub use value::{Currency, Date, Money, TimeOfDay};

use crate::Language;

/// The number as a person says it. Numbers above 999,999,999 are read digit by digit.
#[must_use]
pub fn say_number(language: Language, number: u32) -> Vec<&'static str> {
    match language {
        Language::De => de::number(number),
        Language::En => en::number(number),
    }
}

/// The place of a day in its month: "first" to "thirty-first". Empty for any other number.
#[must_use]
pub fn say_ordinal(language: Language, number: u32) -> Vec<&'static str> {
    if !(1..=31).contains(&number) {
        return Vec::new();
    }
    match language {
        Language::De => de::ordinal(number),
        Language::En => en::ordinal(number),
    }
}

/// A telephone number or extension, read key by key. Blanks, dashes, dots, slashes and round
/// brackets are skipped.
///
/// # Errors
/// [`NotSayable`] for anything else that is not one of `0`–`9`, `*`, `#` or `+`.
pub fn say_digits(_: Language, digits: &str) -> Result<Vec<&'static str>, NotSayable> {
    digits
        .char_indices()
        .filter(|(_, key)| !matches!(key, ' ' | '-' | '.' | '/' | '(' | ')'))
        .map(|(at, key)| words::key(key).ok_or(NotSayable { key, at }))
        .collect()
}

/// A day with its weekday and year: "Sunday, November twenty-second, twenty twenty-six".
#[must_use]
pub fn say_date(language: Language, date: Date) -> Vec<&'static str> {
    match language {
        Language::De => de::date(date),
        Language::En => en::date(date),
    }
}

/// A time of day: "three oh five p.m.", "fünfzehn Uhr fünf".
#[must_use]
pub fn say_time(language: Language, time: TimeOfDay) -> Vec<&'static str> {
    match language {
        Language::De => de::time(time),
        Language::En => en::time(time),
    }
}

/// An amount of money: "five euros and ten cents".
#[must_use]
pub fn say_money(language: Language, money: Money) -> Vec<&'static str> {
    match language {
        Language::De => de::money(money),
        Language::En => en::money(money),
    }
}

/// A length of time to the second: "one hour two minutes and five seconds".
#[must_use]
pub fn say_duration(language: Language, seconds: u32) -> Vec<&'static str> {
    match language {
        Language::De => de::duration(seconds),
        Language::En => en::duration(seconds),
    }
}

/// A whole number of minutes as a length of time: "five minutes", "one hour and ten minutes", and
/// for zero "less than one minute".
#[must_use]
pub fn say_minutes(language: Language, minutes: u32) -> Vec<&'static str> {
    match language {
        Language::De => de::minutes(minutes),
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
        Language::De => de::queue_position(position),
        Language::En => en::queue_position(position),
    }
}

/// "The estimated waiting time is …", for whole minutes.
#[must_use]
pub fn estimated_wait(language: Language, minutes: u32) -> Vec<&'static str> {
    match language {
        Language::De => de::estimated_wait(minutes),
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
