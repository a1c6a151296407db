//! The recording of a talk: begun, stopped, paused, and begun anew after an interruption.

use std::time::Instant;

use offhook_core::event::EventKind;
use offhook_core::recording::{Layout, OwnStyle, RecordingStart};
use offhook_core::{ExtensionId, LegId, QueueId, RecordingId};
use offhook_media::engine::PlayId;

use super::effect::{MediaEffect, RingTarget};
use super::machine::{CallMachine, CallTimer, Stage};
use super::ring::Purpose;

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

/// Whom a recording has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sides {
    /// Both who talk.
    #[default]
    Both,
    /// The caller, while others ring.
    CallerSoFar,
    /// One leg, as somebody wanted.
    OneLeg,
}

impl CallMachine {
    /// Records the talk, if nothing is recorded. What was begun when it rang goes on with both.
    pub(crate) fn start_recording(&mut self, now: Instant) {
        let Stage::Talking(talk) = &self.stage else {
            return;
        };
        let (callee, queue) = (talk.callee, talk.queue());
        let Some(caller) = self.caller_number().map(|number| self.leg_id(number)) else {
            return;
        };
        let right = self.leg_id(callee);
        match self.recording {
            Some(recording) if self.recorded == Sides::CallerSoFar => {
                self.recorded = Sides::Both;
                self.media(MediaEffect::RecordRight { recording, right });
            }
            Some(_) => return,
            None => {
                let (_, style) = self.is_to_be_recorded(self.extension_of(callee), queue);
                self.begin_recording(Sides::Both, caller, Some(right), style);
            }
        }
        self.beep(now);
    }

    /// Records one of those who talk alone, if nothing is recorded.
    pub(crate) fn record_leg(&mut self, now: Instant, leg: LegId) {
        let Stage::Talking(talk) = &self.stage else {
            return;
        };
        if self.recording.is_some() {
            return;
        }
        let (_, style) = self.is_to_be_recorded(self.extension_of(talk.callee), talk.queue());
        let style = OwnStyle {
            layout: Some(Layout::Mono),
            ..style
        };
        self.begin_recording(Sides::OneLeg, leg, None, style);
        self.beep(now);
    }

    /// Somebody rings: begins the recording of the talk that may come, if it is to begin so early.
    pub(crate) fn record_ringing(&mut self, ring: u32) {
        let Some(ring) = self.rings.get(&ring) else {
            return;
        };
        let queue = match ring.purpose {
            Purpose::Originator => return,
            Purpose::Destination => None,
            Purpose::Attempt { queue, .. } => Some(queue),
        };
        let callee = match &ring.target {
            RingTarget::Extension(id) => Some(*id),
            RingTarget::External(_) => None,
        };
        let early = self.recording_rules.start == RecordingStart::Ring;
        if !early || self.recording.is_some() || self.transfer.is_some() {
            return;
        }
        let (wanted, style) = self.is_to_be_recorded(callee, queue);
        if let Some(caller) = self.caller_number().filter(|_| wanted) {
            self.begin_recording(Sides::CallerSoFar, self.leg_id(caller), None, style);
        }
    }

    /// This leg is heard before it has answered.
    pub(crate) fn record_early_media(&mut self, leg: u32) {
        if let Some(recording) = self.recording
            && self.recorded == Sides::CallerSoFar
        {
            let right = self.leg_id(leg);
            self.media(MediaEffect::RecordRight { recording, right });
        }
    }

    /// Nobody answered, or somebody whose talks are not recorded.
    pub(crate) fn drop_recording_of_ringing(&mut self) {
        if self.recorded == Sides::CallerSoFar {
            self.stop_recording();
        }
    }

    /// Whether a talk of the caller with this extension, through this queue, is recorded unasked, and
    /// what its recording is like: as the queue says, or else one of the two who talk.
    pub(crate) fn is_to_be_recorded(
        &self,
        callee: Option<ExtensionId>,
        queue: Option<QueueId>,
    ) -> (bool, OwnStyle) {
        let caller = self.caller_number();
        let caller = caller.and_then(|number| self.extension_of(number));
        let queue = queue.and_then(|id| self.directory.queue(id));
        let queue = queue.map(|queue| (queue.record, queue.record_style));
        let extension = |id: ExtensionId| {
            let extension = self.directory.extension(id)?;
            Some((extension.record, extension.record_style))
        };
        let parties = [callee, caller].into_iter().flatten();
        let sayings: Vec<_> = queue
            .into_iter()
            .chain(parties.filter_map(extension))
            .collect();
        let wanted = sayings.iter().find(|(record, _)| *record);
        let first = wanted.or(sayings.first());
        (
            wanted.is_some(),
            first.map_or(OwnStyle::default(), |(_, style)| *style),
        )
    }

    fn begin_recording(
        &mut self,
        sides: Sides,
        left: LegId,
        right: Option<LegId>,
        style: OwnStyle,
    ) {
        let recording = RecordingId::new(&mut self.ids);
        self.recording = Some(recording);
        self.recorded = sides;
        self.media(MediaEffect::Record {
            recording,
            left,
            right,
            style,
        });
        self.publish(EventKind::RecordingStarted {
            recording,
            call: self.id,
        });
    }

    /// Both who talk hear that they are recorded, now and then.
    pub(crate) fn beep(&mut self, now: Instant) {
        let every = self.recording_rules.beep;
        let (Some(recording), Stage::Talking(talk)) = (self.recording, &self.stage) else {
            return;
        };
        let callee = talk.callee;
        let Some(caller) = self.caller_number().filter(|_| !every.is_zero()) else {
            return;
        };
        self.timers.set(CallTimer::Beep, now + every);
        // What is said in a pause is not recorded.
        if self.paused != Some(recording) {
            let play = PlayId(u64::from(self.fresh()));
            self.media(MediaEffect::Beep {
                recording,
                legs: [self.leg_id(caller), self.leg_id(callee)],
                play,
            });
        }
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
        self.timers.stop(CallTimer::Beep);
        if let Some(recording) = self.recording.take() {
            self.recorded = Sides::Both;
            self.media(MediaEffect::StopRecording(recording));
        }
    }

    /// A recording has come to its end, perhaps by itself: the disk took no more. Another may begin.
    pub(crate) fn recording_over(&mut self, recording: RecordingId) {
        if self.recording == Some(recording) {
            self.recording = None;
            self.recorded = Sides::Both;
        }
    }

    /// Ends the recording because the talk is interrupted; how it was being recorded.
    pub(crate) fn interrupt_recording(&mut self) -> Recorded {
        let recorded = match self.recording {
            None => Recorded::Not,
            // Whoever talks from now on was not meant.
            Some(_) if self.recorded == Sides::OneLeg => Recorded::Not,
            Some(recording) if self.paused == Some(recording) => Recorded::Paused,
            Some(_) => Recorded::Aloud,
        };
        self.stop_recording();
        recorded
    }

    /// The talk goes on, and is recorded anew as it was: a card number that is being told when a leg
    /// takes another's place is still told to nobody else.
    pub(crate) fn record_again(&mut self, now: Instant, recorded: Recorded) {
        match recorded {
            Recorded::Not => {}
            Recorded::Aloud => self.start_recording(now),
            Recorded::Paused => {
                self.start_recording(now);
                self.pause_recording();
            }
        }
    }
}
