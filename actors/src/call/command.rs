//! What operators want of a call.

use std::time::Instant;

use offhook_core::event::EndedBy;

use super::CallError;
use super::input::CallCommand;
use super::machine::{CallMachine, Stage};

impl CallMachine {
    pub(crate) fn command(&mut self, now: Instant, command: CallCommand) {
        match command {
            CallCommand::HangUp(cause) => self.end(now, cause, EndedBy::System),
            CallCommand::Hold => self.operator_holds(),
            CallCommand::Unhold => {
                self.operator_resumes();
                self.tune(now);
            }
            CallCommand::StartRecording => self.start_recording(now),
            CallCommand::RecordLeg(leg) => self.record_leg(now, leg),
            CallCommand::StopRecording => self.stop_recording(),
            CallCommand::PauseRecording => self.pause_recording(),
            CallCommand::ResumeRecording => self.resume_recording(),
            CallCommand::Transfer { to, leg, dials_as } => {
                self.operator_transfers(now, &to, leg, dials_as);
            }
        }
    }

    /// Whether an operator's wish can be met now.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, command: &CallCommand) -> Result<(), CallError> {
        match (command, &self.stage) {
            (_, Stage::Over) => Err(CallError::NotFound),
            (
                CallCommand::Transfer { leg: Some(leg), .. } | CallCommand::RecordLeg(leg),
                Stage::Talking(talk),
            ) if leg.call != self.id
                || (self.caller_number() != Some(leg.number) && talk.callee != leg.number) =>
            {
                Err(CallError::NotTalking)
            }
            (CallCommand::HangUp(_), _) | (_, Stage::Talking(_)) => Ok(()),
            _ => Err(CallError::NotTalking),
        }
    }
}
