//! Rules that types cannot say, all collected before the answer, so that a form can show every wrong
//! field at once.

use std::time::Duration;

use offhook_core::Directory;
use offhook_core::directory::Dialable;
use offhook_core::number;

use crate::error::{ApiError, ApiResult, FieldError};

/// The longest name of anything.
pub const MAX_NAME: usize = 100;
/// The longest duration that can be set: a day.
pub const MAX_SECONDS: u32 = 86_400;

/// Wrong fields found so far.
#[derive(Debug, Default)]
pub struct Checks(Vec<FieldError>);

impl Checks {
    /// Adds a wrong field.
    pub fn wrong(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::new(field, detail));
    }

    /// Adds a wrong field unless `holds`.
    pub fn require(&mut self, holds: bool, field: &str, detail: &str) {
        if !holds {
            self.wrong(field, detail);
        }
    }

    /// A display name: not empty, not long, nothing that breaks a SIP header or a terminal.
    pub fn name(&mut self, field: &str, name: &str) {
        self.require(!name.trim().is_empty(), field, "must not be empty");
        self.text(field, name);
    }

    /// A text that may be empty.
    pub fn text(&mut self, field: &str, text: &str) {
        self.require(
            text.chars().count() <= MAX_NAME,
            field,
            "must have at most 100 characters",
        );
        self.require(
            !text.chars().any(char::is_control),
            field,
            "must not hold control characters",
        );
    }

    /// A number of seconds that becomes a duration; a day at most.
    pub fn seconds(&mut self, field: &str, seconds: u32, least: u32) -> Duration {
        if seconds < least {
            self.wrong(field, format!("must be at least {least} seconds"));
        }
        if seconds > MAX_SECONDS {
            self.wrong(field, "must be at most 86400 seconds, a day");
        }
        Duration::from_secs(u64::from(seconds))
    }

    /// A count with a bound.
    pub fn at_most(&mut self, field: &str, count: u32, most: u32) {
        if count > most {
            self.wrong(field, format!("must be at most {most}"));
        }
    }

    /// An internal number that nothing else has; `own` is what has it already by right.
    pub fn internal_number(
        &mut self,
        field: &str,
        number: &str,
        directory: &Directory,
        own: Option<Dialable>,
    ) -> ApiResult<()> {
        if let Err(error) = number::check_extension(number) {
            self.wrong(field, error.to_string());
            return Ok(());
        }
        match directory.dialable(number) {
            Some(found) if Some(found) != own => {
                let what = match found {
                    Dialable::Extension(_) => "an extension",
                    Dialable::Queue(_) => "a queue",
                    Dialable::IvrMenu(_) => "a menu",
                };
                Err(ApiError::duplicate(
                    field,
                    format!("{number} is the number of {what} already"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Nothing, or everything that was wrong.
    ///
    /// # Errors
    /// [`ApiError::Invalid`].
    pub fn finish(self) -> ApiResult<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Invalid(self.0))
        }
    }
}

/// A duration in whole seconds, rounded up, for the wire.
#[must_use]
pub fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
