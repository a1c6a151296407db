//! What a number means that a carrier calls.

use super::RouteError;
use crate::directory::{Destination, Did, Directory, Trunk};

/// Where a call from a trunk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inbound<'a> {
    /// The DID that was called; none: the trunk's default destination takes the call.
    pub did: Option<&'a Did>,
    /// Where the call goes.
    pub destination: &'a Destination,
}

/// Where a call from `trunk` goes: to the destination of the DID, whichever way the carrier writes
/// the number, else to the trunk's default destination.
///
/// # Errors
/// Says why the number leads nowhere.
pub fn inbound<'a>(
    directory: &'a Directory,
    trunk: &'a Trunk,
    dialled: &str,
) -> Result<Inbound<'a>, RouteError> {
    if let Ok(did) = from_trunk(directory, trunk, dialled) {
        return Ok(Inbound {
            did: Some(did),
            destination: &did.destination,
        });
    }
    let default = trunk.inbound.default_destination.as_ref();
    default
        .map(|destination| Inbound {
            did: None,
            destination,
        })
        .ok_or(RouteError::Unallocated)
}

/// The DID a call from `trunk` reaches, whichever way the carrier writes the number.
///
/// # Errors
/// Says why the number leads nowhere.
pub fn from_trunk<'a>(
    directory: &'a Directory,
    trunk: &Trunk,
    dialled: &str,
) -> Result<&'a Did, RouteError> {
    let meanings = trunk.numbers.meanings(dialled);
    let mut known = meanings
        .iter()
        .filter_map(|number| directory.did_numbered(number));
    known
        .find(|did| did.trunk.is_none_or(|wanted| wanted == trunk.id))
        .ok_or(RouteError::Unallocated)
}
