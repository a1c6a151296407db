//! Public numbers over the wire.

use offhook_core::directory::{Did, Directory};
use offhook_core::number;
use offhook_core::{DidId, TrunkId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;
use crate::dto::destination::{DestinationDto, DestinationType};
use crate::error::{ApiError, ApiResult};

/// A public number and where calls to it go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Did)]
pub struct DidView {
    /// Its id.
    #[schema(value_type = String, example = "did_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: DidId,
    /// The number in E.164 form.
    #[schema(example = "+4934556643378")]
    pub number: String,
    /// What operators call it.
    pub name: String,
    /// Only calls from this trunk reach it; null: from any.
    #[schema(value_type = Option<String>)]
    pub trunk_id: Option<TrunkId>,
    /// What kind of thing calls go to.
    pub destination_type: DestinationType,
    /// Which one.
    pub destination_id: Option<String>,
}

/// What can be set of a public number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DidSettings {
    /// The number in E.164 form: a plus sign and digits.
    #[schema(example = "+4934556643378")]
    pub number: String,
    /// What operators call it.
    #[schema(example = "Main number")]
    pub name: String,
    /// Only calls from this trunk reach it; null: from any.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub trunk_id: Option<TrunkId>,
    /// What kind of thing calls go to.
    pub destination_type: DestinationType,
    /// Which one; for `external` the number. Absent where the type needs none.
    #[serde(default)]
    pub destination_id: Option<String>,
}

impl DidView {
    /// How a public number is shown.
    #[must_use]
    pub fn of(did: &Did) -> Self {
        let destination = DestinationDto::of(&did.destination);
        Self {
            id: did.id,
            number: did.number.clone(),
            name: did.name.clone(),
            trunk_id: did.trunk,
            destination_type: destination.destination_type,
            destination_id: destination.destination_id,
        }
    }
}

impl DidSettings {
    /// What would make this public number again.
    #[must_use]
    pub fn of(did: &Did) -> Self {
        let destination = DestinationDto::of(&did.destination);
        Self {
            number: did.number.clone(),
            name: did.name.clone(),
            trunk_id: did.trunk,
            destination_type: destination.destination_type,
            destination_id: destination.destination_id,
        }
    }

    /// The public number these settings make.
    ///
    /// # Errors
    /// What is wrong with them, or that the number is taken.
    pub fn build(self, old: Option<&Did>, directory: &Directory) -> ApiResult<Did> {
        let id = old.map_or_else(DidId::random, |old| old.id);
        let mut checks = Checks::default();
        let number = number::without_separators(&self.number);
        if let Err(error) = number::check_e164(&number) {
            checks.wrong("number", error.to_string());
        } else if directory
            .did_numbered(&number)
            .is_some_and(|did| did.id != id)
        {
            return Err(ApiError::duplicate(
                "number",
                "is the number of another DID",
            ));
        }
        checks.name("name", &self.name);
        if let Some(trunk) = self.trunk_id {
            checks.require(
                directory.trunk(trunk).is_some(),
                "trunk_id",
                "is not the id of a trunk",
            );
        }
        let destination = DestinationDto {
            destination_type: self.destination_type,
            destination_id: self.destination_id,
        };
        let destination = destination.read("", directory, &mut checks);
        checks.finish()?;
        let destination = destination.ok_or(ApiError::Internal)?;
        Ok(Did {
            id,
            number,
            name: self.name,
            trunk: self.trunk_id,
            destination,
        })
    }
}
