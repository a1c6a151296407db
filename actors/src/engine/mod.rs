//! The media engine as the actors see it: what it can play, and where its reports go.

mod actor;
mod bank;

pub use actor::{EngineReports, Reports};
pub(crate) use bank::RECORDED;
pub use bank::{BankError, sound_bank};
