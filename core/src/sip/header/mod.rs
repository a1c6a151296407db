//! Typed headers, one per file. Each is read from a raw value with `parse` and put back with
//! `write`; what it has no field for is kept raw.

mod alert_info;
mod content_type;
mod cseq;
mod diversion;
mod event;
mod expires;
mod history_info;
mod max_forwards;
mod name_addr;
mod param;
mod rack;
mod reason;
mod refer_to;
mod replaces;
mod retry_after;
mod session_expires;
mod subscription_state;
mod tokens;
mod via;

pub use alert_info::{AlertInfo, AlertInfoError};
pub use content_type::ContentType;
pub use cseq::CSeq;
pub use diversion::{Diversion, DiversionReason};
pub use event::Event;
pub use expires::Expires;
pub use history_info::HistoryInfo;
pub use max_forwards::MaxForwards;
pub use name_addr::NameAddr;
pub use param::Params;
pub use rack::{RAck, RSeq};
pub use reason::Reason;
pub use refer_to::{ReferTo, ReferToError};
pub use replaces::{Replaced, Replaces};
pub use retry_after::RetryAfter;
pub use session_expires::{MinSe, Refresher, SessionExpires};
pub use subscription_state::SubscriptionState;
pub use tokens::join;
pub use via::Via;

use super::error::{HeaderError, HeaderErrorKind};
use super::header_name::HeaderName;

fn error<T>(header: &HeaderName, at: usize, kind: HeaderErrorKind) -> Result<T, HeaderError> {
    Err(HeaderError {
        header: header.clone(),
        at,
        kind,
    })
}
