//! The events of each call, and those that belong to no call.

use std::time::Duration;

use jiff::Timestamp;
use offhook_core::event::{Event, EventKind};
use offhook_core::id::{AgentId, CallId};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqlitePool};

use crate::store::{Store, StoreError, column};

/// What happened, event by event.
#[derive(Debug, Clone, Copy)]
pub struct Timelines<'a>(&'a Store);

impl Store {
    /// What happened, event by event.
    #[must_use]
    pub fn timelines(&self) -> Timelines<'_> {
        Timelines(self)
    }
}

/// What the `ended_at` of a call says that goes on.
const GOES_ON: i64 = 0;

impl Timelines<'_> {
    /// The events of a finished call, in order.
    ///
    /// # Errors
    /// `NotFound`, also while the call goes on and after [`RETENTION`](crate::store::RETENTION).
    pub async fn of_call(&self, call: CallId) -> Result<Vec<Event>, StoreError> {
        let events: Option<String> = sqlx::query_scalar(
            "SELECT events FROM timelines WHERE call_id = $1 AND ended_at <> $2",
        )
        .bind(call.to_string())
        .bind(GOES_ON)
        .fetch_optional(&self.0.pool()?)
        .await?;
        let events = events.ok_or(StoreError::NotFound { what: "timeline" })?;
        column::from_json("timelines.events", &events)
    }

    /// How an agent's state changed from `since` on, in order, at most `limit` events.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of_agent(
        &self,
        agent: AgentId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let events: Vec<String> = sqlx::query_scalar(
            "SELECT event FROM events WHERE agent_id = $1 AND at >= $2 ORDER BY at, seq LIMIT $3",
        )
        .bind(agent.to_string())
        .bind(column::micros(since))
        .bind(i64::from(limit))
        .fetch_all(&self.0.pool()?)
        .await?;
        events
            .iter()
            .map(|event| column::from_json("events.event", event))
            .collect()
    }
}

/// The events of a call; the time is none while it goes on.
pub(super) type Row<'a> = (CallId, Option<Timestamp>, &'a [Event]);

/// Writes the events of calls, or replaces them, in one statement: all or none.
pub(super) async fn upsert_all(
    write: &mut SqliteConnection,
    calls: &[Row<'_>],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(calls.len());
    for (call, ended_at, events) in calls {
        let ended_at = ended_at.map_or(GOES_ON, column::micros);
        rows.push((call.to_string(), ended_at, column::json(events)?));
    }
    let mut query =
        QueryBuilder::<Sqlite>::new("INSERT INTO timelines (call_id, ended_at, events) ");
    query.push_values(rows, |mut row, (call, ended_at, events)| {
        row.push_bind(call).push_bind(ended_at).push_bind(events);
    });
    query.push(
        " ON CONFLICT (call_id) DO UPDATE SET ended_at = excluded.ended_at, \
         events = excluded.events",
    );
    // Its text depends on the number of rows: not worth remembering.
    query.build().persistent(false).execute(write).await?;
    Ok(())
}

/// The events of the calls that went on when this was last written.
pub(super) async fn unfinished(pool: &SqlitePool) -> Result<Vec<Vec<Event>>, StoreError> {
    let rows: Vec<String> = sqlx::query_scalar("SELECT events FROM timelines WHERE ended_at = $1")
        .bind(GOES_ON)
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|events| column::from_json("timelines.events", events))
        .collect()
}

/// Writes an event that belongs to an agent, a phone or the office.
pub(super) async fn add_event(
    write: &mut SqliteConnection,
    event: &Event,
) -> Result<(), StoreError> {
    let agent = if let EventKind::AgentStateChanged { agent, .. } = &event.kind {
        Some(agent.to_string())
    } else {
        None
    };
    sqlx::query(
        "INSERT INTO events (seq, at, type, agent_id, event) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (seq) DO UPDATE SET at = excluded.at, type = excluded.type, \
         agent_id = excluded.agent_id, event = excluded.event",
    )
    .bind(column::from_big_count(event.seq))
    .bind(column::micros(event.at))
    .bind(event.kind.name())
    .bind(agent)
    .bind(column::json(event)?)
    .execute(write)
    .await?;
    Ok(())
}

/// Removes what is older than `age`.
pub(super) async fn prune(
    pool: &SqlitePool,
    now: Timestamp,
    age: Duration,
) -> Result<(), StoreError> {
    let oldest = now
        .checked_sub(age)
        .map_err(|error| StoreError::corrupt(error.to_string()))?;
    sqlx::query("DELETE FROM timelines WHERE ended_at <> $1 AND ended_at < $2")
        .bind(GOES_ON)
        .bind(column::micros(oldest))
        .execute(pool)
        .await?;
    sqlx::query("DELETE FROM events WHERE at < $1")
        .bind(column::micros(oldest))
        .execute(pool)
        .await?;
    Ok(())
}
