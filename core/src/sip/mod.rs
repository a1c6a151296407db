//! The SIP core, sans-IO.
//!
//! The wire layer comes first: [`Message`] is a lazy view of one datagram or stream frame whose
//! header values are slices of what arrived, [`header`] gives them types on demand, and
//! [`Request::check`] names the header that makes a request unusable.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`message`] | requests and responses |
//! | [`headers`] | the ordered header rows of a message |
//! | [`header_name`] | what they are called |
//! | [`header`] | typed headers, one per file |
//! | [`uri`] | `sip:`, `sips:` and `tel:` URIs and when two are the same |
//! | [`stream`] | framing on TCP and TLS |
//! | [`defence`] | who is listened to, how much, and who is kept out |
//! | [`glimpse`] | a look at a message without parsing it |
//! | [`trace`], [`hep`] | messages kept, shown and copied elsewhere |
//! | [`digest`] | authentication, both ends |
//! | [`registrar`] | who can be reached where |
//! | [`transaction`] | the four transaction machines |
//! | [`endpoint`] | bytes in, checked requests and transactions out |
//! | [`dialog`] | what two user agents remember of each other |
//! | [`locate`] | from a URI to the addresses of a server (RFC 3263) |
//! | [`register_client`] | the registration a trunk keeps with its carrier |
//! | [`qualify`] | whether a carrier is there |
//! | [`identity`] | who calls, as carriers are told and tell it |
//! | [`trunk_uri`] | the addresses of a trunk |
//! | [`invite`] | one leg of a call: everything between INVITE and BYE |
//! | [`subscription`] | one watcher of an extension: everything between SUBSCRIBE and its end |

pub mod call_rate;
mod check;
pub mod defence;
pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod error;
pub mod glimpse;
pub mod header;
pub mod header_name;
pub mod headers;
pub mod hep;
pub mod identity;
pub mod invite;
mod lex;
pub mod locate;
pub mod message;
pub mod method;
pub mod parse;
pub mod qualify;
pub mod register_client;
pub mod registrar;
pub mod status;
pub mod stream;
pub mod subscription;
#[cfg(test)]
mod tests;
pub mod trace;
pub mod transaction;
pub mod trunk_uri;
pub mod uri;
mod write;

pub use error::{HeaderError, HeaderErrorKind, ParseError, ParseErrorKind};
pub use header_name::HeaderName;
pub use headers::Headers;
pub use message::{Message, Request, Response};
pub use method::Method;
pub use uri::Uri;
