//! What a dialled number means.
//!
//! Two questions, two functions: [`from_inside`] for a call placed by one of our extensions,
//! [`inbound`] for a call that came in by a trunk. Neither reads anything but the snapshot.

mod codes;
mod inbound;

pub use codes::FeatureCode;
pub use inbound::{Inbound, from_trunk, inbound};

use crate::directory::{Destination, Dialable, Directory, Trunk};
use crate::number;

/// Why a number leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Nobody has this number.
    #[error("nobody has this number")]
    Unallocated,
    /// The number belongs to a disabled extension.
    #[error("the extension is disabled")]
    Disabled,
}

impl RouteError {
    /// The cause with which such a call is refused.
    #[must_use]
    pub fn cause(self) -> crate::HangupCause {
        match self {
            Self::Unallocated | Self::Disabled => crate::HangupCause::UnallocatedNumber,
        }
    }
}

/// Where a number leads that one of our extensions, or the API, dials.
///
/// Feature codes first, then internal numbers, then our own DIDs (so that a public number of ours
/// never loops through a carrier), then the trunk whose prefix is the longest that fits.
///
/// # Errors
/// Says why the number leads nowhere.
pub fn from_inside(directory: &Directory, dialled: &str) -> Result<Destination, RouteError> {
    if let Some(code) = FeatureCode::parse(dialled) {
        return Ok(code.destination());
    }
    if let Some(found) = directory.dialable(dialled) {
        return internal(directory, found);
    }
    let own = number::to_e164(dialled).and_then(|number| directory.did_numbered(&number));
    if let Some(did) = own {
        return Ok(did.destination.clone());
    }
    match outbound_trunk(directory, dialled) {
        Some(_) => Ok(Destination::External(dialled.to_owned())),
        None => Err(RouteError::Unallocated),
    }
}

/// The enabled trunk that takes calls out to this number: the longest prefix wins.
#[must_use]
pub fn outbound_trunk<'a>(directory: &'a Directory, dialled: &str) -> Option<&'a Trunk> {
    let fits = |trunk: &&Trunk| {
        trunk.enabled
            && trunk.host.is_some()
            && trunk
                .outbound_prefix
                .as_deref()
                .is_some_and(|prefix| dialled.starts_with(prefix))
    };
    let trunks = directory.office().trunks.iter().filter(fits);
    trunks.max_by_key(|trunk| trunk.outbound_prefix.as_ref().map_or(0, String::len))
}

fn internal(directory: &Directory, found: Dialable) -> Result<Destination, RouteError> {
    match found {
        Dialable::Queue(id) => Ok(Destination::Queue(id)),
        Dialable::IvrMenu(id) => Ok(Destination::IvrMenu(id)),
        Dialable::Extension(id) => match directory.extension(id) {
            Some(extension) if extension.enabled => Ok(Destination::Extension(id)),
            _ => Err(RouteError::Disabled),
        },
    }
}

#[cfg(test)]
mod tests;
