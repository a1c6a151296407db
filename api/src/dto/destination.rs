//! Where a call goes, as `destination_type` and `destination_id`.

use offhook_core::Directory;
use offhook_core::directory::Destination;
use offhook_core::number;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;

/// What kind of thing a destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DestinationType {
    /// An extension; the id is its id.
    Extension,
    /// A queue; the id is its id.
    Queue,
    /// A menu; the id is its id.
    IvrMenu,
    /// A number outside; the id is the number as it is dialled.
    External,
    /// The echo test; no id.
    Echo,
    /// The calling agent becomes ready; no id.
    AgentLogin,
    /// The calling agent logs out; no id.
    AgentLogout,
    /// The call ends; no id.
    HangUp,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Destination)]
pub struct DestinationDto {
    /// What kind of thing.
    pub destination_type: DestinationType,
    /// Which one; for `external` the number. Absent where the type needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "queue_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub destination_id: Option<String>,
}

impl DestinationDto {
    /// How a destination is written.
    #[must_use]
    pub fn of(destination: &Destination) -> Self {
        use DestinationType as Type;
        let (destination_type, destination_id) = match destination {
            Destination::Extension(id) => (Type::Extension, Some(id.to_string())),
            Destination::Queue(id) => (Type::Queue, Some(id.to_string())),
            Destination::IvrMenu(id) => (Type::IvrMenu, Some(id.to_string())),
            Destination::External(number) => (Type::External, Some(number.clone())),
            Destination::Echo => (Type::Echo, None),
            Destination::AgentLogin => (Type::AgentLogin, None),
            Destination::AgentLogout => (Type::AgentLogout, None),
            Destination::HangUp => (Type::HangUp, None),
        };
        Self {
            destination_type,
            destination_id,
        }
    }

    /// The destination, if there is such a thing. `field` is where this stands: empty, or such as
    /// `overflow.`; what is wrong is added to `checks`.
    pub fn read(
        &self,
        field: &str,
        directory: &Directory,
        checks: &mut Checks,
    ) -> Option<Destination> {
        use DestinationType as Type;
        let id_field = format!("{field}destination_id");
        let id = self.destination_id.as_deref();
        let without_id = match self.destination_type {
            Type::Echo => Some(Destination::Echo),
            Type::AgentLogin => Some(Destination::AgentLogin),
            Type::AgentLogout => Some(Destination::AgentLogout),
            Type::HangUp => Some(Destination::HangUp),
            Type::Extension | Type::Queue | Type::IvrMenu | Type::External => None,
        };
        if let Some(destination) = without_id {
            checks.require(id.is_none(), &id_field, "must be absent for this type");
            return Some(destination);
        }
        let Some(id) = id else {
            checks.wrong(id_field, "is missing");
            return None;
        };
        let found = match self.destination_type {
            Type::Extension => id
                .parse()
                .ok()
                .filter(|id| directory.extension(*id).is_some())
                .map(Destination::Extension),
            Type::Queue => id
                .parse()
                .ok()
                .filter(|id| directory.queue(*id).is_some())
                .map(Destination::Queue),
            Type::IvrMenu => id
                .parse()
                .ok()
                .filter(|id| directory.ivr_menu(*id).is_some())
                .map(Destination::IvrMenu),
            Type::External => {
                let dialled = number::without_separators(id);
                let digits = dialled.strip_prefix('+').unwrap_or(&dialled);
                let fits = (2..=20).contains(&digits.len())
                    && digits.bytes().all(|byte| byte.is_ascii_digit());
                if !fits {
                    checks.wrong(
                        id_field,
                        "must be a number: 2 to 20 digits, or + and digits",
                    );
                    return None;
                }
                Some(Destination::External(dialled))
            }
            Type::Echo | Type::AgentLogin | Type::AgentLogout | Type::HangUp => None,
        };
        if found.is_none() {
            checks.wrong(id_field, "is not the id of such a thing");
        }
        found
    }
}
