//! The event journal: JSON lines in numbered files, appended by a thread of its own.
//!
//! Whoever publishes an event only puts it into a queue in memory. The thread appends what has
//! gathered and syncs it to disk, at most every [`SYNC_EVERY`]; an event of a quiet moment is on
//! disk within the time of one sync. What cannot be appended (disk full) stays in memory, up to
//! [`MAX_QUEUED`] events, and is tried again; readiness checks say so.
//!
//! A file is a *segment*. The store's actor reads segments in order, writes what they come to into
//! the database, and removes a segment once all of it is there. A line that was cut off by a crash
//! is skipped.

mod reader;
mod writer;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use offhook_core::Event;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

pub(super) use reader::Reader;

use crate::store::OpenError;

/// The least time between two syncs to disk.
pub const SYNC_EVERY: Duration = Duration::from_millis(100);

/// How many events wait in memory at most while the journal cannot be written: several minutes of a
/// busy hour, some 50 MB.
pub const MAX_QUEUED: usize = 100_000;

/// The size at which a new segment is begun.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// The event journal. Clones share it; when the last is gone, the thread writes what is left and
/// ends.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Owner>);

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How far the journal is safe on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) segment: u64,
    pub(super) bytes: u64,
}

type Listener = Box<dyn Fn() + Send + Sync>;

struct Shared {
    folder: PathBuf,
    queue: Mutex<VecDeque<Arc<Event>>>,
    arrived: Condvar,
    closing: Mutex<bool>,
    closed: Condvar,
    durable: watch::Sender<Position>,
    problem: watch::Sender<Option<String>>,
    listener: Mutex<Option<Listener>>,
    next_seq: u64,
    published: AtomicU64,
    lost: AtomicU64,
    applied: watch::Sender<u64>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("folder", &self.folder)
            .field("durable", &*self.durable.borrow())
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the folder, finds out where the last run ended, and starts the thread. `applied` is the
    /// last event that is known to be in the database.
    pub(super) fn open(folder: &Path, applied: u64) -> Result<Self, OpenError> {
        let failed = |source| OpenError::File {
            path: folder.to_owned(),
            source,
        };
        let segments = reader::segments(folder).map_err(failed)?;
        let last_seq = reader::last_seq(folder, &segments).map_err(failed)?;
        let last_seq = last_seq.max(applied);
        let first = Position {
            segment: segments.last().map_or(1, |last| last + 1),
            bytes: 0,
        };
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            queue: Mutex::default(),
            arrived: Condvar::new(),
            closing: Mutex::new(false),
            closed: Condvar::new(),
            durable: watch::Sender::new(first),
            problem: watch::Sender::new(None),
            listener: Mutex::new(None),
            next_seq: last_seq + 1,
            published: AtomicU64::new(last_seq),
            lost: AtomicU64::new(0),
            applied: watch::Sender::new(applied),
        });
        let writer = writer::Writer::new(Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(failed)?;
        Ok(Self(Arc::new(Owner {
            shared,
            thread: Some(thread),
        })))
    }

    /// Hands over an event. Returns at once; never fails, but counts what it has to drop.
    pub fn append(&self, event: Arc<Event>) {
        let shared = &self.0.shared;
        let mut queue = shared.queue.lock();
        shared.published.store(event.seq, Ordering::Release);
        if queue.len() >= MAX_QUEUED {
            shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = queue.is_empty();
        queue.push_back(event);
        if was_empty {
            shared.arrived.notify_one();
        }
    }

    /// The position the next run's first event gets; meaningful right after opening.
    pub(super) fn next_seq(&self) -> u64 {
        self.0.shared.next_seq
    }

    /// How far it is safe on disk.
    pub(super) fn durable(&self) -> Position {
        *self.0.shared.durable.borrow()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0.shared.folder
    }

    /// Waits until everything published before this call is safe on disk.
    #[cfg(test)]
    pub(super) async fn wait_durable(&self) {
        let mut durable = self.0.shared.durable.subscribe();
        let written = |_: &Position| self.0.shared.queue.lock().is_empty();
        durable.wait_for(written).await.unwrap();
    }

    /// Waits until it cannot be written.
    #[cfg(test)]
    pub(super) async fn wait_problem(&self) -> String {
        let mut problem = self.0.shared.problem.subscribe();
        let found = problem.wait_for(Option::is_some).await.unwrap();
        found.clone().unwrap()
    }

    /// Sets who is called, from the journal's thread, when more is safe on disk.
    pub(super) fn listen(&self, listener: impl Fn() + Send + Sync + 'static) {
        *self.0.shared.listener.lock() = Some(Box::new(listener));
    }

    /// Notes that everything up to `seq` is in the database.
    pub(super) fn set_applied(&self, seq: u64) {
        self.0.shared.applied.send_if_modified(|applied| {
            let newer = seq > *applied;
            *applied = seq.max(*applied);
            newer
        });
    }

    /// Waits until everything published before this call is in the database.
    pub(super) async fn wait_applied(&self) {
        let target = self.0.shared.published.load(Ordering::Acquire);
        let mut applied = self.0.shared.applied.subscribe();
        // Fails only when the sender is gone, which this handle keeps.
        applied.wait_for(|seq| *seq >= target).await.ok();
    }

    /// What is wrong, for readiness checks.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.0.shared.problem.borrow().clone()
    }

    /// Events published and not yet in the database.
    #[must_use]
    pub fn pending(&self) -> u64 {
        let published = self.0.shared.published.load(Ordering::Acquire);
        published.saturating_sub(*self.0.shared.applied.borrow())
    }

    /// Events dropped because neither disk nor memory could take them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.shared.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        *self.shared.closing.lock() = true;
        self.shared.closed.notify_all();
        // The writer looks at `closing` while it holds the queue, so the wake-up cannot fall between
        // its look and its wait.
        let queue = self.shared.queue.lock();
        self.shared.arrived.notify_all();
        drop(queue);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's thread panicked");
        }
    }
}

/// The file of a segment.
fn segment_path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:010}.jsonl"))
}
