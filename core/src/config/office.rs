//! What callers hear of the server itself.

use serde::{Deserialize, Serialize};

use super::Broken;

/// Section `[office]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfficeConfig {
    /// The language of prompts, as its ISO 639-1 code: `en` or `de`. A menu may choose another for
    /// the calls that come through it.
    pub language: String,
    /// The country whose dial, ringing and busy tones are heard, as its ISO 3166 code in lower case.
    pub tones: String,
}

impl Default for OfficeConfig {
    fn default() -> Self {
        Self {
            language: "en".to_owned(),
            // German, like the numbers of the examples.
            tones: "de".to_owned(),
        }
    }
}

impl OfficeConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        let two_letters =
            |code: &str| code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase());
        if !two_letters(&self.language) {
            return Err((
                "office.language",
                "must be a language such as \"en\" or \"de\"",
            ));
        }
        if !two_letters(&self.tones) {
            return Err(("office.tones", "must be a country such as \"de\" or \"us\""));
        }
        Ok(())
    }
}
