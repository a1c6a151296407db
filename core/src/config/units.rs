//! Durations, sizes and port ranges as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Why a text is no duration, size or port range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnitError {
    /// Not a duration.
    #[error("must be a duration such as \"500ms\", \"20s\", \"5m\" or \"1h30m\"")]
    Duration,
    /// Not a size.
    #[error("must be a size such as 512, \"64KB\" or \"10MB\"")]
    Size,
    /// Not a port range.
    #[error("must be a port range such as \"30000-31999\"")]
    Ports,
    /// A range that holds no even port followed by an odd one.
    #[error("must hold at least one even port and the odd one after it, for RTP and RTCP")]
    NoPair,
}

const DURATION_UNITS: &[(&str, u64)] = &[("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Read, and written as hours.
const DAY: (&str, u64) = ("d", 86_400_000);

const SIZE_UNITS: &[(&str, u64)] = &[("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1)];

/// Reads a duration: whole numbers with the units `d`, `h`, `m`, `s`, `ms`, joined without blanks.
///
/// # Errors
/// [`UnitError::Duration`], also for a number without a unit: `20` could mean anything.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text;
    let mut total: u64 = 0;
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(UnitError::Duration);
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let unit_len = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(unit_len);
        let (_, factor) = std::iter::once(&DAY)
            .chain(DURATION_UNITS)
            .find(|(name, _)| *name == unit)
            .ok_or(UnitError::Duration)?;
        let number: u64 = number.parse().map_err(|_| UnitError::Duration)?;
        let part = number.checked_mul(*factor).ok_or(UnitError::Duration)?;
        total = total.checked_add(part).ok_or(UnitError::Duration)?;
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration so that [`parse_duration`] reads it back; parts of a millisecond are dropped.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, factor) in DURATION_UNITS {
        if rest >= *factor {
            text.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// Reads a size in bytes: a whole number with `B`, `KB`, `MB` or `GB` (powers of 1024), or without.
///
/// # Errors
/// [`UnitError::Size`].
pub fn parse_size(text: &str) -> Result<usize, UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = if unit.is_empty() { "B" } else { unit.trim() };
    let (_, factor) = SIZE_UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .ok_or(UnitError::Size)?;
    let number: u64 = number.parse().map_err(|_| UnitError::Size)?;
    let bytes = number.checked_mul(*factor).ok_or(UnitError::Size)?;
    usize::try_from(bytes).map_err(|_| UnitError::Size)
}

/// Writes a size so that [`parse_size`] reads it back.
#[must_use]
pub fn show_size(bytes: usize) -> String {
    let bytes = bytes as u64;
    let fits = |(_, factor): &&(&str, u64)| bytes != 0 && bytes.is_multiple_of(*factor);
    match SIZE_UNITS.iter().find(fits) {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => "0B".to_owned(),
    }
}

/// UDP ports for RTP, both ends included. Holds at least one pair of an even and the next odd port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The range from `first` to `last`, both included.
    ///
    /// # Errors
    /// [`UnitError::Ports`] if it is empty or begins at 0, [`UnitError::NoPair`] if it is too small.
    pub fn new(first: u16, last: u16) -> Result<Self, UnitError> {
        if first == 0 || last < first {
            return Err(UnitError::Ports);
        }
        let range = Self { first, last };
        if range.pairs() == 0 {
            return Err(UnitError::NoPair);
        }
        Ok(range)
    }

    /// The first port.
    #[must_use]
    pub fn first(self) -> u16 {
        self.first
    }

    /// The last port.
    #[must_use]
    pub fn last(self) -> u16 {
        self.last
    }

    /// The range as the media engine takes it.
    #[must_use]
    pub fn inclusive(self) -> std::ops::RangeInclusive<u16> {
        self.first..=self.last
    }

    /// How many legs fit: pairs of an even port and the odd one after it.
    #[must_use]
    pub fn pairs(self) -> u16 {
        let first_even = self.first.div_ceil(2);
        let last_odd = self.last.div_ceil(2);
        last_odd.saturating_sub(first_even)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl FromStr for PortRange {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (first, last) = text.split_once('-').ok_or(UnitError::Ports)?;
        let port = |text: &str| text.trim().parse().map_err(|_| UnitError::Ports);
        Self::new(port(first)?, port(last)?)
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// `#[serde(with = "units::duration")]`
pub(crate) mod duration {
    use super::{Deserialize, Deserializer, Duration, Serializer, parse_duration, show_duration};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&show_duration(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        parse_duration(&text).map_err(serde::de::Error::custom)
    }
}

/// `#[serde(with = "units::size")]`
pub(crate) mod size {
    use super::{Deserialize, Deserializer, Serializer, UnitError, parse_size, show_size};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Bytes(u64),
        Text(String),
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's `with` passes a reference"
    )]
    pub(crate) fn serialize<S: Serializer>(value: &usize, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&show_size(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
        let size = match Written::deserialize(from) {
            Ok(Written::Bytes(bytes)) => usize::try_from(bytes).map_err(|_| UnitError::Size),
            Ok(Written::Text(text)) => parse_size(&text),
            Err(_) => Err(UnitError::Size),
        };
        size.map_err(serde::de::Error::custom)
    }
}
