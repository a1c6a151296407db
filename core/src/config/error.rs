//! What is wrong with a configuration file, and where.

use std::fmt;

use thiserror::Error;

/// One fault of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// The file, as the operator named it; none before [`in_file`](Self::in_file).
    pub file: Option<String>,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong there.
    pub fault: ConfigFault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// Not TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// A key nobody reads: usually a typing error.
    #[error("unknown key `{key}`; here may be: {}", known.join(", "))]
    UnknownKey {
        /// The whole key, dotted.
        key: String,
        /// The keys that could stand there.
        known: Vec<String>,
    },
    /// A value of the wrong type or form.
    #[error("key `{key}`: {reason}")]
    BadValue {
        /// The whole key, dotted.
        key: String,
        /// What the value should have been.
        reason: String,
    },
    /// A value that contradicts another, or that no server could work with.
    #[error("key `{key}`: {rule}")]
    BrokenRule {
        /// The whole key, dotted.
        key: &'static str,
        /// The rule.
        rule: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}", self.fault)
    }
}

impl ConfigError {
    /// The same error, with the file it is in.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    pub(crate) fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        Self {
            file: None,
            line: error.span().map(|span| line_of(text, span.start)),
            fault: ConfigFault::Syntax(one_line(error.message())),
        }
    }

    pub(crate) fn from_serde(
        text: &str,
        error: &serde_path_to_error::Error<toml::de::Error>,
    ) -> Self {
        let path = error.path().to_string();
        let inner = error.inner();
        let line = inner.span().map(|span| line_of(text, span.start));
        let fault = match unknown_field(inner.message()) {
            Some((field, known)) => ConfigFault::UnknownKey {
                key: with_field(&path, &field),
                known,
            },
            None => ConfigFault::BadValue {
                key: path,
                reason: one_line(inner.message()),
            },
        };
        Self {
            file: None,
            line,
            fault,
        }
    }

    /// The file with this text breaks a rule that is about this dotted key.
    #[must_use]
    pub fn broken(text: &str, key: &'static str, rule: &'static str) -> Self {
        Self {
            file: None,
            line: line_of_key(text, key),
            fault: ConfigFault::BrokenRule { key, rule },
        }
    }
}

/// Serde has one wording for an unknown field; its parts are worth more than the sentence.
fn unknown_field(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (field, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((field.to_owned(), known.collect()))
}

fn with_field(path: &str, field: &str) -> String {
    let last = path.rsplit('.').next();
    match path {
        "." | "" => field.to_owned(),
        _ if last == Some(field) => path.to_owned(),
        _ => format!("{path}.{field}"),
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}

/// The line of the deepest part of a dotted key that the file has.
fn line_of_key(text: &str, key: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut line = None;
    for part in key.split('.') {
        let Some((found, value)) = table.get_key_value(part) else {
            break;
        };
        line = Some(line_of(text, found.span().start));
        match value.get_ref() {
            toml::de::DeValue::Table(inner) => table = inner,
            toml::de::DeValue::String(_)
            | toml::de::DeValue::Integer(_)
            | toml::de::DeValue::Float(_)
            | toml::de::DeValue::Boolean(_)
            | toml::de::DeValue::Datetime(_)
            | toml::de::DeValue::Array(_) => break,
        }
    }
    line
}
