//! Which events are wanted.

use offhook_core::{AgentId, CallId, Event, EventKind, QueueId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::{ApiError, ApiResult, FieldError};

/// Which events are wanted; everything given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// Only events of these types, separated by commas.
    #[serde(rename = "type")]
    #[param(example = "call_queued,call_dequeued")]
    pub(crate) kinds: Option<String>,
    /// Only events of the queue with this id.
    #[param(value_type = Option<String>)]
    pub(crate) queue: Option<QueueId>,
    /// Only events of the call with this id.
    #[param(value_type = Option<String>)]
    pub(crate) call: Option<CallId>,
    /// Only events of the agent with this id.
    #[param(value_type = Option<String>)]
    pub(crate) agent: Option<AgentId>,
    /// Begin after the event with this `seq`, as far back as the server remembers. The header
    /// `Last-Event-ID` does the same.
    pub(crate) since: Option<u64>,
    /// The token, for clients that cannot send headers.
    pub(crate) access_token: Option<String>,
}

impl EventQuery {
    /// Refuses types that do not exist: a typing error would be a silent stream.
    pub(crate) fn check(&self) -> ApiResult<()> {
        let Some(unknown) = self.kinds().find(|kind| !EventKind::NAMES.contains(kind)) else {
            return Ok(());
        };
        let detail = format!(
            "there is no type {unknown:?}; there are {}",
            EventKind::NAMES.join(", ")
        );
        Err(ApiError::BadQuery(vec![FieldError::new("type", detail)]))
    }

    fn kinds(&self) -> impl Iterator<Item = &str> {
        let kinds = self.kinds.as_deref().unwrap_or_default().split(',');
        kinds.map(str::trim).filter(|kind| !kind.is_empty())
    }

    /// Whether an event fits.
    pub(crate) fn fits(&self, event: &Event) -> bool {
        let kind = &event.kind;
        let of_kind = self.kinds().next().is_none() || self.kinds().any(|name| name == kind.name());
        of_kind
            && self.call.is_none_or(|call| kind.call() == Some(call))
            && self.queue.is_none_or(|queue| kind.queue() == Some(queue))
            && self.agent.is_none_or(|agent| kind.agent() == Some(agent))
    }
}
