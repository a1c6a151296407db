//! The thread that appends.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::time::Duration;

use offhook_core::Event;

use super::{Position, SEGMENT_BYTES, SYNC_EVERY, Shared, segment_path};

/// How many events are written between two syncs at most.
const MAX_BATCH: usize = 8192;

/// How long to wait before a failed write is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

pub(super) struct Writer {
    shared: Arc<Shared>,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            file: None,
            buffer: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        while let Some(batch) = self.next_batch() {
            match self.write(&batch) {
                Ok(position) => {
                    self.set_problem(None);
                    self.shared.queue.lock().drain(..batch.len());
                    self.shared.durable.send_replace(position);
                    if let Some(listener) = &*self.shared.listener.lock() {
                        listener();
                    }
                    self.pause(SYNC_EVERY);
                }
                Err(error) => {
                    self.set_problem(Some(error.to_string()));
                    // Whatever was written of this batch is cut off before the next try.
                    self.file = None;
                    if self.pause(RETRY_AFTER) {
                        return;
                    }
                }
            }
        }
    }

    /// What waits, left in the queue until it is written. None when closing with nothing left.
    fn next_batch(&self) -> Option<Vec<Arc<Event>>> {
        let mut queue = self.shared.queue.lock();
        while queue.is_empty() {
            if *self.shared.closing.lock() {
                return None;
            }
            self.shared.arrived.wait(&mut queue);
        }
        Some(queue.iter().take(MAX_BATCH).cloned().collect())
    }

    /// Waits, unless closing. Returns whether it is.
    fn pause(&self, time: Duration) -> bool {
        let mut closing = self.shared.closing.lock();
        if !*closing {
            self.shared.closed.wait_for(&mut closing, time);
        }
        *closing
    }

    /// Appends and syncs; all or nothing.
    fn write(&mut self, batch: &[Arc<Event>]) -> std::io::Result<Position> {
        self.buffer.clear();
        for event in batch {
            serde_json::to_writer(&mut self.buffer, &**event)?;
            self.buffer.push(b'\n');
        }
        let mut position = *self.shared.durable.borrow();
        if position.bytes >= SEGMENT_BYTES {
            self.file = None;
            position = Position {
                segment: position.segment + 1,
                bytes: 0,
            };
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(self.shared.open_at(position)?),
        };
        file.write_all(&self.buffer)?;
        file.sync_data()?;
        let written = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        position.bytes = position.bytes.saturating_add(written);
        // A burst shall not keep its memory for ever.
        self.buffer.shrink_to(1 << 20);
        Ok(position)
    }

    fn set_problem(&self, problem: Option<String>) {
        self.shared.problem.send_if_modified(|known| {
            let differs = *known != problem;
            if differs {
                match &problem {
                    Some(problem) => tracing::error!(%problem, "the journal cannot be written"),
                    None => tracing::info!("the journal can be written again"),
                }
                *known = problem;
            }
            differs
        });
    }
}

impl Shared {
    /// The segment's file, cut to what is known to be good.
    fn open_at(&self, position: Position) -> std::io::Result<File> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(segment_path(&self.folder, position.segment))?;
        file.set_len(position.bytes)?;
        file.seek(SeekFrom::Start(position.bytes))?;
        if position.bytes == 0 {
            // A new file survives a power cut only once its folder is on disk.
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(file)
    }
}
