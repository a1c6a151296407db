//! The media engine as the actors see it: what it can play, and where its reports go.

mod actor;
mod bank;

pub use actor::{EngineReports, Reports};
pub use bank::{BankError, sound_bank};
