//! What a dialled number means.
//!
//! Three questions, three functions: [`from_inside`] for a call placed by one of our extensions,
//! [`inbound`] for a call that came in by a trunk, [`outbound`] for the trunks that take a
//! number outside. None reads anything but the snapshot, and each takes [`Notes`] of what it
//! decided if anybody wants to read them: the route tracer is the routing itself.

mod codes;
mod inbound;
mod outbound;
mod trace;

use jiff::Timestamp;

pub use codes::FeatureCode;
pub use inbound::{Inbound, from_trunk, inbound};
pub use outbound::{Outbound, outbound};
pub use trace::{Notes, Outcome, Step, StepKind};

use crate::directory::{Destination, Dialable, Directory, Extension};
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
    /// The caller may not place such calls.
    #[error("the extension may not place such calls")]
    NotPermitted,
    /// Every route that takes the number is closed now.
    #[error("the route is closed at this time")]
    Closed,
    /// A route takes the number, and has no trunk to send it by.
    #[error("the route has no trunk that can be used")]
    NoTrunk,
}

impl RouteError {
    /// The cause with which such a call is refused.
    #[must_use]
    pub fn cause(self) -> crate::HangupCause {
        match self {
            Self::Unallocated | Self::Disabled => crate::HangupCause::UnallocatedNumber,
            Self::NotPermitted => crate::HangupCause::NotAllowed,
            Self::Closed => crate::HangupCause::OutsideHours,
            Self::NoTrunk => crate::HangupCause::NetworkOutOfOrder,
        }
    }
}

/// A number that is dialled inside.
#[derive(Debug, Clone, Copy)]
pub struct Dialled<'a> {
    /// What was dialled.
    pub number: &'a str,
    /// By whom; none: by the office itself, which may dial everything.
    pub caller: Option<&'a Extension>,
    /// When.
    pub at: Timestamp,
}

/// Where a number leads that one of our extensions, or the API, dials.
///
/// Feature codes first, then internal numbers, then our own DIDs (so that a public number of ours
/// never loops through a carrier), then outbound routes.
///
/// # Errors
/// Says why the number leads nowhere.
pub fn from_inside(
    directory: &Directory,
    dialled: Dialled<'_>,
    notes: &mut Notes,
) -> Result<Destination, RouteError> {
    let number = dialled.number;
    let subject = || number.to_owned();
    if let Some(code) = FeatureCode::parse(number) {
        notes.add(StepKind::FeatureCode, subject, Outcome::Chosen, || {
            format!("is the feature code {}", code.dialled())
        });
        return Ok(code.destination());
    }
    notes.add(StepKind::FeatureCode, subject, Outcome::NoMatch, || {
        "is no feature code".into()
    });
    if let Some(found) = directory.dialable(number) {
        return internal(directory, found, number, notes);
    }
    notes.add(StepKind::InternalNumber, subject, Outcome::NoMatch, || {
        "is no internal number".into()
    });
    let own = number::to_e164(number).and_then(|number| directory.did_numbered(&number));
    if let Some(did) = own {
        notes.add(StepKind::Did, subject, Outcome::Chosen, || {
            format!("is our own number {}", did.number)
        });
        return Ok(did.destination.clone());
    }
    notes.add(StepKind::Did, subject, Outcome::NoMatch, || {
        "is no public number of ours".into()
    });
    outbound(directory, dialled.caller, number, dialled.at, notes)?;
    Ok(Destination::External(number.to_owned()))
}

fn internal(
    directory: &Directory,
    found: Dialable,
    number: &str,
    notes: &mut Notes,
) -> Result<Destination, RouteError> {
    let (result, what) = match found {
        Dialable::Queue(id) => (Ok(Destination::Queue(id)), "is a queue"),
        Dialable::IvrMenu(id) => (Ok(Destination::IvrMenu(id)), "is a menu"),
        Dialable::Extension(id) => match directory.extension(id) {
            Some(extension) if extension.enabled => {
                (Ok(Destination::Extension(id)), "is an extension")
            }
            _ => (Err(RouteError::Disabled), "is a disabled extension"),
        },
    };
    let outcome = match result {
        Ok(_) => Outcome::Chosen,
        Err(_) => Outcome::Refused,
    };
    let subject = || number.to_owned();
    notes.add(StepKind::InternalNumber, subject, outcome, || what.into());
    result
}

#[cfg(test)]
mod tests;
