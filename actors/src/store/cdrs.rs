//! Records of finished calls.

use jiff::Timestamp;
use offhook_core::cdr::{Cdr, Disposition};
use offhook_core::event::Direction;
use offhook_core::id::{AgentId, CallId, DidId, QueueId, TrunkId};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::store::{Listing, Page, Store, StoreError, column};

/// Which records are wanted; everything given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CdrFilter {
    /// Calls that began at this time or later.
    pub since: Option<Timestamp>,
    /// Calls that began before this time.
    pub until: Option<Timestamp>,
    /// How the call went.
    pub disposition: Option<Disposition>,
    /// Who set it up.
    pub direction: Option<Direction>,
    /// The last queue the caller waited in.
    pub queue: Option<QueueId>,
    /// The agent who answered.
    pub agent: Option<AgentId>,
    /// The public number it came in by.
    pub did: Option<DidId>,
    /// The trunk it came in by.
    pub trunk: Option<TrunkId>,
    /// The calling number, whole.
    pub from: Option<String>,
    /// The number dialled, whole.
    pub to: Option<String>,
    /// Either of the two, whole.
    pub number: Option<String>,
}

/// The records of finished calls.
#[derive(Debug, Clone, Copy)]
pub struct Cdrs<'a>(&'a Store);

impl Store {
    /// The records of finished calls.
    #[must_use]
    pub fn cdrs(&self) -> Cdrs<'_> {
        Cdrs(self)
    }
}

impl Cdrs<'_> {
    /// The record of this call.
    ///
    /// # Errors
    /// `NotFound`, also while the call goes on.
    pub async fn get(&self, id: CallId) -> Result<Cdr, StoreError> {
        let record: Option<String> = sqlx::query_scalar("SELECT record FROM cdrs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.pool()?)
            .await?;
        let record = record.ok_or(StoreError::NotFound {
            what: "call record",
        })?;
        column::from_json("cdrs.record", &record)
    }

    /// The records that fit, the latest call first.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(&self, filter: &CdrFilter, page: &Page) -> Result<Listing<Cdr>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT record FROM cdrs WHERE ");
        let (time, id) = page.before_time()?;
        query.push("(started_at, id) < (").push_bind(time);
        query.push(", ").push_bind(id).push(")");
        narrow(&mut query, filter)?;
        query.push(" ORDER BY started_at DESC, id DESC LIMIT ");
        query.push_bind(page.fetch());
        let records: Vec<String> = query
            .build_query_scalar()
            .fetch_all(&self.0.pool()?)
            .await?;
        let items: Result<Vec<Cdr>, _> = records
            .iter()
            .map(|record| column::from_json("cdrs.record", record))
            .collect();
        Ok(Listing::of(items?, page, |cdr| {
            let started = column::micros(cdr.started_at);
            (started.to_string(), cdr.id.to_string())
        }))
    }

    /// How many records fit.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&self, filter: &CdrFilter) -> Result<u64, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT COUNT(*) FROM cdrs WHERE TRUE");
        narrow(&mut query, filter)?;
        let count: i64 = query
            .build_query_scalar()
            .fetch_one(&self.0.pool()?)
            .await?;
        column::big_count(count)
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &CdrFilter) -> Result<(), StoreError> {
    let words = [
        ("disposition", filter.disposition.as_ref().map(column::word)),
        ("direction", filter.direction.as_ref().map(column::word)),
        ("queue_id", filter.queue.map(|id| Ok(id.to_string()))),
        ("agent_id", filter.agent.map(|id| Ok(id.to_string()))),
        ("did_id", filter.did.map(|id| Ok(id.to_string()))),
        ("trunk_id", filter.trunk.map(|id| Ok(id.to_string()))),
        ("from_number", filter.from.clone().map(Ok)),
        ("to_number", filter.to.clone().map(Ok)),
    ];
    for (name, value) in words {
        if let Some(value) = value {
            query.push(" AND ").push(name).push(" = ").push_bind(value?);
        }
    }
    if let Some(number) = &filter.number {
        query.push(" AND (from_number = ").push_bind(number.clone());
        query
            .push(" OR to_number = ")
            .push_bind(number.clone())
            .push(")");
    }
    if let Some(since) = filter.since {
        query
            .push(" AND started_at >= ")
            .push_bind(column::micros(since));
    }
    if let Some(until) = filter.until {
        query
            .push(" AND started_at < ")
            .push_bind(column::micros(until));
    }
    Ok(())
}

/// Writes a record, or replaces it: a second writing changes nothing.
pub(super) async fn upsert(write: &mut SqliteConnection, cdr: &Cdr) -> Result<(), StoreError> {
    upsert_all(write, &[cdr]).await
}

/// Writes records, or replaces them, in one statement: all or none.
pub(super) async fn upsert_all(
    write: &mut SqliteConnection,
    cdrs: &[&Cdr],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(cdrs.len());
    for cdr in cdrs {
        let words = (
            column::word(&cdr.direction)?,
            column::word(&cdr.disposition)?,
        );
        rows.push((cdr, words, column::json(cdr)?));
    }
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO cdrs (id, started_at, ended_at, direction, from_number, to_number, \
         disposition, queue_id, agent_id, did_id, trunk_id, record) ",
    );
    query.push_values(rows, |mut row, (cdr, (direction, disposition), record)| {
        row.push_bind(cdr.id.to_string())
            .push_bind(column::micros(cdr.started_at))
            .push_bind(column::micros(cdr.ended_at))
            .push_bind(direction)
            .push_bind(cdr.from.clone())
            .push_bind(cdr.to.clone())
            .push_bind(disposition)
            .push_bind(cdr.queue.map(|id| id.to_string()))
            .push_bind(cdr.agent.map(|id| id.to_string()))
            .push_bind(cdr.did.map(|id| id.to_string()))
            .push_bind(cdr.trunk.map(|id| id.to_string()))
            .push_bind(record);
    });
    query.push(
        " ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, \
         disposition = excluded.disposition, queue_id = excluded.queue_id, \
         agent_id = excluded.agent_id, record = excluded.record",
    );
    // Its text depends on the number of rows: not worth remembering.
    query.build().persistent(false).execute(write).await?;
    Ok(())
}
