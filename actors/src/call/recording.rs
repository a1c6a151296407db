//! The recording of a talk: begun, stopped, paused, and begun anew after an interruption.

use offhook_core::RecordingId;
use offhook_core::event::EventKind;

use super::effect::MediaEffect;
use super::machine::{CallMachine, Stage};

/// How a talk was being recorded when it was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It was not.
    Not,
    /// What was said was kept.
    Aloud,
    /// It was paused: what is said is for nobody's ears.
    Paused,
}

impl CallMachine {
    pub(crate) fn start_recording(&mut self) {
        let Stage::Talking(talk) = &self.stage else {
            return;
        };
        let callee = self.leg_id(talk.callee);
        let Some(caller) = self.caller_number().map(|number| self.leg_id(number)) else {
            return;
        };
        if self.recording.is_some() {
            return;
        }
        let recording = RecordingId::new(&mut self.ids);
        self.recording = Some(recording);
        self.media(MediaEffect::Record {
            recording,
            caller,
            callee,
        });
        self.publish(EventKind::RecordingStarted {
            recording,
            call: self.id,
        });
    }

    pub(crate) fn pause_recording(&mut self) {
        if let Some(recording) = self.recording
            && self.paused != Some(recording)
        {
            self.paused = Some(recording);
            self.media(MediaEffect::PauseRecording(recording));
            let call = self.id;
            self.publish(EventKind::RecordingPaused { recording, call });
        }
    }

    pub(crate) fn resume_recording(&mut self) {
        if let Some(recording) = self.recording
            && self.paused.take() == Some(recording)
        {
            self.media(MediaEffect::ResumeRecording(recording));
            let call = self.id;
            self.publish(EventKind::RecordingResumed { recording, call });
        }
    }

    pub(crate) fn stop_recording(&mut self) {
        if let Some(recording) = self.recording.take() {
            self.media(MediaEffect::StopRecording(recording));
        }
    }

    /// A recording has come to its end, perhaps by itself: the disk took no more. Another may begin.
    pub(crate) fn recording_over(&mut self, recording: RecordingId) {
        if self.recording == Some(recording) {
            self.recording = None;
        }
    }

    /// Ends the recording because the talk is interrupted; how it was being recorded.
    pub(crate) fn interrupt_recording(&mut self) -> Recorded {
        let recorded = match self.recording {
            None => Recorded::Not,
            Some(recording) if self.paused == Some(recording) => Recorded::Paused,
            Some(_) => Recorded::Aloud,
        };
        self.stop_recording();
        recorded
    }

    /// The talk goes on, and is recorded anew as it was: a card number that is being told when a leg
    /// takes another's place is still told to nobody else.
    pub(crate) fn record_again(&mut self, recorded: Recorded) {
        match recorded {
            Recorded::Not => {}
            Recorded::Aloud => self.start_recording(),
            Recorded::Paused => {
                self.start_recording();
                self.pause_recording();
            }
        }
    }
}
