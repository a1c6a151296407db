//! Reading segments back, in order.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use offhook_core::Event;
use serde::Deserialize;

use super::{Journal, Position, segment_path};

/// How much is read at once.
const CHUNK: u64 = 512 * 1024;

/// A place in the journal from which reading goes on.
#[derive(Debug, Clone)]
pub(in crate::store) struct Reader {
    journal: Journal,
    at: Position,
}

/// What was read in one step.
#[derive(Debug, Default)]
pub(in crate::store) struct Chunk {
    pub(in crate::store) events: Vec<Event>,
    /// Whether everything that is safe on disk has been read.
    pub(in crate::store) is_last: bool,
}

impl Reader {
    /// Reading from the oldest segment there is.
    pub(in crate::store) fn from_start(journal: Journal) -> std::io::Result<Self> {
        let oldest = segments(journal.folder())?.first().copied();
        let at = Position {
            segment: oldest.unwrap_or(journal.durable().segment),
            bytes: 0,
        };
        Ok(Self { journal, at })
    }

    /// Where reading goes on.
    pub(in crate::store) fn position(&self) -> Position {
        self.at
    }

    /// Reads on; blocking, from the page cache as a rule.
    pub(in crate::store) fn read(&mut self) -> std::io::Result<Chunk> {
        let durable = self.journal.durable();
        let mut chunk = Chunk::default();
        while self.at < durable {
            let is_current = self.at.segment == durable.segment;
            let limit = is_current.then_some(durable.bytes);
            let bytes = self.read_bytes(limit)?;
            if bytes.is_empty() {
                // A segment that was removed, never begun, or read to its end.
                if is_current {
                    break;
                }
                self.at = Position {
                    segment: self.at.segment + 1,
                    bytes: 0,
                };
                continue;
            }
            let taken = parse_lines(&bytes, &mut chunk.events);
            self.at.bytes += taken;
            return Ok(chunk);
        }
        chunk.is_last = true;
        Ok(chunk)
    }

    fn read_bytes(&self, limit: Option<u64>) -> std::io::Result<Vec<u8>> {
        let path = segment_path(self.journal.folder(), self.at.segment);
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let end = limit.map_or_else(|| file.metadata().map(|meta| meta.len()), Ok)?;
        let length = end.saturating_sub(self.at.bytes).min(CHUNK);
        file.seek(SeekFrom::Start(self.at.bytes))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes the segments before the one that is read. Their content must be in the database.
    pub(in crate::store) fn remove_read(&self) -> std::io::Result<()> {
        for segment in segments(self.journal.folder())? {
            if segment < self.at.segment {
                std::fs::remove_file(segment_path(self.journal.folder(), segment))?;
            }
        }
        Ok(())
    }

    /// Whether there are segments before the one that is read.
    pub(in crate::store) fn has_read_segments(&self) -> std::io::Result<bool> {
        let segments = segments(self.journal.folder())?;
        Ok(segments.iter().any(|segment| *segment < self.at.segment))
    }
}

/// Parses whole lines and returns how many bytes they take. A chunk without any line end is the torn
/// end of a segment, or a line longer than any event: it is skipped as a whole.
fn parse_lines(bytes: &[u8], events: &mut Vec<Event>) -> u64 {
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(bytes.len(), |end| end + 1);
    for line in bytes[..whole].split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(event) => events.push(event),
            Err(error) => {
                tracing::warn!(%error, "skipped an unreadable line of the journal");
            }
        }
    }
    u64::try_from(whole).unwrap_or(u64::MAX)
}

/// The numbers of the segments in a folder, in order.
pub(super) fn segments(folder: &Path) -> std::io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path.extension().is_some_and(|kind| kind == "jsonl") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The position of the last event in these segments; 0 if there is none.
pub(super) fn last_seq(folder: &Path, segments: &[u64]) -> std::io::Result<u64> {
    #[derive(Deserialize)]
    struct Line {
        seq: u64,
    }
    // Newest first: only a segment without a single whole line makes us look further.
    for segment in segments.iter().rev() {
        let text = std::fs::read(segment_path(folder, *segment))?;
        let last = text
            .rsplit(|byte| *byte == b'\n')
            .find_map(|line| serde_json::from_slice::<Line>(line).ok());
        if let Some(line) = last {
            return Ok(line.seq);
        }
    }
    Ok(0)
}
