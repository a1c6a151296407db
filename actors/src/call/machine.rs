//! The rules of a call: its legs, what the caller is doing, and how it ends.
//!
//! The chapters are in sibling files, each an `impl CallMachine`: [`route`](super::route) decides where the
//! call goes, [`ring`](super::ring) rings somebody, [`wait`](super::wait) waits in a queue, [`talk`](super::talk) joins
//! two legs, [`speak`](super::speak) plays prompts and menus, [`sip`](super::sip) hears the network.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use offhook_core::config::LostTransfer;
use offhook_core::directory::Directory;
use offhook_core::event::{Direction, EndedBy, EventKind};
use offhook_core::recording::RecordingStart;
use offhook_core::sip::HeaderName;
use offhook_core::sip::header::MaxForwards;
use offhook_core::sip::invite::InviteUsage;
use offhook_core::sip::message::Request;
use offhook_core::timers::Timers;
use offhook_core::{
    AgentId, CallId, ExtensionId, HangupCause, IdSource, IvrMenuId, LegId, QueueId, RecordingId,
};
use offhook_media::engine::{PlayId, Source};
use offhook_sounds::Language;

use super::effect::{CallEffect, CallToAgent, MediaEffect, RingTarget};
use super::forward::{Forwards, Redirects};
use super::history::History;
use super::input::{CallInput, IncomingCall, MediaInput, Origin, Originate, Party, Replacing};
use super::leg::{Leg, LegState, Role};
use super::media_rules::MediaRules;
use super::moving::Handover;
use super::recording::Sides;
use super::ring::{Purpose, Ring};
use super::speak::After;
use super::talk::Talk;
use super::transfer::Transfer;
use super::turn::Failure;
use super::wait::Wait;
use crate::ivr::IvrMachine;
use crate::queue::CallToQueue;

/// Longer than any dialog needs to say good-bye (64·T1 twice), so that a fault in one cannot keep a
/// call for ever.
const LINGER: Duration = Duration::from_secs(70);

/// What a call can be woken for, besides its legs and its menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CallTimer {
    /// A ringing has lasted long enough.
    Ring(u32),
    /// Those whose turn it is have rung long enough; others are left.
    Turn(u32),
    /// Who transferred, and has not hung up by now, is hung up.
    Part(u32),
    /// A dialog should be found by now, or a leg that went to another call have its place.
    Handover,
    /// Both hear again that they are recorded.
    Beep,
    /// A call whose last leg never says good-bye is let go.
    Linger,
}

/// What the caller is doing.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    /// The first leg waits for its port, or for its answer.
    Starting,
    /// Listening to a menu.
    Menu(IvrMachine),
    /// Waiting in a queue.
    Waiting(Wait),
    /// Waiting for somebody to pick up; the number names the ringing.
    Dialling(u32),
    /// Talking.
    Talking(Talk),
    /// Hearing prompts before something else happens.
    Speaking(After),
    /// Hearing itself.
    Echo,
    /// Waiting to hear whether an agent's state could be set.
    SettingAgent,
    /// Gone to another call; who transferred is still here.
    Parting,
    /// Over.
    Over,
}

/// What a call is born into.
#[derive(Debug, Clone)]
pub struct Office {
    /// Who and what can be reached.
    pub directory: Arc<Directory>,
    /// What the office has decided about media.
    pub media: Arc<MediaRules>,
    /// What the office has decided for all calls.
    pub rules: Rules,
}

/// What an office decides for all its calls.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// What becomes of a party whose transfer led nowhere.
    pub lost_transfer: LostTransfer,
    /// What becomes of a caller whom a phone sends on.
    pub redirects: Redirects,
    /// The language callers are spoken to in, until a menu says another.
    pub language: Language,
    /// When recordings begin, and how often it beeps in them.
    pub recording: RecordingTimes,
}

/// When recordings begin, and how often it beeps in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordingTimes {
    /// When they begin.
    pub start: RecordingStart,
    /// How often both parties hear a beep; zero is never.
    pub beep: Duration,
}

/// One call, from its first INVITE to its last acknowledgement.
#[derive(Debug, Clone)]
pub struct CallMachine {
    /// What its caller is spoken to in.
    pub(crate) language: Language,
    pub(crate) id: CallId,
    pub(crate) directory: Arc<Directory>,
    pub(crate) ids: IdSource,
    pub(crate) origin: Origin,
    pub(crate) from: Party,
    pub(crate) dialled: String,
    pub(crate) stage: Stage,
    /// Boxed: a map's node has room for eleven, and most calls have two.
    pub(crate) legs: BTreeMap<u32, Box<Leg>>,
    pub(crate) rings: BTreeMap<u32, Ring>,
    pub(crate) timers: Timers<CallTimer>,
    pub(crate) recording: Option<RecordingId>,
    /// Whom it has.
    pub(crate) recorded: Sides,
    pub(crate) recording_rules: RecordingTimes,
    /// The recording that was paused last; it is paused if it still runs.
    pub(crate) paused: Option<RecordingId>,
    /// Extensions whose phones are in this call without a queue having sent them.
    pub(crate) engaged: BTreeSet<ExtensionId>,
    /// The menu to come back to when what was chosen in it fails.
    pub(crate) came_from: Option<IvrMenuId>,
    /// The prompt being played to the caller.
    pub(crate) playing: Option<PlayId>,
    /// Hops that the legs we place may still take, so that a call in a circle ends.
    pub(crate) hops: u8,
    /// What is spoken, and how.
    pub(crate) media_rules: Arc<MediaRules>,
    pub(crate) lost_transfer: LostTransfer,
    pub(crate) redirects: Redirects,
    /// Whose phones have sent the caller on.
    pub(crate) forwards: Forwards,
    /// A party is being sent elsewhere.
    pub(crate) transfer: Option<Box<Transfer>>,
    /// A party is taking a place in another call.
    pub(crate) handover: Option<Box<Handover>>,
    /// Who gets the caller back if nobody answers them.
    pub(crate) return_to: Option<ExtensionId>,
    /// Headers of the legs we place that tell how the call came to go there.
    pub(crate) history: History,
    pub(crate) caller: Option<u32>,
    /// Whether the caller's INVITE came over an encrypted transport.
    pub(crate) came_encrypted: bool,
    /// What the phone of who wants to call is told besides.
    pub(crate) originator_headers: Vec<(HeaderName, Bytes)>,
    /// The place the first leg takes elsewhere, once its port is open.
    replaces: Option<Replacing>,
    offer: Option<Bytes>,
    next: u32,
    finished: bool,
    effects: VecDeque<CallEffect>,
}

impl CallMachine {
    /// A call that came in. Its INVITE is answered, at the latest, when its port is open.
    ///
    /// # Errors
    /// The cause to refuse with when the INVITE cannot begin a dialog.
    pub fn incoming(
        id: CallId,
        office: Office,
        mut ids: IdSource,
        incoming: &IncomingCall,
    ) -> Result<Self, HangupCause> {
        let hops = hops_left(&incoming.request)?;
        let usage = InviteUsage::incoming(
            incoming.request.clone(),
            incoming.txn,
            incoming.local.clone(),
            &mut ids,
        )
        .map_err(|_| HangupCause::ProtocolError)?;
        let body = incoming.request.body.clone();
        let mut call = Self::new(id, office, ids, incoming.origin, incoming.from.clone());
        call.hops = hops;
        call.came_encrypted = incoming.path.transport.is_encrypted();
        call.dialled.clone_from(&incoming.dialled);
        call.offer = (!body.is_empty()).then_some(body);
        call.replaces.clone_from(&incoming.replaces);
        if matches!(incoming.origin, Origin::Trunk(_)) {
            call.history = History::of(&incoming.request);
        }
        let key = usage.dialog_key().clone();
        call.publish_start(
            Direction::Inbound,
            String::from_utf8_lossy(&key.call_id).into_owned(),
        );
        if let Some(original) = call.history.original() {
            call.publish(EventKind::CallDiverted { call: id, original });
        }
        let extension = call.origin_extension();
        let remote = call.from.number.clone();
        let leg = call.add_leg(Role::Caller, Direction::Inbound, extension, remote, None);
        call.caller = Some(leg);
        if let Some(caller) = call.legs.get_mut(&leg) {
            caller.usage = Some(usage);
        }
        call.effects.push_back(CallEffect::BindDialog {
            leg: LegId::new(id, leg),
            key,
        });
        Ok(call)
    }

    /// A call we set up: rings the extension that wants to call.
    #[must_use]
    pub fn originate(
        id: CallId,
        office: Office,
        ids: IdSource,
        now: Instant,
        wish: Originate,
    ) -> Self {
        let from = office
            .directory
            .extension(wish.from)
            .map_or_else(Party::default, |extension| Party {
                number: extension.number.clone(),
                name: Some(extension.name.clone()).filter(|name| !name.is_empty()),
                ..Party::default()
            });
        let mut call = Self::new(id, office, ids, Origin::Extension(wish.from), from);
        call.dialled = wish.to;
        call.originator_headers = wish.answering.headers();
        call.publish_start(Direction::Outbound, String::new());
        call.start_ring(now, Purpose::Originator, RingTarget::Extension(wish.from));
        call
    }

    fn new(id: CallId, office: Office, ids: IdSource, origin: Origin, from: Party) -> Self {
        let Office {
            directory,
            media,
            rules,
        } = office;
        Self {
            language: rules.language,
            id,
            directory,
            ids,
            origin,
            from,
            dialled: String::new(),
            stage: Stage::Starting,
            legs: BTreeMap::new(),
            rings: BTreeMap::new(),
            timers: Timers::default(),
            recording: None,
            recorded: Sides::default(),
            recording_rules: rules.recording,
            paused: None,
            engaged: BTreeSet::new(),
            came_from: None,
            playing: None,
            hops: MaxForwards::DEFAULT.0,
            media_rules: media,
            lost_transfer: rules.lost_transfer,
            redirects: rules.redirects,
            forwards: Forwards::default(),
            transfer: None,
            handover: None,
            return_to: None,
            history: History::default(),
            caller: None,
            came_encrypted: true,
            originator_headers: Vec::new(),
            replaces: None,
            offer: None,
            next: 0,
            finished: false,
            effects: VecDeque::new(),
        }
    }

    /// The office as it is now; called before each input.
    pub fn set_directory(&mut self, directory: Arc<Directory>) {
        self.directory = directory;
    }

    /// Told what happened.
    #[expect(clippy::panic, reason = "the fault that supervision is tested with")]
    pub fn handle(&mut self, now: Instant, input: CallInput) {
        match input {
            CallInput::Sip { leg, input } => self.sip_input(now, leg, input),
            CallInput::Media(input) => self.media_input(now, input),
            CallInput::RecordingOver(recording) => self.recording_over(recording),
            CallInput::Contacts { ring, contacts } => self.ring_contacts(now, ring, contacts),
            CallInput::Queue(tell) => self.queue_input(now, tell),
            CallInput::AgentStateSet { state } => self.agent_state_set(now, state),
            CallInput::DialogFound(leg) => self.dialog_found(now, leg),
            CallInput::Arrives(arrival) => self.arrives(now, arrival),
            CallInput::Salvage(arrival) => self.salvage(now, *arrival),
            CallInput::Settled => self.handed_over(now),
            CallInput::Command(command) => self.command(now, command),
            CallInput::Fault => panic!("a fault was injected into {}", self.id),
        }
        self.settle(now);
    }

    /// Told the time.
    pub fn handle_timeout(&mut self, now: Instant) {
        for number in self.legs.keys().copied().collect::<Vec<_>>() {
            self.usage_timeout(now, number);
        }
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                CallTimer::Ring(ring) => self.ring_expired(now, ring),
                CallTimer::Turn(ring) => self.turn_expired(now, ring),
                CallTimer::Part(leg) => self.part_with(now, leg),
                CallTimer::Handover => self.handover_lost(now),
                CallTimer::Beep => self.beep(now),
                CallTimer::Linger => self.drop_lingering(),
            }
        }
        self.menu_timeout(now);
        self.settle(now);
    }

    /// Says what to do.
    pub fn poll_effect(&mut self) -> Option<CallEffect> {
        let effect = self.effects.pop_front();
        if effect.is_none() {
            // Most of a call's life there is nothing to do, and effects are large.
            self.effects = VecDeque::new();
        }
        effect
    }

    /// Says when to be woken.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let legs = self
            .legs
            .values()
            .filter_map(|leg| leg.usage.as_ref()?.poll_timeout());
        let menu = if let Stage::Menu(menu) = &self.stage {
            menu.poll_timeout()
        } else {
            None
        };
        legs.chain(menu).chain(self.timers.next()).min()
    }

    /// The call's id.
    #[must_use]
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Whether the conversation is over; dialogs may still be saying good-bye.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// The recording that is running.
    #[must_use]
    pub fn recording(&self) -> Option<RecordingId> {
        self.recording
    }

    /// The legs that still hold a port, for cleaning up after a call that cannot be restarted.
    pub fn leg_ids(&self) -> impl Iterator<Item = LegId> + '_ {
        self.legs.values().map(|leg| leg.id)
    }
}

/// The hops a call we place for this request may take.
fn hops_left(request: &Request) -> Result<u8, HangupCause> {
    let Some(value) = request.headers.get(&HeaderName::MaxForwards) else {
        return Ok(MaxForwards::DEFAULT.0);
    };
    let hops = MaxForwards::parse(value).map_err(|_| HangupCause::ProtocolError)?;
    hops.0.checked_sub(1).ok_or(HangupCause::ProtocolError)
}

/// What every chapter uses.
impl CallMachine {
    pub(crate) fn push(&mut self, effect: CallEffect) {
        self.effects.push_back(effect);
    }

    pub(crate) fn publish(&mut self, kind: EventKind) {
        self.push(CallEffect::Publish(kind));
    }

    pub(crate) fn media(&mut self, effect: MediaEffect) {
        self.push(CallEffect::Media(effect));
    }

    pub(crate) fn tell_queue(&mut self, queue: QueueId, tell: CallToQueue) {
        self.push(CallEffect::Queue { queue, tell });
    }

    pub(crate) fn tell_agent(&mut self, agent: AgentId, tell: CallToAgent) {
        self.push(CallEffect::Agent { agent, tell });
    }

    /// The phone of this extension is in the call, and no queue sent it here: queues must leave
    /// its agent alone until the call is over.
    pub(crate) fn engage(&mut self, extension: ExtensionId) {
        if self.engaged.insert(extension) {
            self.push(CallEffect::Engaged(extension));
        }
    }

    /// A number that was not used in this call before.
    pub(crate) fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    pub(crate) fn leg_id(&self, number: u32) -> LegId {
        LegId::new(self.id, number)
    }

    /// The caller's leg, while it takes part.
    pub(crate) fn caller(&self) -> Option<&Leg> {
        let caller = self.legs.get(&self.caller?)?;
        caller.is_live().then_some(caller)
    }

    pub(crate) fn caller_number(&self) -> Option<u32> {
        self.caller().map(|leg| leg.id.number)
    }

    /// From now on this leg is the caller's.
    pub(crate) fn set_caller(&mut self, number: u32) {
        self.caller = Some(number);
        if let Some(leg) = self.legs.get_mut(&number) {
            leg.role = Role::Caller;
        }
    }

    pub(crate) fn caller_is_answered(&self) -> bool {
        self.caller().is_some_and(Leg::is_answered)
    }

    /// What the caller hears while nothing is played to them.
    pub(crate) fn caller_hears(&mut self, source: Source) {
        if let Some(number) = self.caller_number() {
            self.media(MediaEffect::SetSource(self.leg_id(number), source));
        }
    }

    pub(crate) fn origin_extension(&self) -> Option<String> {
        match self.origin {
            Origin::Extension(id) => Some(self.directory.extension(id)?.number.clone()),
            Origin::Trunk(_) => None,
        }
    }

    /// Adds a leg and asks for its port.
    pub(crate) fn add_leg(
        &mut self,
        role: Role,
        direction: Direction,
        extension: Option<String>,
        remote: String,
        agent: Option<AgentId>,
    ) -> u32 {
        let number = self.fresh();
        let id = self.leg_id(number);
        self.legs.insert(
            number,
            Box::new(Leg {
                id,
                role,
                state: LegState::Trying,
                trunk: None,
                direction,
                extension: extension.clone(),
                remote: remote.clone(),
                usage: None,
                negotiation: None,
                description: None,
                untold: None,
                agreed: None,
                audible: false,
                before_early: None,
                tuned_to: None,
            }),
        );
        self.publish(EventKind::LegAdded {
            leg: id,
            direction,
            extension,
            remote,
            agent,
        });
        self.media(MediaEffect::AddLeg(id));
        number
    }

    /// Takes a leg out of the call, saying good-bye to its far end if that is still there.
    pub(crate) fn drop_leg(&mut self, now: Instant, number: u32, cause: HangupCause) {
        let Some(leg) = self.legs.get_mut(&number).filter(|leg| leg.is_live()) else {
            return;
        };
        leg.state = LegState::Over;
        if let Some(usage) = &mut leg.usage {
            usage.hang_up(now, cause);
        }
        let id = leg.id;
        self.media(MediaEffect::RemoveLeg(id));
        self.publish(EventKind::LegEnded { leg: id, cause });
    }

    /// Ends the call: everybody is told, everything is given back.
    pub(crate) fn end(&mut self, now: Instant, cause: HangupCause, ended_by: EndedBy) {
        if self.is_over() {
            return;
        }
        self.abandon_transfer();
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        match stage {
            Stage::Waiting(wait) => self.tell_departure(wait.queue),
            Stage::Talking(talk) => self.stop_talking(&talk),
            Stage::Starting
            | Stage::Menu(_)
            | Stage::Dialling(_)
            | Stage::Speaking(_)
            | Stage::Echo
            | Stage::SettingAgent
            | Stage::Parting
            | Stage::Over => {}
        }
        if let Some(recording) = self.recording.take() {
            self.media(MediaEffect::StopRecording(recording));
        }
        for extension in std::mem::take(&mut self.engaged) {
            self.push(CallEffect::Disengaged(extension));
        }
        self.rings.clear();
        for number in self.legs.keys().copied().collect::<Vec<_>>() {
            self.drop_leg(now, number, cause);
        }
        self.timers = Timers::default();
        self.timers.set(CallTimer::Linger, now + LINGER);
        self.publish(EventKind::CallEnded {
            call: self.id,
            cause,
            ended_by,
        });
    }

    fn media_input(&mut self, now: Instant, input: MediaInput) {
        match input {
            MediaInput::PortReady { leg, port } => self.port_ready(now, leg.number, port),
            MediaInput::PortFailed { leg } => self.lost(now, leg.number, HangupCause::Congestion),
            MediaInput::Digit { leg, digit } => self.digit(now, leg.number, digit),
            MediaInput::PlaybackEnded { leg, play, .. } => {
                if Some(leg.number) == self.caller_number() && self.playing == Some(play) {
                    self.playing = None;
                    self.playback_ended(now);
                }
            }
            MediaInput::RtpTimeout { leg } => self.lost(now, leg.number, HangupCause::MediaTimeout),
            MediaInput::Failed { leg } => self.lost(now, leg.number, HangupCause::InternalError),
        }
    }

    /// A leg is of no more use for a reason on our side.
    pub(crate) fn lost(&mut self, now: Instant, number: u32, cause: HangupCause) {
        let Some(role) = self
            .legs
            .get(&number)
            .filter(|leg| leg.is_live())
            .map(|leg| leg.role)
        else {
            return;
        };
        match role {
            Role::Caller => self.end(now, cause, EndedBy::System),
            Role::Transferor => self.transferor_left(now, number, cause),
            Role::Rung(_) if self.talks_with(number) => self.end(now, cause, EndedBy::System),
            Role::Rung(ring) => {
                self.drop_leg(now, number, cause);
                self.ring_leg_failed(now, ring, number, Failure::of(cause));
            }
        }
    }

    fn publish_start(&mut self, direction: Direction, sip_call_id: String) {
        let (trunk, did) = match self.origin {
            Origin::Extension(_) => (None, None),
            Origin::Trunk(id) => (Some(id), self.did()),
        };
        self.publish(EventKind::CallStarted {
            call: self.id,
            direction,
            from: self.from.number.clone(),
            from_name: self.from.name.clone(),
            privacy: self.from.privacy,
            to: self.dialled.clone(),
            did,
            trunk,
            sip_call_id,
        });
    }

    /// Lets legs act until nothing more happens, then forgets those that are finished.
    fn settle(&mut self, now: Instant) {
        while self.poll_legs(now) || self.poll_menu(now) {}
        let finished = self.legs.values().filter(|leg| !leg.is_live());
        let finished =
            finished.filter(|leg| leg.usage.as_ref().is_none_or(InviteUsage::is_terminated));
        for number in finished.map(|leg| leg.id.number).collect::<Vec<_>>() {
            self.forget_leg(number);
        }
        if self.legs.is_empty() && self.is_over() && !self.finished {
            self.finished = true;
            self.timers = Timers::default();
            self.push(CallEffect::Done);
        }
    }

    fn poll_legs(&mut self, now: Instant) -> bool {
        let mut moved = false;
        for number in self.legs.keys().copied().collect::<Vec<_>>() {
            while self.poll_leg(now, number) {
                moved = true;
            }
        }
        moved
    }

    /// Does one thing a leg's dialog wants; true if there was one.
    fn poll_leg(&mut self, now: Instant, number: u32) -> bool {
        let Some(leg) = self.legs.get_mut(&number) else {
            return false;
        };
        let (id, Some(usage)) = (leg.id, leg.usage.as_mut()) else {
            return false;
        };
        if let Some(effect) = usage.poll_effect() {
            self.push(CallEffect::Sip { leg: id, effect });
        } else if let Some(event) = usage.poll_event() {
            self.usage_event(now, number, event);
        } else {
            return false;
        }
        true
    }

    fn forget_leg(&mut self, number: u32) {
        if let Some(leg) = self.legs.remove(&number) {
            self.push(CallEffect::CloseLeg(leg.id));
        }
    }

    fn drop_lingering(&mut self) {
        for number in self.legs.keys().copied().collect::<Vec<_>>() {
            self.forget_leg(number);
        }
    }

    fn usage_timeout(&mut self, now: Instant, number: u32) {
        if let Some(usage) = self
            .legs
            .get_mut(&number)
            .and_then(|leg| leg.usage.as_mut())
        {
            usage.handle_timeout(now);
        }
    }

    /// The place the first leg takes in another call, once.
    pub(crate) fn take_replaces(&mut self) -> Option<Replacing> {
        self.replaces.take()
    }

    /// The offer of the first INVITE, once.
    pub(crate) fn take_offer(&mut self) -> Option<Bytes> {
        self.offer.take()
    }
}
