//! A recording that runs, between the shards' rings and its writer.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use offhook_core::recording::RecordingStyle;
use offhook_core::{CallId, RecordingId};

use super::writer::{Backlog, Job};
use crate::graph::recording::Recording;

/// Bytes of samples that may wait for one writer: ten seconds of 50 calls in stereo.
const MOST_WAITING: usize = 16 << 20;

/// A writer, as the recorder knows it.
#[derive(Debug)]
pub(super) struct WriterHandle {
    pub(super) jobs: Sender<Job>,
    pub(super) backlog: Arc<Backlog>,
}

/// A recording that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) call: CallId,
    pub(super) style: RecordingStyle,
    pub(super) line: Recording,
    pub(super) pending: Vec<i16>,
    pub(super) written: Instant,
    pub(super) writer: usize,
    /// Samples per channel that the writer had no room for.
    pub(super) left_out: u64,
    /// What the shards' rings had no room for.
    pub(super) missed: Duration,
    /// Legs that are tapped or will be.
    pub(super) legs: usize,
    /// Whether any leg was ever tapped.
    pub(super) heard: bool,
}

/// What became of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handed {
    /// The writer has them.
    Over,
    /// The writer has too many, and had not before.
    NoMore,
    /// Nor had it room for the last ones.
    StillNoMore,
}

impl Running {
    /// Gives the writer what is pending, or leaves it out when too much waits there already.
    pub(super) fn hand_over(&mut self, recording: RecordingId, writer: &WriterHandle) -> Handed {
        if self.pending.is_empty() {
            return Handed::Over;
        }
        // Once there was no room, half of it has to be free before it goes on: few long gaps are
        // better than many short ones.
        let room = if self.left_out > 0 {
            MOST_WAITING / 2
        } else {
            MOST_WAITING
        };
        if writer.backlog.bytes() >= room {
            let samples = self.pending.len() / usize::from(self.style.layout.channels());
            let first = self.left_out == 0;
            self.left_out += samples as u64;
            self.pending.clear();
            return if first {
                Handed::NoMore
            } else {
                Handed::StillNoMore
            };
        }
        self.tell_gap(recording, writer);
        let pcm = std::mem::take(&mut self.pending);
        writer.backlog.add(&pcm);
        // A writer that could not be started is gone, and so are its recordings.
        writer.jobs.send(Job::Audio(recording, pcm)).ok();
        Handed::Over
    }

    /// Tells the writer what was left out since it was given samples last.
    pub(super) fn tell_gap(&mut self, recording: RecordingId, writer: &WriterHandle) {
        let gap = std::mem::take(&mut self.left_out);
        if gap > 0 {
            writer.jobs.send(Job::Gap(recording, gap)).ok();
        }
    }
}
