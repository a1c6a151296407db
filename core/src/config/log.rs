//! What is logged, and how.

use serde::{Deserialize, Serialize};

use super::Broken;

/// Section `[log]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace` or `off`, or a filter such as
    /// `info,offhook_actors::queue=debug`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Text,
        }
    }
}

impl LogConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        let directive = |part: &str| {
            let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
            matches!(
                level.trim(),
                "off" | "error" | "warn" | "info" | "debug" | "trace"
            )
        };
        if self.level.split(',').all(directive) {
            Ok(())
        } else {
            Err((
                "log.level",
                "must be off, error, warn, info, debug or trace, or a list such as \
                 info,offhook_actors=debug",
            ))
        }
    }
}
