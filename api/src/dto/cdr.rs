//! Call records over the wire, as JSON and as CSV.

use jiff::Timestamp;
use offhook_core::HangupCause;
use offhook_core::cdr::{Cdr, CdrLeg, Disposition, Quality};
use offhook_core::event::EndedBy;
use offhook_core::fax::FaxTone;
use offhook_core::sdp::Codec;
use offhook_core::{AgentId, CallId, DidId, LegId, QueueId, RecordingId, TrunkId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::call::DirectionDto;

/// How a call went, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Disposition)]
pub enum DispositionDto {
    /// The caller reached somebody.
    Answered,
    /// The caller left while waiting in a queue.
    Abandoned,
    /// Nobody was reached, and nobody is to blame.
    NoAnswer,
    /// The callee was in another call, or the queue was full.
    Busy,
    /// The callee declined, or the caller may not dial this.
    Rejected,
    /// The call could not be made.
    Failed,
}

impl From<Disposition> for DispositionDto {
    fn from(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Answered => Self::Answered,
            Disposition::Abandoned => Self::Abandoned,
            Disposition::NoAnswer => Self::NoAnswer,
            Disposition::Busy => Self::Busy,
            Disposition::Rejected => Self::Rejected,
            Disposition::Failed => Self::Failed,
        }
    }
}

impl From<DispositionDto> for Disposition {
    fn from(disposition: DispositionDto) -> Self {
        match disposition {
            DispositionDto::Answered => Self::Answered,
            DispositionDto::Abandoned => Self::Abandoned,
            DispositionDto::NoAnswer => Self::NoAnswer,
            DispositionDto::Busy => Self::Busy,
            DispositionDto::Rejected => Self::Rejected,
            DispositionDto::Failed => Self::Failed,
        }
    }
}

/// What a network did to the audio we received.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = Quality)]
pub struct QualityView {
    /// Packets lost of those expected, in percent.
    pub loss_percent: f64,
    /// Interarrival jitter in milliseconds.
    pub jitter_ms: f64,
    /// Round trip in milliseconds, if the far end reported.
    pub round_trip_ms: Option<f64>,
    /// The codec spoken last: `opus`, `g722`, `pcmu`, `pcma`, `l16_wide` or `l16_narrow`.
    #[schema(value_type = Option<String>)]
    pub codec: Option<Codec>,
    /// Packets that came too late to be heard, in percent of those received.
    pub late_percent: f64,
    /// The longest wait in the jitter buffer in milliseconds, where there was one.
    pub buffered_ms: Option<f64>,
    /// The worst mean opinion score of five seconds (ITU-T G.107), 1 to 4.5.
    pub mos_min: Option<f64>,
    /// The mean of all of them.
    pub mos_mean: Option<f64>,
}

impl From<Quality> for QualityView {
    fn from(quality: Quality) -> Self {
        Self {
            loss_percent: quality.loss_percent,
            jitter_ms: quality.jitter_ms,
            round_trip_ms: quality.round_trip_ms,
            codec: quality.codec,
            late_percent: quality.late_percent,
            buffered_ms: quality.buffered_ms,
            mos_min: quality.mos_min,
            mos_mean: quality.mos_mean.map(|mos| (mos * 100.0).round() / 100.0),
        }
    }
}

/// One party's part in a finished call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = CdrLeg)]
pub struct CdrLegView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: LegId,
    /// Which way it was set up.
    pub direction: DirectionDto,
    /// The extension at its far end, if it is one of ours.
    pub extension: Option<String>,
    /// The far end as shown: number or URI.
    pub remote: String,
    /// The agent at its far end, if it was rung for one.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
    /// When it came to be.
    pub started_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    #[schema(value_type = Option<String>)]
    pub cause: Option<HangupCause>,
    /// What its network was like.
    pub quality: Option<QualityView>,
    /// By which tone its far end was recognised as a fax: `calling` (CNG) or `answering` (CED).
    #[schema(value_type = Option<String>)]
    pub fax: Option<FaxTone>,
}

impl CdrLegView {
    fn of(leg: &CdrLeg) -> Self {
        Self {
            id: leg.id,
            direction: leg.direction.into(),
            extension: leg.extension.clone(),
            remote: leg.remote.clone(),
            agent: leg.agent,
            started_at: leg.started_at,
            answered_at: leg.answered_at,
            ended_at: leg.ended_at,
            cause: leg.cause,
            quality: leg.quality.map(Into::into),
            fax: leg.fax,
        }
    }
}

/// The record of one finished call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Cdr)]
pub struct CdrView {
    /// The call's id.
    #[schema(value_type = String, example = "call_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: CallId,
    /// Who set it up.
    pub direction: DirectionDto,
    /// The calling number.
    pub from: String,
    /// The caller's display name, if any.
    pub from_name: Option<String>,
    /// The number dialled.
    pub to: String,
    /// The public number it came in by.
    #[schema(value_type = Option<String>)]
    pub did: Option<DidId>,
    /// The trunk it came in by.
    #[schema(value_type = Option<String>)]
    pub trunk: Option<TrunkId>,
    /// When it began.
    pub started_at: Timestamp,
    /// When this server accepted the first leg, be it only to play a menu.
    pub accepted_at: Option<Timestamp>,
    /// When somebody was reached.
    pub answered_at: Option<Timestamp>,
    /// When its last leg was gone.
    pub ended_at: Timestamp,
    /// How it went.
    pub disposition: DispositionDto,
    /// The last queue the caller waited in.
    #[schema(value_type = Option<String>)]
    pub queue: Option<QueueId>,
    /// The agent who answered first.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
    /// Time spent waiting in queues, in seconds.
    pub wait_seconds: f64,
    /// Time from the answer to the end, in seconds; 0 without an answer.
    pub talk_seconds: f64,
    /// Why it ended.
    #[schema(value_type = String, example = "normal_clearing")]
    pub hangup_cause: HangupCause,
    /// Which side ended it: `caller`, `callee` or `system`.
    #[schema(value_type = String, example = "caller")]
    pub ended_by: EndedBy,
    /// What was recorded.
    #[schema(value_type = Vec<String>)]
    pub recordings: Vec<RecordingId>,
    /// The worst of what its legs' networks did.
    pub quality: Option<QualityView>,
    /// The number a party was sent to last by a transfer that went well.
    pub transferred_to: Option<String>,
    /// The number of who sent it there; null: an operator, if there was a transfer.
    pub transferred_by: Option<String>,
    /// The extension whose phone sent the caller on last.
    pub forwarded_by: Option<String>,
    /// The call to which a leg of this one went, or from which one came: the other half of an
    /// attended transfer, or of a call that was picked up.
    #[schema(value_type = Option<String>)]
    pub linked_call: Option<CallId>,
    /// The SIP Call-ID of the first leg.
    pub sip_call_id: String,
    /// Its legs in the order they came.
    pub legs: Vec<CdrLegView>,
}

impl CdrView {
    /// How a record is shown.
    #[must_use]
    pub fn of(cdr: &Cdr) -> Self {
        Self {
            id: cdr.id,
            direction: cdr.direction.into(),
            from: cdr.from.clone(),
            from_name: cdr.from_name.clone(),
            to: cdr.to.clone(),
            did: cdr.did,
            trunk: cdr.trunk,
            started_at: cdr.started_at,
            accepted_at: cdr.accepted_at,
            answered_at: cdr.answered_at,
            ended_at: cdr.ended_at,
            disposition: cdr.disposition.into(),
            queue: cdr.queue,
            agent: cdr.agent,
            wait_seconds: cdr.wait_seconds,
            talk_seconds: cdr.talk_seconds,
            hangup_cause: cdr.hangup_cause,
            ended_by: cdr.ended_by,
            recordings: cdr.recordings.clone(),
            quality: cdr.quality.map(Into::into),
            transferred_to: cdr.transferred_to.clone(),
            transferred_by: cdr.transferred_by.clone(),
            forwarded_by: cdr.forwarded_by.clone(),
            linked_call: cdr.linked_call,
            sip_call_id: cdr.sip_call_id.clone(),
            legs: cdr.legs.iter().map(CdrLegView::of).collect(),
        }
    }
}

/// The columns of a CSV of call records.
const COLUMNS: [&str; 20] = [
    "id",
    "direction",
    "from",
    "from_name",
    "to",
    "started_at",
    "answered_at",
    "ended_at",
    "disposition",
    "queue",
    "agent",
    "wait_seconds",
    "talk_seconds",
    "hangup_cause",
    "ended_by",
    "recordings",
    "transferred_to",
    "transferred_by",
    "forwarded_by",
    "linked_call",
];

/// Call records as CSV (RFC 4180) with a header line. What a spreadsheet would take for a formula
/// is made text by an apostrophe before it.
#[must_use]
pub fn to_csv(records: &[Cdr]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let rows = std::iter::once(COLUMNS.map(str::to_owned)).chain(records.iter().map(row));
    for row in rows {
        if writer.write_record(&row).is_err() {
            // Writing to memory with as many fields in every row cannot fail.
            break;
        }
    }
    writer.into_inner().unwrap_or_default()
}

fn row(cdr: &Cdr) -> [String; 20] {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let recordings: Vec<_> = cdr.recordings.iter().map(ToString::to_string).collect();
    let word = |value: serde_json::Result<serde_json::Value>| {
        let word = value
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned));
        word.unwrap_or_default()
    };
    [
        cdr.id.to_string(),
        word(serde_json::to_value(cdr.direction)),
        cdr.from.clone(),
        cdr.from_name.clone().unwrap_or_default(),
        cdr.to.clone(),
        cdr.started_at.to_string(),
        time(cdr.answered_at),
        cdr.ended_at.to_string(),
        cdr.disposition.as_str().to_owned(),
        cdr.queue.map(|id| id.to_string()).unwrap_or_default(),
        cdr.agent.map(|id| id.to_string()).unwrap_or_default(),
        cdr.wait_seconds.to_string(),
        cdr.talk_seconds.to_string(),
        cdr.hangup_cause.as_str().to_owned(),
        word(serde_json::to_value(cdr.ended_by)),
        recordings.join(" "),
        cdr.transferred_to.clone().unwrap_or_default(),
        cdr.transferred_by.clone().unwrap_or_default(),
        cdr.forwarded_by.clone().unwrap_or_default(),
        cdr.linked_call.map(|id| id.to_string()).unwrap_or_default(),
    ]
    .map(defuse)
}

fn defuse(field: String) -> String {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{field}")
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_a_spreadsheet_would_run_becomes_text() {
        assert_eq!(defuse("=HYPERLINK(\"x\")".into()), "'=HYPERLINK(\"x\")");
        assert_eq!(defuse("+49345".into()), "'+49345");
        assert_eq!(defuse("1000".into()), "1000");
        assert_eq!(defuse(String::new()), "");
    }
}
