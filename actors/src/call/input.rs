//! What a call is told.

use bytes::Bytes;
use offhook_core::directory::AgentState;
use offhook_core::pii::Pii;
use offhook_core::sip::HeaderName;
use offhook_core::sip::endpoint::{Path, ServerTxn};
use offhook_core::sip::header::{AlertInfo, Replaces};
use offhook_core::sip::identity::Privacy;
use offhook_core::sip::invite::{Credentials, LocalParty, UsageInput};
use offhook_core::sip::message::Request;
use offhook_core::{ExtensionId, HangupCause, LegId, RecordingId, TrunkId};
use offhook_media::engine::{LegPort, PlayEnd, PlayId};

use super::moving::Arrival;
use crate::queue::QueueToCall;

/// Who a call comes from, as the edge has proved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// One of our extensions, authenticated.
    Extension(ExtensionId),
    /// A trunk, known by its address.
    Trunk(TrunkId),
}

/// A party's number and display name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party {
    /// The number or SIP user.
    pub number: String,
    /// The display name, if any.
    pub name: Option<String>,
    /// Whether others may be shown either.
    pub privacy: Privacy,
    /// The number a carrier asserted of a party that hides, for trusted carriers alone.
    pub asserted: Option<Pii>,
}

/// An INVITE that begins a call.
#[derive(Debug, Clone)]
pub struct IncomingCall {
    /// Who it comes from.
    pub origin: Origin,
    /// The calling party as it will be shown.
    pub from: Party,
    /// The user part of the Request-URI.
    pub dialled: String,
    /// The transaction to answer.
    pub txn: ServerTxn,
    /// The INVITE.
    pub request: Request,
    /// The way it came.
    pub path: Path,
    /// What we call ourselves on that way.
    pub local: LocalParty,
    /// The leg whose place it takes (RFC 3891), if it takes one.
    pub replaces: Option<Replacing>,
}

/// The leg a new dialog replaces, as the edge found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacing {
    /// The leg.
    pub leg: LegId,
    /// What the header says: the leg's call checks the rest of it.
    pub header: Replaces,
}

/// A call that we set up by ourselves: ring one of our extensions, then go where it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    /// The extension that is rung first and counts as the caller.
    pub from: ExtensionId,
    /// What is dialled for it once it answered.
    pub to: String,
    /// How its phone is picked up.
    pub answering: Answering,
}

/// How a phone is picked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answering {
    /// By whoever sits at it.
    #[default]
    ByHand,
    /// By itself, without ringing, if it is set up for that.
    ByItself,
}

impl Answering {
    /// What phones understand: `Call-Info` with `answer-after` and `Alert-Info`, each the way of
    /// other makers.
    pub(crate) fn headers(self) -> Vec<(HeaderName, Bytes)> {
        match self {
            Self::ByHand => Vec::new(),
            Self::ByItself => vec![
                (
                    HeaderName::CallInfo,
                    Bytes::from_static(b"<sip:offhook.invalid>;answer-after=0"),
                ),
                (
                    HeaderName::AlertInfo,
                    Bytes::from_static(b"<http://offhook.invalid>;info=alert-autoanswer;delay=0"),
                ),
            ],
        }
    }
}

/// One place where a party can be rung: a registered contact, or a trunk's address.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The Request-URI.
    pub uri: Bytes,
    /// What answers a challenge from there.
    pub credentials: Option<Credentials>,
    /// What we call ourselves on that way, and the connection it registered over.
    pub local: LocalParty,
    /// The `To` header: a name-addr without tag.
    pub to: Bytes,
    /// The trunk it is reached by: how the caller is presented, and what is spoken, are its.
    pub trunk: Option<TrunkId>,
    /// The host part of our `From` URI.
    pub domain: String,
    /// Route values the INVITE visits first: an outbound proxy, or the path a phone registered by.
    pub routes: Vec<Bytes>,
    /// How a phone is told to ring.
    pub alerts: Alerts,
    /// Further headers of the INVITE.
    pub headers: Vec<(HeaderName, Bytes)>,
    /// Its turn: contacts of one turn are rung at once, those of a later turn when all earlier ones
    /// failed.
    pub turn: u16,
}

/// As whom a number is dialled for a party: whose permissions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialsAs {
    /// As the office, which may dial everything.
    Office,
    /// As this extension; nothing may be dialled once it is removed.
    Extension(ExtensionId),
}

/// How a phone is told to ring, by where the caller is (RFC 3261 section 20.4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alerts {
    /// The caller is one of our extensions.
    pub inside: AlertInfo,
    /// The caller came by a trunk.
    pub outside: AlertInfo,
}

impl Alerts {
    /// The header for a caller from there, if there is to be one.
    pub(crate) fn header(&self, origin: Origin) -> Option<(HeaderName, Bytes)> {
        let alert = match origin {
            Origin::Extension(_) => &self.inside,
            Origin::Trunk(_) => &self.outside,
        };
        Some((HeaderName::AlertInfo, alert.value()?.clone()))
    }
}

/// What an operator or the API asks of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallCommand {
    /// End it.
    HangUp(HangupCause),
    /// Let the caller hear hold music.
    Hold,
    /// Let both talk again.
    Unhold,
    /// Begin recording, if it is not running.
    StartRecording,
    /// Begin recording this leg alone, if nothing is recorded.
    RecordLeg(LegId),
    /// Stop recording.
    StopRecording,
    /// Leave out what is said from now on, a card number for one; the recording goes on in silence.
    PauseRecording,
    /// Record again what is said.
    ResumeRecording,
    /// Send one party elsewhere, and let the other go when it has arrived.
    Transfer {
        /// What is dialled for it.
        to: String,
        /// Who goes; the caller when not said.
        leg: Option<LegId>,
        /// Whose permissions count.
        dials_as: DialsAs,
    },
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
    /// The same about a leg by the name it has now.
    #[must_use]
    pub(crate) fn renamed(self, leg: LegId) -> Self {
        match self {
            Self::PortReady { port, .. } => Self::PortReady { leg, port },
            Self::PortFailed { .. } => Self::PortFailed { leg },
            Self::Digit { digit, .. } => Self::Digit { leg, digit },
            Self::PlaybackEnded { play, end, .. } => Self::PlaybackEnded { leg, play, end },
            Self::RtpTimeout { .. } => Self::RtpTimeout { leg },
            Self::Failed { .. } => Self::Failed { leg },
        }
    }

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
    /// A recording of it is saved, or failed.
    RecordingOver(RecordingId),
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
    /// The leg with the dialog that was asked for; none: nobody has it.
    DialogFound(Option<LegId>),
    /// A leg of another call comes to take a place here, or one of this call comes back.
    Arrives(Box<Arrival>),
    /// A leg of another call, or one that came back: this call fell over it.
    Salvage(Box<Arrival>),
    /// The leg that went to another call has its place there.
    Settled,
    /// An operator speaks.
    Command(CallCommand),
    /// A fault for tests of supervision: the machine panics.
    #[doc(hidden)]
    Fault,
}
