//! What a call is told.

use offhook_core::directory::AgentState;
use offhook_core::sip::invite::UsageInput;
use offhook_core::{ExtensionId, HangupCause, LegId};
use offhook_media::engine::{LegPort, PlayEnd, PlayId};

use crate::edge::Contact;
use crate::queue::QueueToCall;

/// A call that we set up by ourselves: ring one of our extensions, then go where it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    /// The extension that is rung first and counts as the caller.
    pub from: ExtensionId,
    /// What is dialled for it once it answered.
    pub to: String,
}

/// What an operator or the API asks of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallCommand {
    /// End it.
    HangUp(HangupCause),
    /// Let the caller hear hold music.
    Hold,
    /// Let both talk again.
    Unhold,
    /// Begin recording, if it is not running.
    StartRecording,
    /// Stop recording.
    StopRecording,
}

/// What happened in the media engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaInput {
    /// A port is open for this leg.
    PortReady {
        /// The leg.
        leg: LegId,
        /// The port.
        port: LegPort,
    },
    /// No port could be had.
    PortFailed {
        /// The leg.
        leg: LegId,
    },
    /// The far end pressed a key.
    Digit {
        /// The leg.
        leg: LegId,
        /// The key.
        digit: char,
    },
    /// A playlist is over.
    PlaybackEnded {
        /// The leg.
        leg: LegId,
        /// The playlist.
        play: PlayId,
        /// How.
        end: PlayEnd,
    },
    /// Nothing was received for the configured time.
    RtpTimeout {
        /// The leg.
        leg: LegId,
    },
    /// The engine lost this leg by a fault of its own.
    Failed {
        /// The leg.
        leg: LegId,
    },
}

impl MediaInput {
    /// The leg it is about.
    #[must_use]
    pub fn leg(self) -> LegId {
        match self {
            Self::PortReady { leg, .. }
            | Self::PortFailed { leg }
            | Self::Digit { leg, .. }
            | Self::PlaybackEnded { leg, .. }
            | Self::RtpTimeout { leg }
            | Self::Failed { leg } => leg,
        }
    }
}

/// What a call is told.
#[derive(Debug, Clone)]
pub enum CallInput {
    /// Something arrived from the network for one of its legs.
    Sip {
        /// The leg.
        leg: LegId,
        /// What.
        input: UsageInput,
    },
    /// Something happened to its media.
    Media(MediaInput),
    /// Where a party can be rung.
    Contacts {
        /// The ringing that asked.
        ring: u32,
        /// The places, or why there are none.
        contacts: Result<Vec<Contact>, HangupCause>,
    },
    /// The queue it waits in speaks.
    Queue(QueueToCall),
    /// An agent's state was set by dialling a code, or not.
    AgentStateSet {
        /// The state reached; none: refused.
        state: Option<AgentState>,
    },
    /// An operator speaks.
    Command(CallCommand),
    /// A fault for tests of supervision: the machine panics.
    #[doc(hidden)]
    Fault,
}

