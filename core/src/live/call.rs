//! A call that goes on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Direction, Event, EventKind};
use crate::id::{AgentId, CallId, DidId, IvrMenuId, LegId, QueueId, RecordingId, TrunkId};
use crate::sip::identity::Privacy;

/// What a call is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// It has come in or been placed; nothing rings yet.
    Starting,
    /// A callee's phone rings.
    Ringing,
    /// The caller is in a menu.
    InMenu,
    /// The caller waits in a queue.
    Waiting,
    /// Offhook has answered, and the caller hears something that is neither a menu nor a queue.
    Answered,
    /// Two parties talk.
    Connected,
    /// Two parties are joined, and one has put the other on hold.
    OnHold,
}

impl CallState {
    /// Every state, in the order calls go through them.
    pub const ALL: &[Self] = &[
        Self::Starting,
        Self::Ringing,
        Self::InMenu,
        Self::Waiting,
        Self::Answered,
        Self::Connected,
        Self::OnHold,
    ];

    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ringing => "ringing",
            Self::InMenu => "in_menu",
            Self::Waiting => "waiting",
            Self::Answered => "answered",
            Self::Connected => "connected",
            Self::OnHold => "on_hold",
        }
    }
}

/// What a leg is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// Not ringing yet.
    Starting,
    /// Its phone rings.
    Ringing,
    /// Answered.
    Answered,
    /// Answered, and its party hears hold music.
    Held,
}

impl LegState {
    /// Every state, in the order legs go through them.
    pub const ALL: &[Self] = &[Self::Starting, Self::Ringing, Self::Answered, Self::Held];

    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Held => "held",
        }
    }
}

/// A wait in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The queue.
    pub queue: QueueId,
    /// Since when.
    pub since: Timestamp,
}

/// A call that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCall {
    /// Its id.
    pub id: CallId,
    /// Who set it up.
    pub direction: Direction,
    /// The calling number.
    pub from: String,
    /// The caller's display name, if any.
    pub from_name: Option<String>,
    /// Whether the called side may be shown either.
    pub privacy: Privacy,
    /// The number dialled.
    pub to: String,
    /// The public number it came in by.
    pub did: Option<DidId>,
    /// The trunk it came in by.
    pub trunk: Option<TrunkId>,
    /// The SIP Call-ID of the first leg.
    pub sip_call_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When Offhook accepted its first leg.
    pub accepted_at: Option<Timestamp>,
    /// When it was bridged first.
    pub answered_at: Option<Timestamp>,
    /// The last queue its caller entered, also after having left it.
    pub queue: Option<QueueId>,
    /// The wait in progress.
    pub waiting: Option<Waiting>,
    /// The menu its caller is in.
    pub menu: Option<IvrMenuId>,
    /// The legs that hear each other: who called, who answered.
    pub bridge: Option<(LegId, LegId)>,
    /// The agent who answered last.
    pub agent: Option<AgentId>,
    /// Recordings in progress.
    pub recording: Vec<RecordingId>,
    /// Those of them that are paused.
    pub paused: Vec<RecordingId>,
    /// Its legs in the order they came.
    pub legs: Vec<LiveLeg>,
}

/// One party's part in a call that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveLeg {
    /// Its id.
    pub id: LegId,
    /// What it is doing.
    pub state: LegState,
    /// Since when.
    pub since: Timestamp,
    /// Which way it was set up.
    pub direction: Direction,
    /// The extension at its far end, if it is one of ours.
    pub extension: Option<String>,
    /// The far end as shown: number or URI.
    pub remote: String,
    /// The agent at its far end, if it was rung for one.
    pub agent: Option<AgentId>,
}

impl LiveCall {
    /// What the call is doing, from what is known about it.
    #[must_use]
    pub fn state(&self) -> CallState {
        let any = |state| self.legs.iter().any(|leg| leg.state == state);
        if self.bridge.is_some() {
            if any(LegState::Held) {
                CallState::OnHold
            } else {
                CallState::Connected
            }
        } else if self.waiting.is_some() {
            CallState::Waiting
        } else if self.menu.is_some() {
            CallState::InMenu
        } else if any(LegState::Ringing) {
            CallState::Ringing
        } else if self.accepted_at.is_some() {
            CallState::Answered
        } else {
            CallState::Starting
        }
    }

    /// The leg with this id.
    #[must_use]
    pub fn leg(&self, id: LegId) -> Option<&LiveLeg> {
        self.legs.iter().find(|leg| leg.id == id)
    }

    /// From the event with which a call begins; none for any other.
    pub(super) fn start(event: &Event) -> Option<Self> {
        let EventKind::CallStarted {
            call,
            direction,
            from,
            from_name,
            privacy,
            to,
            did,
            trunk,
            sip_call_id,
        } = &event.kind
        else {
            return None;
        };
        Some(Self {
            id: *call,
            direction: *direction,
            from: from.clone(),
            from_name: from_name.clone(),
            privacy: *privacy,
            to: to.clone(),
            did: *did,
            trunk: *trunk,
            sip_call_id: sip_call_id.clone(),
            started_at: event.at,
            accepted_at: None,
            answered_at: None,
            queue: None,
            waiting: None,
            menu: None,
            bridge: None,
            agent: None,
            recording: Vec::new(),
            paused: Vec::new(),
            legs: Vec::new(),
        })
    }

    /// Takes in an event of this call, other than its start and end.
    pub(super) fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.kind {
            EventKind::CallAnswered { .. } => {
                self.accepted_at.get_or_insert(at);
            }
            EventKind::CallRouted { .. } => self.menu = None,
            EventKind::CallTransferred { .. } => self.bridge = None,
            EventKind::CallPickedUp { agent, .. } => self.agent = agent.or(self.agent),
            EventKind::MenuEntered { menu, .. } => self.menu = Some(*menu),
            EventKind::CallQueued { queue, .. } => {
                self.menu = None;
                self.queue = Some(*queue);
                self.waiting = Some(Waiting {
                    queue: *queue,
                    since: at,
                });
            }
            EventKind::CallDequeued { queue, .. } => {
                if self.waiting.is_some_and(|waiting| waiting.queue == *queue) {
                    self.waiting = None;
                }
            }
            EventKind::Bridged {
                caller,
                callee,
                agent,
                ..
            } => {
                self.menu = None;
                self.answered_at.get_or_insert(at);
                self.bridge = Some((*caller, *callee));
                self.agent = agent.or(self.agent);
            }
            EventKind::RecordingStarted { .. }
            | EventKind::RecordingSaved { .. }
            | EventKind::RecordingFailed { .. }
            | EventKind::RecordingPaused { .. }
            | EventKind::RecordingResumed { .. } => self.apply_to_recording(&event.kind),
            EventKind::LegAdded { .. } => self.add_leg(event),
            EventKind::LegRinging { leg } => self.set_leg(*leg, LegState::Ringing, at),
            EventKind::LegAnswered { leg } | EventKind::LegResumed { leg } => {
                self.set_leg(*leg, LegState::Answered, at);
            }
            EventKind::LegHeld { leg } => self.set_leg(*leg, LegState::Held, at),
            EventKind::LegEnded { leg, .. } => {
                self.legs.retain(|known| known.id != *leg);
                if self.bridge.is_some_and(|(a, b)| a == *leg || b == *leg) {
                    self.bridge = None;
                }
            }
            EventKind::CallStarted { .. }
            | EventKind::CallEnded { .. }
            | EventKind::RecordingDegraded { .. }
            | EventKind::RecordingExpired { .. }
            | EventKind::CallDiverted { .. }
            | EventKind::CallTransferFailed { .. }
            | EventKind::CallForwarded { .. }
            | EventKind::LegMoved { .. }
            | EventKind::MenuChosen { .. }
            | EventKind::AttemptStarted { .. }
            | EventKind::AttemptEnded { .. }
            | EventKind::QualityMeasured { .. }
            | EventKind::FaxHeard { .. }
            | EventKind::CallRecovered { .. }
            | EventKind::QueueRecovered { .. }
            | EventKind::AgentStateChanged { .. }
            | EventKind::PhoneRegistered { .. }
            | EventKind::PhoneUnregistered { .. }
            | EventKind::MessageSummaryChanged { .. }
            | EventKind::MessageReceived { .. }
            | EventKind::TrunkRegistered { .. }
            | EventKind::TrunkUnregistered { .. }
            | EventKind::TrunkUp { .. }
            | EventKind::TrunkDown { .. }
            | EventKind::SourceBanned { .. }
            | EventKind::SourceUnbanned { .. }
            | EventKind::LoginFailed { .. }
            | EventKind::DirectoryChanged { .. } => {}
        }
    }

    fn set_leg(&mut self, id: LegId, state: LegState, at: Timestamp) {
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.id == id) {
            leg.state = state;
            leg.since = at;
        }
    }

    fn apply_to_recording(&mut self, kind: &EventKind) {
        if let EventKind::RecordingStarted { recording, .. } = kind {
            self.recording.push(*recording);
        } else if let EventKind::RecordingSaved { recording, .. }
        | EventKind::RecordingFailed { recording, .. } = kind
        {
            self.recording.retain(|going| going != recording);
            self.paused.retain(|going| going != recording);
        } else if let EventKind::RecordingPaused { recording, .. } = kind {
            if self.recording.contains(recording) && !self.paused.contains(recording) {
                self.paused.push(*recording);
            }
        } else if let EventKind::RecordingResumed { recording, .. } = kind {
            self.paused.retain(|going| going != recording);
        }
    }

    fn add_leg(&mut self, event: &Event) {
        let EventKind::LegAdded {
            leg,
            direction,
            extension,
            remote,
            agent,
        } = &event.kind
        else {
            return;
        };
        if self.leg(*leg).is_none() {
            self.legs.push(LiveLeg {
                id: *leg,
                state: LegState::Starting,
                since: event.at,
                direction: *direction,
                extension: extension.clone(),
                remote: remote.clone(),
                agent: *agent,
            });
        }
    }
}
