//! Events over the wire.

use jiff::Timestamp;
use offhook_core::Event;
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that happened. Which further fields there are depends on `type`; ids are named after
/// what they are of: `call`, `leg`, `queue`, `agent`, `attempt`, `recording`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Its position in the event log; grows by one per event.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened: `call_started`, `call_queued`, `agent_state_changed`, …
    #[serde(rename = "type")]
    #[schema(example = "call_queued")]
    pub kind: String,
    /// What belongs to it.
    #[serde(flatten)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

impl EventView {
    /// How an event is shown.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let mut fields = match serde_json::to_value(&event.kind) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        fields.remove("type");
        Self {
            seq: event.seq,
            at: event.at,
            kind: event.kind.name().to_owned(),
            fields,
        }
    }
}
