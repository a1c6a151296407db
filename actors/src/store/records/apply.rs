//! Journal in, database rows out.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use offhook_core::event::Event;
use sqlx::SqlitePool;

use super::{Records, Write, batch, recover};
use crate::alarm;
use crate::store::journal::{Journal, Reader};
use crate::store::{RETENTION, Store, StoreError, meta, timelines};

/// How often what is past its retention is removed.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// Carries events from the journal to the database: each exactly once, in order, in batches.
#[derive(Debug)]
pub(in crate::store) struct Applier {
    journal: Journal,
    first_seq: u64,
    /// None until the database has said how far the last run had come.
    reading: Option<Reading>,
    pruned_at: Option<Instant>,
}

#[derive(Debug)]
struct Reading {
    reader: Reader,
    records: Records,
    /// The last event whose consequences are in the database.
    applied_seq: u64,
    /// Read from the journal and not taken in: a step may fail in between.
    unread: VecDeque<Event>,
    /// The last event taken in.
    read_seq: u64,
    /// What is to be written for events up to `read_seq`; kept until that has succeeded.
    writes: Vec<Write>,
    last_run: LastRun,
    retired_before: u64,
}

/// Whether what the last run left open has been ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastRun {
    Open,
    Ended,
}

/// How far a step has come.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Progress {
    pub(in crate::store) applied_seq: u64,
    /// Whether there is more to read at once.
    pub(in crate::store) has_more: bool,
}

impl Applier {
    pub(in crate::store) fn new(journal: Journal, first_seq: u64) -> Self {
        Self {
            journal,
            first_seq,
            reading: None,
            pruned_at: None,
        }
    }

    /// Reads a piece of the journal and writes what it comes to. After an error the same step is
    /// tried again by calling this again; nothing is skipped or doubled.
    ///
    /// # Errors
    /// When the database cannot be written or the journal not be read.
    pub(in crate::store) async fn step(&mut self, store: &Store) -> Result<Progress, StoreError> {
        let pool = self.current_pool(store).await?;
        if self.reading.is_none() {
            self.reading = Some(begin(&self.journal, &pool).await?);
        }
        let Some(reading) = &mut self.reading else {
            return Err(unreadable("it was not begun"));
        };
        // What an earlier step could not write comes first.
        reading.flush(&pool).await?;
        let is_last = reading.read_on()?;
        while let Some(seq) = reading.unread.front().map(|event| event.seq) {
            if seq >= self.first_seq {
                reading.end_last_run(store, &pool, self.first_seq).await?;
            }
            reading.take_next();
        }
        if is_last {
            reading.end_last_run(store, &pool, self.first_seq).await?;
        }
        reading.flush(&pool).await?;
        reading.retire_segments(&pool).await?;
        let progress = Progress {
            applied_seq: reading.read_seq,
            has_more: !is_last,
        };
        self.prune(&pool).await?;
        Ok(progress)
    }

    /// The connections. If the database file was replaced while we ran, its successor is opened, and
    /// what is left of the journal is applied to it from the start.
    async fn current_pool(&mut self, store: &Store) -> Result<SqlitePool, StoreError> {
        let database = &store.0.database;
        if let Ok(pool) = database.pool() {
            return Ok(pool);
        }
        let reopened = database.reopen().await;
        reopened.map_err(|error| StoreError::Unavailable {
            reason: error.to_string(),
        })?;
        self.reading = None;
        store.0.directory.reload(store).await?;
        database.pool()
    }

    async fn prune(&mut self, pool: &SqlitePool) -> Result<(), StoreError> {
        let now = alarm::now();
        let recently = |at: Instant| now.saturating_duration_since(at) < PRUNE_EVERY;
        if self.pruned_at.is_some_and(recently) {
            return Ok(());
        }
        timelines::prune(pool, alarm::wall(), RETENTION).await?;
        self.pruned_at = Some(now);
        Ok(())
    }
}

fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable {
        reason: format!("the journal cannot be read: {error}"),
    }
}

async fn begin(journal: &Journal, pool: &SqlitePool) -> Result<Reading, StoreError> {
    let applied_seq = meta::applied_seq(pool).await?;
    let mut records = Records::default();
    let mut known = Vec::new();
    for events in timelines::unfinished(pool).await? {
        for event in &events {
            records.apply(event, &mut known);
        }
    }
    // What those events come to was written when they were applied first.
    known.clear();
    Ok(Reading {
        reader: Reader::from_start(journal.clone()).map_err(unreadable)?,
        records,
        applied_seq,
        unread: VecDeque::new(),
        read_seq: applied_seq,
        writes: known,
        last_run: LastRun::Open,
        retired_before: 0,
    })
}

impl Reading {
    /// Reads a piece of the journal, unless there is still something to take in. Returns whether it
    /// was the last.
    fn read_on(&mut self) -> Result<bool, StoreError> {
        if !self.unread.is_empty() {
            return Ok(false);
        }
        let chunk = self.reader.read().map_err(unreadable)?;
        self.unread = chunk.events.into();
        Ok(chunk.is_last)
    }

    fn take_next(&mut self) {
        let Some(event) = self.unread.pop_front() else {
            return;
        };
        let before = self.writes.len();
        self.records.apply(&event, &mut self.writes);
        if event.seq <= self.applied_seq {
            self.writes.truncate(before);
        }
        self.read_seq = self.read_seq.max(event.seq);
    }

    /// Ends what the last run left open, once everything it published has been taken in.
    ///
    /// Recordings are settled once per process: after a restart of the actor, those that nobody has
    /// settled are this run's own.
    async fn end_last_run(
        &mut self,
        store: &Store,
        pool: &SqlitePool,
        first_seq: u64,
    ) -> Result<(), StoreError> {
        if self.last_run == LastRun::Ended {
            return Ok(());
        }
        self.flush(pool).await?;
        let is_written = store.0.last_run_ended.load(Ordering::Acquire);
        if !is_written {
            let left = recover::unsettled(pool, store, first_seq).await?;
            for event in &left {
                self.records.settle(event, &mut self.writes);
            }
        }
        self.records.interrupt(first_seq, &mut self.writes);
        if is_written {
            // The calls are forgotten again; their rows have been there since the first time.
            self.writes.clear();
        }
        self.flush(pool).await?;
        store.0.last_run_ended.store(true, Ordering::Release);
        self.last_run = LastRun::Ended;
        Ok(())
    }

    async fn flush(&mut self, pool: &SqlitePool) -> Result<(), StoreError> {
        if self.writes.is_empty() {
            return Ok(());
        }
        let mut change = pool.begin_with("BEGIN IMMEDIATE").await?;
        batch::write(&mut change, &self.writes).await?;
        meta::set_applied_seq(&mut change, self.read_seq).await?;
        change.commit().await?;
        self.applied_seq = self.applied_seq.max(self.read_seq);
        self.writes.clear();
        Ok(())
    }

    /// Removes segments that have been read to their end. The calls that began in them and go on are
    /// kept in the database.
    async fn retire_segments(&mut self, pool: &SqlitePool) -> Result<(), StoreError> {
        let current = self.reader.position().segment;
        if self.retired_before == current {
            return Ok(());
        }
        if self.reader.has_read_segments().map_err(unreadable)? {
            self.writes = self.records.unfinished();
            self.flush(pool).await?;
            self.reader.remove_read().map_err(unreadable)?;
        }
        self.retired_before = current;
        Ok(())
    }
}
