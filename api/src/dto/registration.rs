//! Registered phones over the wire.

use std::time::Duration;

use jiff::Timestamp;
use offhook_actors::registrar::Registered;
use offhook_core::sip::registrar::PhoneHealth;
use offhook_core::{Directory, ExtensionId};
use serde::Serialize;
use utoipa::ToSchema;

/// A phone that is registered now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Registration)]
pub struct RegistrationView {
    /// The extension's number.
    #[schema(example = "1001")]
    pub extension: String,
    /// The extension's id.
    #[schema(value_type = Option<String>)]
    pub extension_id: Option<ExtensionId>,
    /// Where the phone is reached.
    #[schema(example = "sip:1001@192.0.2.44:5062")]
    pub contact: String,
    /// What the phone calls itself.
    pub user_agent: Option<String>,
    /// How it is connected.
    #[schema(example = "udp")]
    pub transport: String,
    /// Where its REGISTER came from.
    #[schema(example = "192.0.2.44:5062")]
    pub source: String,
    /// When the registration runs out.
    pub expires_at: Timestamp,
    /// Whether the phone answers when it is asked; null: it is not asked, or has not answered yet. One
    /// that does not is rung all the same.
    pub reachable: Option<bool>,
    /// How long its last answer took, in milliseconds.
    pub round_trip_ms: Option<u64>,
}

impl RegistrationView {
    /// How a registered phone is shown.
    #[must_use]
    pub fn of(phone: Registered, directory: &Directory) -> Self {
        let extension = directory.extension_numbered(&phone.extension);
        let (reachable, round_trip) = match phone.health {
            PhoneHealth::Unknown => (None, None),
            PhoneHealth::There(took) => (Some(true), Some(took)),
            PhoneHealth::Gone => (Some(false), None),
        };
        let millis = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self {
            extension_id: extension.map(|found| found.id),
            extension: phone.extension,
            contact: phone.contact,
            user_agent: phone.user_agent,
            transport: phone.transport.as_str().to_ascii_lowercase(),
            source: phone.source.to_string(),
            expires_at: phone.expires_at,
            reachable,
            round_trip_ms: round_trip.map(millis),
        }
    }
}
