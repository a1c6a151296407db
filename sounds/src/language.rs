//! The languages Offhook speaks.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A language that has a full set of prompts and its own grammar for numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Language {
    /// German.
    De,
    /// English.
    #[default]
    En,
}

impl Language {
    /// Every language, in alphabetical order of their tags.
    pub const ALL: &[Self] = &[Self::De, Self::En];

    /// The ISO 639-1 code, which is also the name of the folder the prompts live in.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::De => "de",
            Self::En => "en",
        }
    }
}

impl Language {
    /// What the prompt with this id is called among the sounds of all languages: in English, the
    /// default, by its id alone, otherwise behind the language's tag, such as `de/menu/good-bye`.
    #[must_use]
    pub fn sound(self, id: &str) -> String {
        match self {
            Self::En => id.to_owned(),
            Self::De => format!("{}/{id}", self.tag()),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A language tag Offhook has no prompts for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there are no prompts in language {tag:?}")]
pub struct UnknownLanguage {
    /// The tag as it was given.
    pub tag: String,
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Takes an ISO 639-1 code in lower case, such as `en`.
    fn from_str(tag: &str) -> Result<Self, UnknownLanguage> {
        Self::ALL
            .iter()
            .copied()
            .find(|language| language.tag() == tag)
            .ok_or_else(|| UnknownLanguage {
                tag: tag.to_owned(),
            })
    }
}
