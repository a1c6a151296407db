//! The spoken sounds, looked up by id.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use rust_embed::{Embed, EmbeddedFile};

use crate::Language;

/// A spoken sound that is part of the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    /// The language it is spoken in.
    pub language: Language,
    /// Its name, the same in every language, such as `menu/please-try-again`.
    pub id: &'static str,
    /// A whole WAV file: 16 kHz, mono, 16 bit linear.
    pub wav: &'static [u8],
}

/// Every prompt of every language, ordered by language, then by id.
pub fn prompts() -> impl Iterator<Item = Prompt> {
    Language::ALL.iter().flat_map(|&language| {
        table(language)
            .iter()
            .map(move |(&id, &wav)| Prompt { language, id, wav })
    })
}

/// The prompt called `id` in `language`, if there is one.
#[must_use]
pub fn prompt(language: Language, id: &str) -> Option<Prompt> {
    let (&id, &wav) = table(language).get_key_value(id)?;
    Some(Prompt { language, id, wav })
}

/// Name without `.wav` → file.
pub(crate) type WavTable = BTreeMap<&'static str, &'static [u8]>;

/// Lists the WAV files of an embedded folder by their path without the extension.
pub(crate) fn wav_table<Folder: Embed>() -> WavTable {
    Folder::iter()
        .filter_map(|path| {
            let EmbeddedFile { data, .. } = Folder::get(&path)?;
            Some((lasting_str(path).strip_suffix(".wav")?, lasting_bytes(data)))
        })
        .collect()
}

#[derive(Embed)]
#[folder = "de"]
struct German;

#[derive(Embed)]
#[folder = "en"]
struct English;

fn table(language: Language) -> &'static WavTable {
    static GERMAN: LazyLock<WavTable> = LazyLock::new(wav_table::<German>);
    static ENGLISH: LazyLock<WavTable> = LazyLock::new(wav_table::<English>);
    match language {
        Language::De => &GERMAN,
        Language::En => &ENGLISH,
    }
}

// Embedded files are always borrowed from the binary. The owned arms belong to rust-embed's
// read-from-disk mode, which this crate switches off; were it on, each table would leak once.

fn lasting_str(path: Cow<'static, str>) -> &'static str {
    match path {
        Cow::Borrowed(path) => path,
        Cow::Owned(path) => path.leak(),
    }
}

fn lasting_bytes(data: Cow<'static, [u8]>) -> &'static [u8] {
    match data {
        Cow::Borrowed(data) => data,
        Cow::Owned(data) => data.leak(),
    }
}
