//! The registrar: which phones an extension can be reached at.
//!
//! The bindings are kept in core's [`Registrar`](offhook_core::sip::registrar::Registrar) beside the
//! actor, not inside it: everybody reads them without asking, and when the actor falls its successor
//! goes on with them. Only the actor writes.
//!
//! Who may register as what is decided at the [edge](crate::edge) before a REGISTER gets here.

mod actor;
mod handle;
#[cfg(test)]
mod tests;

pub use actor::{RegistrarActor, RegistrarMessage};
pub use handle::{Phone, PhoneWatch, Registered, Registrar, RegistrarArguments, Replies};

pub(crate) use handle::{Home, Registration};
