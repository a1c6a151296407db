//! The recorder thread.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use offhook_core::{CallId, RecordingId};
use rtrb::Consumer;

use crate::engine::command::CommandSender;
use crate::engine::event::Outbox;
use crate::engine::handle::Recordings;
use crate::engine::record::Layout;
use crate::graph::tap::TapFrame;

#[derive(Debug)]
pub(crate) enum RecorderCommand {
    Start {
        recording: RecordingId,
        call: CallId,
        layout: Layout,
        file: String,
        legs: usize,
    },
    AddLeg(RecordingId),
    LegEnded(RecordingId),
    Stop(RecordingId),
    Shutdown,
}

pub(crate) struct Recorder {
    commands: Receiver<RecorderCommand>,
}

impl Recorder {
    pub(crate) fn new(
        _folder: &Path,
        _outbox: &Outbox,
        _recordings: &Recordings,
    ) -> (Self, Sender<RecorderCommand>) {
        let (sender, commands) = channel();
        (Self { commands }, sender)
    }

    pub(crate) fn run(self, _taps: Vec<(Consumer<TapFrame>, Arc<CommandSender>)>) {
        while let Ok(command) = self.commands.recv() {
            if matches!(command, RecorderCommand::Shutdown) {
                break;
            }
        }
    }
}
