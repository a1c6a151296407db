//! Call progress tones: what a country's callers expect to hear before anybody answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

/// Power of a sine that just reaches full scale in µ-law (ITU-T G.711 §4); A-law has 0.03 dB less.
const FULL_SCALE_DBM0: f32 = 3.17;

/// A tone: frequencies that sound together, switched on and off in a rhythm.
#[derive(Debug, Clone, PartialEq)]
pub struct ToneSpec {
    /// Hz, at least one, each below 4,000. Two that lie close beat, which is how tones that
    /// standards describe as modulated are written.
    pub frequencies: Vec<f32>,
    /// Level of each frequency in dBm0; 3.17 dBm0 is a full-scale sine.
    pub level_dbm0: f32,
    /// The rhythm, repeated for as long as the tone lasts; empty when the tone has no pauses.
    pub cadence: Vec<Pulse>,
}

impl ToneSpec {
    /// Peak of each frequency's sine, where 1 is full scale.
    #[must_use]
    pub fn amplitude(&self) -> f32 {
        10_f32.powf((self.level_dbm0 - FULL_SCALE_DBM0) / 20.0)
    }
}

/// One step of a cadence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// How long the tone sounds; never zero.
    pub on: Duration,
    /// How long it then is silent; never zero.
    pub off: Duration,
}

/// The call progress tones of one country.
#[derive(Debug, Clone, PartialEq)]
pub struct Tones {
    /// The country's English name.
    pub name: String,
    /// The standards that frequencies and cadences were taken from.
    pub source: String,
    /// Ready for digits.
    pub dial: ToneSpec,
    /// The called phone rings.
    pub ringback: ToneSpec,
    /// The called party is talking to somebody else.
    pub busy: ToneSpec,
    /// The network cannot carry the call; also called reorder or fast busy.
    pub congestion: ToneSpec,
}

/// Why there are no tones to give.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum TonesError {
    /// No tones are known for this country.
    #[error("no tones are known for country {country:?}")]
    UnknownCountry {
        /// The code as it was given.
        country: String,
    },
    /// The table is not TOML, or lacks a key or has one too many.
    #[error("the table of tones cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A country's key is not two lower-case letters.
    #[error("{country:?} is not a country code (two lower-case letters)")]
    CountryCode {
        /// The key.
        country: String,
    },
    /// A tone that can be read but not sounded.
    #[error("{country}.{tone}: {reason}")]
    Tone {
        /// The country it belongs to.
        country: String,
        /// Which of the country's tones it is.
        tone: &'static str,
        /// What is wrong with it.
        reason: ToneFault,
    },
}

/// What can be wrong with a single tone.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum ToneFault {
    /// The list of frequencies is empty.
    #[error("no frequency is given")]
    NoFrequency,
    /// A frequency a telephone cannot carry.
    #[error("{hz} Hz is not between 0 and 4000 Hz")]
    Frequency {
        /// The frequency.
        hz: f32,
    },
    /// All frequencies together would exceed full scale, or nobody would hear them.
    #[error("{dbm0} dBm0 is too loud for its number of frequencies, or below -60 dBm0")]
    Level {
        /// The level of each frequency.
        dbm0: f32,
    },
    /// A pulse without sound, or without a pause.
    #[error("pulse {index} of the cadence lasts no time")]
    EmptyPulse {
        /// Its place in the cadence, from 0.
        index: usize,
    },
}

/// The tones of a country, given as ISO 3166-1 alpha-2 code in either case, such as `de` or `GB`.
///
/// Reads the table in the binary each time: ask once and keep the answer.
///
/// # Errors
/// [`TonesError::UnknownCountry`]. The other errors would mean a broken table, which the tests of
/// this crate rule out.
pub fn tones(country: &str) -> Result<Tones, TonesError> {
    parse(BUILT_IN)?
        .remove(&country.to_ascii_lowercase())
        .ok_or_else(|| TonesError::UnknownCountry {
            country: country.to_owned(),
        })
}

/// The codes of all countries whose tones are known, lower case and in alphabetical order.
///
/// # Errors
/// None that the tests of this crate do not rule out; see [`tones`].
pub fn countries() -> Result<Vec<String>, TonesError> {
    Ok(parse(BUILT_IN)?.into_keys().collect())
}

const BUILT_IN: &str = include_str!("../../tones.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountryEntry {
    name: String,
    source: String,
    dial: ToneEntry,
    ringback: ToneEntry,
    busy: ToneEntry,
    congestion: ToneEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToneEntry {
    frequencies: Vec<f32>,
    level_dbm0: f32,
    cadence: Vec<(u32, u32)>,
}

fn parse(table: &str) -> Result<BTreeMap<String, Tones>, TonesError> {
    let entries: BTreeMap<String, CountryEntry> = toml::from_str(table)?;
    entries
        .into_iter()
        .map(|(country, entry)| {
            if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_lowercase()) {
                return Err(TonesError::CountryCode { country });
            }
            let tones = check(&country, entry)?;
            Ok((country, tones))
        })
        .collect()
}

fn check(country: &str, entry: CountryEntry) -> Result<Tones, TonesError> {
    let spec = |tone, entry: ToneEntry| {
        entry.into_spec().map_err(|reason| TonesError::Tone {
            country: country.to_owned(),
            tone,
            reason,
        })
    };
    Ok(Tones {
        dial: spec("dial", entry.dial)?,
        ringback: spec("ringback", entry.ringback)?,
        busy: spec("busy", entry.busy)?,
        congestion: spec("congestion", entry.congestion)?,
        name: entry.name,
        source: entry.source,
    })
}

impl ToneEntry {
    fn into_spec(self) -> Result<ToneSpec, ToneFault> {
        if self.frequencies.is_empty() {
            return Err(ToneFault::NoFrequency);
        }
        if let Some(&hz) = self
            .frequencies
            .iter()
            .find(|hz| !(0.0 < **hz && **hz < 4000.0))
        {
            return Err(ToneFault::Frequency { hz });
        }
        if let Some(index) = self
            .cadence
            .iter()
            .position(|&(on, off)| on == 0 || off == 0)
        {
            return Err(ToneFault::EmptyPulse { index });
        }
        let millis = |ms: u32| Duration::from_millis(ms.into());
        let spec = ToneSpec {
            frequencies: self.frequencies,
            level_dbm0: self.level_dbm0,
            cadence: self
                .cadence
                .into_iter()
                .map(|(on, off)| Pulse {
                    on: millis(on),
                    off: millis(off),
                })
                .collect(),
        };
        let peak: f32 = spec.frequencies.iter().map(|_| spec.amplitude()).sum();
        if spec.level_dbm0 >= -60.0 && peak <= 1.0 {
            Ok(spec)
        } else {
            Err(ToneFault::Level {
                dbm0: spec.level_dbm0,
            })
        }
    }
}

#[cfg(test)]
mod tests;
