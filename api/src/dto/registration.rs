//! Registered phones over the wire.

use offhook_core::ExtensionId;
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
}
