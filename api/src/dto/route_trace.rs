//! How a number is routed, told step by step.

use jiff::Timestamp;
use offhook_core::TrunkId;
use offhook_core::dialplan::Step;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::dto::destination::DestinationType;

/// What is asked of the route tracer.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TraceQuery {
    /// The number that is dialled.
    pub to: String,
    /// The extension that dials it, by its number.
    pub from: Option<String>,
    /// Instead of `from`: the id of the trunk the call comes in by.
    #[param(value_type = Option<String>)]
    pub trunk: Option<TrunkId>,
    /// When; now if it is not said.
    #[param(value_type = Option<String>, example = "2026-11-21T20:00:00Z")]
    pub at: Option<Timestamp>,
    /// Also look up the addresses of the trunks' hosts.
    #[serde(default)]
    pub resolve: bool,
}

/// Where a number leads, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RouteTrace {
    /// What kind of thing the call goes to; null: nowhere.
    pub destination_type: Option<DestinationType>,
    /// Which one; for `external` the number.
    pub destination_id: Option<String>,
    /// The cause the call is refused with; null: it is not.
    #[schema(example = "not_allowed")]
    pub cause: Option<String>,
    /// What was looked at, in order.
    pub steps: Vec<StepDto>,
    /// The ways out that would be tried, in order.
    pub ways: Vec<WayDto>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RouteStep)]
pub struct StepDto {
    /// `feature_code`, `internal_number`, `did`, `route`, `permission`, `schedule`, `trunk`.
    #[schema(example = "route")]
    pub step: String,
    /// Which one.
    pub subject: String,
    /// `match`, `no_match`, `chosen`, `skipped`, `refused`.
    #[schema(example = "chosen")]
    pub outcome: String,
    /// Why.
    pub detail: String,
}

/// A trunk with what it would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RouteWay)]
pub struct WayDto {
    /// The trunk's id.
    #[schema(value_type = String)]
    pub trunk_id: TrunkId,
    /// What it is called.
    pub trunk: String,
    /// Why it is passed over at the moment; null: it is tried.
    pub skipped: Option<String>,
    /// The Request-URI; null when it is passed over.
    pub request_uri: Option<String>,
    /// Its From header; null without a caller.
    pub from: Option<String>,
    /// The headers that say who calls besides it.
    pub headers: Vec<String>,
    /// With `resolve`: where it would be sent, in order, such as `UDP 192.0.2.1:5060`. The order
    /// may differ each time (RFC 2782).
    pub targets: Vec<String>,
}

impl StepDto {
    /// How a step is shown.
    #[must_use]
    pub fn of(step: Step) -> Self {
        Self {
            step: step.step.as_str().to_owned(),
            subject: step.subject,
            outcome: step.outcome.as_str().to_owned(),
            detail: step.detail,
        }
    }
}
