//! Faxes, as far as a telephone system that carries them has to know.

use serde::{Deserialize, Serialize};

/// By what a fax was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaxTone {
    /// CNG, 1100 Hz (ITU-T T.30 section 4.2): a fax calls.
    Calling,
    /// CED or ANSam, 2100 Hz (T.30 section 4.3, V.8): a fax or a modem answers.
    Answering,
}
