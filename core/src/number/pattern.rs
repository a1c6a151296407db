//! Patterns of dialled numbers.
//!
//! | sign | stands for |
//! | --- | --- |
//! | `0` … `9`, `*`, `#`, `+` | itself |
//! | `X` | any digit |
//! | `Z` | 1 to 9 |
//! | `N` | 2 to 9 |
//! | `[1-59]` | any of these digits |
//! | `.` at the end | one or more of these signs |
//! | `!` at the end | none or more of these signs |
//!
//! Letters may be small. A `_` in front, which other systems want, is allowed and means nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest pattern.
pub const MAX_PATTERN: usize = 64;

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is nothing.
    #[error("a pattern must not be empty")]
    Empty,
    /// It is longer than any number.
    #[error("a pattern must have at most {MAX_PATTERN} characters")]
    TooLong,
    /// A sign that means nothing.
    #[error("{0:?} means nothing in a pattern")]
    Sign(char),
    /// `.` or `!` before the end.
    #[error("'.' and '!' may only stand at the end")]
    NotAtEnd,
    /// `[` without `]`, or nothing between them, or a range that goes backwards.
    #[error("a set must list digits, as in [1-59]")]
    Set,
}

/// One place of a number: which of the signs `0123456789*#+` may stand there, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u16);

const SIGNS: &str = "0123456789*#+";

/// Whether a number has signs of a telephone only. What else stands in a SIP user part, parameters
/// above all (RFC 3966, RFC 4694), means something to carriers that no pattern has looked at.
#[must_use]
pub fn is_dialable(number: &str) -> bool {
    !number.is_empty() && number.chars().all(|sign| SIGNS.contains(sign))
}

impl Place {
    fn one(sign: char) -> Option<Self> {
        SIGNS.find(sign).map(|at| Self(1 << at))
    }

    /// The digits from `first` to `last`; `None` for other signs and for none at all.
    fn range(first: char, last: char) -> Option<Self> {
        let digits = first.to_digit(10)?..=last.to_digit(10)?;
        let bits = digits.fold(0, |bits, digit| bits | 1 << digit);
        (bits != 0).then_some(Self(bits))
    }

    fn takes(self, sign: char) -> bool {
        Self::one(sign).is_some_and(|one| self.0 & one.0 != 0)
    }
}

/// How many more signs may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    Some,
    Any,
}

/// A pattern that numbers fit or do not fit: signs that stand for themselves, `X` for any digit, `Z`
/// for 1 to 9, `N` for 2 to 9, `[1-59]` for any of these, and at the end `.` for one or more signs or
/// `!` for none or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberPattern {
    text: String,
    places: Vec<Place>,
    rest: Rest,
}

impl NumberPattern {
    /// Whether a dialled number fits.
    #[must_use]
    pub fn matches(&self, number: &str) -> bool {
        let mut signs = number.chars();
        let fits = |place: &Place| signs.next().is_some_and(|sign| place.takes(sign));
        if !self.places.iter().all(fits) {
            return false;
        }
        let rest = signs.as_str();
        match self.rest {
            Rest::Nothing => rest.is_empty(),
            Rest::Some => is_dialable(rest),
            Rest::Any => rest.is_empty() || is_dialable(rest),
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether some number could fit both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let both = self.places.iter().zip(&other.places);
        let (mine, theirs) = (self.places.len(), other.places.len());
        let reaches = |short: &Self, by: usize| match short.rest {
            Rest::Nothing => by == 0,
            Rest::Some | Rest::Any => true,
        };
        let needs_more = |pattern: &Self| usize::from(pattern.rest == Rest::Some);
        let (mine, theirs) = (mine + needs_more(self), theirs + needs_more(other));
        both.fold(true, |so_far, (one, two)| so_far && one.0 & two.0 != 0)
            && reaches(self, theirs.saturating_sub(mine))
            && reaches(other, mine.saturating_sub(theirs))
    }
}

impl FromStr for NumberPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_PATTERN {
            return Err(PatternError::TooLong);
        }
        let body = text.strip_prefix('_').unwrap_or(text);
        if body.is_empty() {
            return Err(PatternError::Empty);
        }
        let (mut places, mut rest) = (Vec::new(), Rest::Nothing);
        let mut signs = body.chars();
        while let Some(sign) = signs.next() {
            if rest != Rest::Nothing {
                return Err(PatternError::NotAtEnd);
            }
            let place = match sign.to_ascii_uppercase() {
                '.' => {
                    rest = Rest::Some;
                    continue;
                }
                '!' => {
                    rest = Rest::Any;
                    continue;
                }
                'X' => Place::range('0', '9'),
                'Z' => Place::range('1', '9'),
                'N' => Place::range('2', '9'),
                '[' => Some(set(&mut signs)?),
                sign => Place::one(sign),
            };
            places.push(place.ok_or(PatternError::Sign(sign))?);
        }
        Ok(Self {
            text: text.to_owned(),
            places,
            rest,
        })
    }
}

/// What stands between the brackets, the closing one included.
fn set(signs: &mut std::str::Chars<'_>) -> Result<Place, PatternError> {
    let rest = signs.as_str();
    let (inside, after) = rest.split_once(']').ok_or(PatternError::Set)?;
    *signs = after.chars();
    let mut bits = 0;
    let mut inner = inside.chars().peekable();
    while let Some(first) = inner.next() {
        let place = if inner.next_if_eq(&'-').is_some() {
            let last = inner.next().ok_or(PatternError::Set)?;
            Place::range(first, last)
        } else {
            Place::one(first)
        };
        bits |= place.ok_or(PatternError::Set)?.0;
    }
    if bits == 0 {
        return Err(PatternError::Set);
    }
    Ok(Place(bits))
}

impl fmt::Display for NumberPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for NumberPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for NumberPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> NumberPattern {
        text.parse().unwrap()
    }

    #[test]
    fn each_sign_means_what_the_table_says() {
        for (text, fits, others) in [
            (
                "_0ZX.",
                &["0171", "03098765"][..],
                &["0071", "017", "1171"][..],
            ),
            ("110", &["110"], &["1100", "11", "111"]),
            ("00!", &["00", "0049"], &["0", "10"]),
            ("[1-39]n", &["12", "39", "92"], &["11", "42", "123"]),
            ("+49X.", &["+4930"], &["4930", "+493"]),
            ("*X", &["*1"], &["1", "#1"]),
            ("0Z.", &["03*#+"], &["03a;", "0301;rn=+1900555;npdi"]),
            ("00!", &["001"], &["00;isub=1", "001,2"]),
        ] {
            for number in fits {
                assert!(pattern(text).matches(number), "{text} {number}");
            }
            for number in others {
                assert!(!pattern(text).matches(number), "{text} {number}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        let error = |text: &str| text.parse::<NumberPattern>().unwrap_err();
        assert_eq!(error(""), PatternError::Empty);
        assert_eq!(error("_"), PatternError::Empty);
        assert_eq!(error("0a"), PatternError::Sign('a'));
        assert_eq!(error("0.1"), PatternError::NotAtEnd);
        assert_eq!(error(".!"), PatternError::NotAtEnd);
        for text in ["[", "[]", "[1", "[3-1]", "[1-]", "[x]"] {
            assert_eq!(error(text), PatternError::Set, "{text}");
        }
        assert_eq!(error(&"1".repeat(65)), PatternError::TooLong);
    }

    /// Tries every way, sign by sign.
    fn naive(pattern: &[char], number: &[char]) -> bool {
        match (pattern, number) {
            ([], []) => true,
            (['!'], _) => true,
            (['.'], number) => !number.is_empty(),
            (['[', rest @ ..], [sign, number @ ..]) => {
                let end = rest.iter().position(|sign| *sign == ']').unwrap();
                let (set, rest) = (&rest[..end], &rest[end + 1..]);
                let within = match set {
                    [first, '-', last] => first <= sign && sign <= last,
                    set => set.contains(sign),
                };
                within && naive(rest, number)
            }
            ([want, rest @ ..], [sign, number @ ..]) => {
                let fits = match want {
                    'X' => sign.is_ascii_digit(),
                    'Z' => ('1'..='9').contains(sign),
                    'N' => ('2'..='9').contains(sign),
                    want => want == sign,
                };
                fits && naive(rest, number)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_a_naive_reader_says(
            text in "([0-3]|X|Z|N|\\[1-3\\]|\\[02\\]){0,5}([.!]|X)",
            number in "[0-3+*]{0,7}",
        ) {
            let signs: Vec<char> = text.chars().collect();
            let dialled: Vec<char> = number.chars().collect();
            prop_assert_eq!(pattern(&text).matches(&number), naive(&signs, &dialled));
        }

        #[test]
        fn patterns_that_fit_one_number_overlap(
            one in "([0-3]|X|Z|\\[1-3\\]){1,4}[.!]?",
            two in "([0-3]|X|Z|\\[1-3\\]){1,4}[.!]?",
            number in "[0-3]{1,5}",
        ) {
            let (one, two) = (pattern(&one), pattern(&two));
            if one.matches(&number) && two.matches(&number) {
                prop_assert!(one.overlaps(&two) && two.overlaps(&one));
            }
        }

        #[test]
        fn no_text_breaks_the_reader(text in ".{0,70}") {
            text.parse::<NumberPattern>().ok();
        }
    }
}
