//! Between a column and a value: words, times, durations, counts, JSON.

use std::time::Duration;

use jiff::Timestamp;
use offhook_core::recording::{Layout, OwnStyle};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// An enum's word as over REST, for a text column.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(StoreError::corrupt("a value that has no word")),
    }
}

/// The enum of a stored word.
pub(super) fn from_word<T: DeserializeOwned>(
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| StoreError::corrupt(format!("{column}: {error}")))
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(error.to_string()))
}

pub(super) fn from_json<T: DeserializeOwned>(
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(format!("{column}: {error}")))
}

pub(super) fn id<T: std::str::FromStr<Err = offhook_core::id::IdError>>(
    text: &str,
) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error: offhook_core::id::IdError| StoreError::corrupt(error.to_string()))
}

pub(super) fn optional_id<T: std::str::FromStr<Err = offhook_core::id::IdError>>(
    text: Option<&str>,
) -> Result<Option<T>, StoreError> {
    text.map(id).transpose()
}

pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn time(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| StoreError::corrupt(error.to_string()))
}

/// Milliseconds; a duration beyond what a column holds becomes the longest there is.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn duration(millis: i64) -> Result<Duration, StoreError> {
    u64::try_from(millis)
        .map(Duration::from_millis)
        .map_err(|_| StoreError::corrupt("a negative duration"))
}

pub(super) fn count(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| StoreError::corrupt(format!("{value} is not a count")))
}

pub(super) fn big_count(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::corrupt(format!("{value} is not a count")))
}

pub(super) fn from_big_count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What is said of somebody's recordings.
pub(super) fn own_style(
    format: Option<String>,
    stereo: Option<bool>,
) -> Result<OwnStyle, StoreError> {
    let layout = |stereo| if stereo { Layout::Stereo } else { Layout::Mono };
    let format = format.map(|word| from_word("record_format", &word));
    Ok(OwnStyle {
        format: format.transpose()?,
        layout: stereo.map(layout),
    })
}

/// Whether each party has a channel in them, where that is said.
pub(super) fn stereo(style: OwnStyle) -> Option<bool> {
    style.layout.map(|layout| layout == Layout::Stereo)
}
