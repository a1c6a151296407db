//! What a call wants done.

use std::time::Duration;

use offhook_core::directory::AgentState;
use offhook_core::event::EventKind;
use offhook_core::recording::OwnStyle;
use offhook_core::sdp::Negotiated;
use offhook_core::sip::dialog::DialogKey;
use offhook_core::sip::invite::{UsageEffect, UsageInput};
use offhook_core::{AgentId, AttemptId, CallId, ExtensionId, LegId, QueueId, RecordingId, TrunkId};
use offhook_media::engine::{PlayId, Source};

use super::moving::Arrival;
use crate::queue::CallToQueue;

/// Whom to look up for a ringing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RingTarget {
    /// The contacts of an extension.
    Extension(ExtensionId),
    /// A number outside, through the trunk that takes it.
    External(String),
}

/// What the media engine is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaEffect {
    /// Open a port; answered by `PortReady` or `PortFailed`.
    AddLeg(LegId),
    /// Close it.
    RemoveLeg(LegId),
    /// The far end's address and codec are known, or changed.
    SetRemote(LegId, Negotiated),
    /// What the leg hears while nothing is played to it.
    SetSource(LegId, Source),
    /// Both hear each other.
    Bridge(LegId, LegId),
    /// They no longer do.
    Unbridge(LegId),
    /// Play prompts to the leg; answered by `PlaybackEnded`.
    Play {
        /// The leg.
        leg: LegId,
        /// The name of this playing.
        play: PlayId,
        /// Prompt ids.
        prompts: Vec<String>,
        /// Whether a digit stops it.
        barge_in: bool,
    },
    /// Send this key to the far end (RFC 4733).
    SendDigit(LegId, char),
    /// Stop what is played to the leg.
    StopPlay(LegId),
    /// Record two legs, or one: the caller left, the callee right.
    Record {
        /// The recording.
        recording: RecordingId,
        /// The left side.
        left: LegId,
        /// The right side; none: it may come later.
        right: Option<LegId>,
        /// What is said of this recording besides what is said of all.
        style: OwnStyle,
    },
    /// The right side of a recording is this leg from now on.
    RecordRight {
        /// The recording.
        recording: RecordingId,
        /// The right side.
        right: LegId,
    },
    /// Let both hear that they are recorded.
    Beep {
        /// The recording, which has it, too.
        recording: RecordingId,
        /// Who hears it.
        legs: [LegId; 2],
        /// The name of this playing.
        play: PlayId,
    },
    /// What is said from now on is silence in the recording.
    PauseRecording(RecordingId),
    /// It is heard again.
    ResumeRecording(RecordingId),
    /// Close the recording.
    StopRecording(RecordingId),
}

/// What a call tells an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallToAgent {
    /// The queue call with this attempt is over.
    CallEnded(AttemptId),
    /// The agent answered a call that the queue rings another agent for in this attempt.
    PickedUp {
        /// The attempt.
        attempt: AttemptId,
        /// The queue.
        queue: QueueId,
        /// How long to be left alone after the call.
        wrap_up: Duration,
    },
    /// The agent dialled a code to become this.
    SetState(AgentState),
}

/// What a call wants done.
#[derive(Debug, Clone)]
pub enum CallEffect {
    /// Send SIP for a leg.
    Sip {
        /// The leg.
        leg: LegId,
        /// What.
        effect: UsageEffect,
    },
    /// In-dialog requests with this key are for this leg.
    BindDialog {
        /// The leg.
        leg: LegId,
        /// Call-ID and our tag.
        key: DialogKey,
    },
    /// This leg is a call on a trunk from now on.
    UseTrunk {
        /// The leg.
        leg: LegId,
        /// The trunk.
        trunk: TrunkId,
    },
    /// Nothing for this leg can arrive any more.
    CloseLeg(LegId),
    /// Do this to the media.
    Media(MediaEffect),
    /// Find out where a party can be rung; answered by `Contacts`.
    FindContacts {
        /// The ringing that asks.
        ring: u32,
        /// Whom.
        target: RingTarget,
    },
    /// Find the leg with this dialog, in whatever call; answered by `DialogFound`.
    FindDialog(DialogKey),
    /// This leg goes to the call its new name says.
    MoveLeg(Box<Arrival>),
    /// A leg that came from this call has its new place.
    Settled(CallId),
    /// Something arrived for a leg that is not here; it may have moved.
    Stray {
        /// The leg.
        leg: LegId,
        /// What.
        input: UsageInput,
    },
    /// Tell a queue.
    Queue {
        /// The queue.
        queue: QueueId,
        /// What.
        tell: CallToQueue,
    },
    /// Tell an agent.
    Agent {
        /// The agent.
        agent: AgentId,
        /// What.
        tell: CallToAgent,
    },
    /// The phone of this extension is in a call that no queue gave it.
    Engaged(ExtensionId),
    /// It is no longer.
    Disengaged(ExtensionId),
    /// This happened.
    Publish(EventKind),
    /// Nothing is left to do: the actor may end.
    Done,
}
