//! What a caller hears when no person speaks: prompts, hold music and call progress tones, all of
//! them inside the binary, and the rules for saying numbers with prompts.
//!
//! - [`prompts`] and [`prompt`]: spoken sounds, one id each, such as `queue/you-are-caller-number`.
//!   What each one says, who speaks it and under which licence is written in `prompts.toml` and
//!   `prompts.de.toml`.
//! - [`hold_music`]: seamless loops, one for each class.
//! - [`tones`]: dial, ringback, busy and congestion tone of a country, as frequencies and cadences.
//! - [`say_number`], [`say_digits`], [`say_date`], [`say_time`], [`say_money`], [`say_duration`],
//!   [`queue_position`], [`estimated_wait`] and others: prompt ids to play one after the other, per
//!   [`Language`].
//!
//! Every WAV here is 16 kHz, mono, 16 bit linear. Nothing is read from the disk at run time.
//!
//! ```
//! use offhook_sounds::{Language, prompt, queue_position};
//!
//! let ids = queue_position(Language::En, 21);
//! assert_eq!(ids, ["queue/you-are-caller-number", "number/20", "number/1"]);
//! assert!(ids.iter().all(|id| prompt(Language::En, id).is_some()));
//! ```

mod hold_music;
mod language;
mod prompt;
mod say;
mod tones;

pub use hold_music::{DEFAULT_HOLD_MUSIC, HoldMusic, hold_music};
pub use language::{Language, UnknownLanguage};
pub use prompt::{Prompt, prompt, prompts};
pub use say::{
    Currency, Date, Money, NotSayable, TimeOfDay, estimated_wait, queue_position, say_date,
    say_digits, say_duration, say_minutes, say_money, say_number, say_ordinal, say_time,
};
pub use tones::{Pulse, ToneFault, ToneSpec, Tones, TonesError, countries, tones};
