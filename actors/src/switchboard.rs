//! Who hears what from whom: every effect of one actor becomes a message to another here, and only
//! here. The handles on both sides know nothing of each other.

use std::sync::Arc;

use offhook_core::directory::{AgentState, Directory};
use offhook_core::event::EventKind;
use offhook_core::live::LiveCall;
use offhook_core::recording::BEEP_LENGTH;
use offhook_core::sdp::Negotiated;
use offhook_core::sip::invite::UsageInput;
use offhook_core::{AgentId, CallId, ExtensionId, HangupCause, LegId, QueueId};
use offhook_media::engine::{Engine, KeysInBand, KeysOut, PlayItem, Playlist, RemoteMedia, ToneId};

use crate::agent::{AgentCommand, Agents};
use crate::call::{
    Arrival, CallEffect, CallInput, CallToAgent, Calls, Contact, IncomingCall, Left, MediaEffect,
    MediaInput, Neighbours, RingTarget,
};
use crate::directory::DirectoryHandle;
use crate::edge::{CallSide, SipCore};
use crate::engine::RECORDED;
use crate::library::Library;
use crate::live::Live;
use crate::queue::{CallsPort, Publish, QueueToCall, Queues};
use crate::recording::RecordingRules;
use crate::registrar::{PhoneWatch, Registrar};
use crate::subscribe::Subscriptions;
use crate::trunk::Trunks;

/// Everybody's handle.
#[derive(Debug, Clone)]
pub struct Switchboard {
    /// The event bus.
    pub live: Live,
    /// The office.
    pub directory: DirectoryHandle,
    /// The media engine. It hears what calls want of it when they have said all.
    pub engine: Engine,
    /// Signalling.
    pub sip: SipCore,
    /// Registered phones.
    pub registrar: Registrar,
    /// Calls.
    pub calls: Calls,
    /// Queues.
    pub queues: Queues,
    /// Agents.
    pub agents: Agents,
    /// What phones watch, and the messages they send each other.
    pub subscriptions: Subscriptions,
    /// Trunks.
    pub trunks: Trunks,
    /// The office's own sounds.
    pub library: Library,
    /// What recordings are like.
    pub recording: RecordingRules,
}

impl Neighbours for Switchboard {
    fn perform(&self, call: CallId, effect: CallEffect) -> Option<CallInput> {
        match effect {
            CallEffect::Sip { leg, effect } => self.sip.perform(leg, effect),
            CallEffect::BindDialog { leg, key } => self.sip.bind(leg, key),
            CallEffect::UseTrunk { leg, trunk } => self.sip.uses_trunk(leg, trunk),
            CallEffect::CloseLeg(leg) => self.sip.close(leg),
            CallEffect::Media(effect) => return self.media(effect),
            CallEffect::FindContacts { ring, target } => {
                return Some(CallInput::Contacts {
                    ring,
                    contacts: self.contacts(&target),
                });
            }
            CallEffect::FindDialog(key) => {
                let leg = self.sip.leg_of(&key).map(|leg| self.calls.name_of(leg));
                return Some(CallInput::DialogFound(leg));
            }
            CallEffect::MoveLeg(arrival) => return self.move_leg(*arrival),
            CallEffect::Settled(other) => {
                self.calls.tell(other, CallInput::Settled);
            }
            CallEffect::Stray { leg, input } => self.stray(leg, input),
            CallEffect::Queue { queue, tell } => self.queues.tell(queue, tell),
            CallEffect::Agent { agent, tell } => self.tell_agent(call, agent, tell),
            CallEffect::Engaged(extension) => self.agents.direct_call_started(extension, call),
            CallEffect::Disengaged(extension) => self.agents.direct_call_ended(extension, call),
            CallEffect::Publish(kind) => {
                self.live.publish(kind);
            }
            CallEffect::Done => {}
        }
        None
    }

    fn settle(&self) -> Left {
        if self.engine.wake() {
            Left::More
        } else {
            Left::Nothing
        }
    }

    fn settle_rest(&self) {
        self.engine.wake_for_all();
    }

    fn call_gone(&self, call: CallId) {
        self.queues.call_gone(call);
        self.agents.call_gone(call);
    }

    fn directory(&self) -> Arc<Directory> {
        self.directory.load()
    }
}

impl Switchboard {
    /// A leg goes to another call; if that has ended meanwhile, it comes back at once.
    fn move_leg(&self, arrival: Arrival) -> Option<CallInput> {
        self.rename(arrival.was(), arrival.id());
        let call = arrival.id().call;
        let returned = arrival.clone().back(481);
        if self.calls.tell(call, CallInput::Arrives(Box::new(arrival))) {
            return None;
        }
        self.rename(returned.was(), returned.id());
        Some(CallInput::Arrives(Box::new(returned)))
    }

    fn rename(&self, from: LegId, to: LegId) {
        self.engine.move_leg(from, to);
        self.sip.rename(from, to);
        self.calls.note_move(from, to);
    }

    /// What arrived for a leg just when it went to another call.
    fn stray(&self, leg: LegId, input: UsageInput) {
        let now = self.calls.name_of(leg);
        if now != leg {
            let leg = now;
            self.calls.tell(leg.call, CallInput::Sip { leg, input });
        }
    }

    fn media(&self, effect: MediaEffect) -> Option<CallInput> {
        let engine = &self.engine;
        match effect {
            MediaEffect::AddLeg(leg) => return Some(CallInput::Media(self.add_leg(leg))),
            MediaEffect::RemoveLeg(leg) => engine.remove_leg(leg),
            MediaEffect::SetRemote(leg, agreed) => engine.set_remote(leg, remote(&agreed)),
            MediaEffect::SetSource(leg, source) => engine.set_source(leg, &source),
            MediaEffect::Bridge(a, b) => engine.bridge(a, b),
            MediaEffect::Unbridge(leg) => engine.unbridge(leg),
            MediaEffect::Play {
                leg,
                play,
                prompts,
                barge_in,
            } => {
                let items = prompts.into_iter().map(PlayItem::Sound).collect();
                engine.play(
                    leg,
                    play,
                    &Playlist {
                        items,
                        barge_in,
                        repeat: false,
                    },
                );
            }
            MediaEffect::SendDigit(leg, digit) => engine.send_digits(leg, &digit.to_string()),
            MediaEffect::StopPlay(leg) => engine.stop_play(leg),
            MediaEffect::Record {
                recording,
                left,
                right,
                style,
            } => engine.record(&self.recording.spec(recording, left, right, style)),
            MediaEffect::RecordRight { recording, right } => {
                engine.record_right(recording, right);
            }
            MediaEffect::Beep {
                recording,
                legs,
                play,
            } => {
                for leg in legs {
                    engine.play(leg, play, &beep());
                }
                engine.beep_in_record(recording);
            }
            MediaEffect::PauseRecording(recording) => engine.pause_record(recording),
            MediaEffect::ResumeRecording(recording) => engine.resume_record(recording),
            MediaEffect::StopRecording(recording) => engine.stop_record(recording),
        }
        None
    }

    fn add_leg(&self, leg: LegId) -> MediaInput {
        match self.engine.add_leg(leg) {
            Ok(port) => MediaInput::PortReady { leg, port },
            Err(error) => {
                tracing::error!(%leg, %error, "no port for a leg");
                MediaInput::PortFailed { leg }
            }
        }
    }

    fn contacts(&self, target: &RingTarget) -> Result<Vec<Contact>, HangupCause> {
        match target {
            RingTarget::Extension(id) => {
                if self.is_busy(*id) {
                    return Err(HangupCause::UserBusy);
                }
                self.sip.contacts_of(*id)
            }
            RingTarget::External(number) => self.sip.contacts_outside(number),
        }
    }

    /// Whether the extension has as many calls as it may.
    fn is_busy(&self, id: ExtensionId) -> bool {
        let directory = self.directory.load();
        let Some(extension) = directory.extension(id) else {
            return false;
        };
        let limit = usize::try_from(extension.incoming_limit).unwrap_or(usize::MAX);
        let number = Some(extension.number.as_str());
        let here = |call: &&LiveCall| {
            call.legs
                .iter()
                .any(|leg| leg.extension.as_deref() == number)
        };
        limit > 0 && self.live.view(|view| view.calls().filter(here).count()) >= limit
    }

    fn tell_agent(&self, call: CallId, agent: AgentId, tell: CallToAgent) {
        match tell {
            CallToAgent::CallEnded(attempt) => self.agents.call_ended(agent, attempt),
            CallToAgent::PickedUp {
                attempt,
                queue,
                wrap_up,
            } => self
                .agents
                .picked_up(agent, call, (attempt, queue), wrap_up),
            CallToAgent::SetState(state) => self.set_agent(call, agent, state),
        }
    }

    /// An agent dialled a code: the call hears later how it went.
    #[expect(
        clippy::disallowed_methods,
        reason = "one question with a time limit, answered into the call's inbox; a call never waits"
    )]
    fn set_agent(&self, call: CallId, agent: AgentId, state: AgentState) {
        let (agents, calls) = (self.agents.clone(), self.calls.clone());
        let command = if state == AgentState::LoggedOut {
            AgentCommand::LogOut
        } else {
            AgentCommand::Ready
        };
        tokio::spawn(async move {
            let wished = command.state();
            let set = agents.set_state(agent, command).await;
            let state = set.ok().map(|_| wished);
            calls.tell(call, CallInput::AgentStateSet { state });
        });
    }
}

/// What both parties hear now and then while they are recorded.
fn beep() -> Playlist {
    Playlist {
        items: vec![PlayItem::Tone(ToneId::new(RECORDED), BEEP_LENGTH)],
        barge_in: false,
        repeat: false,
    }
}

fn remote(agreed: &Negotiated) -> RemoteMedia {
    RemoteMedia {
        rtcp: agreed.remote_rtcp,
        payload_type: agreed.payload_type,
        receive_payload_type: agreed.receive_payload_type,
        also: std::array::from_fn(|place| agreed.also.get(place).copied()),
        opus: agreed.opus,
        keys: agreed
            .telephone_event
            .map_or(KeysOut::Tones, |payload_type| KeysOut::Events {
                payload_type,
                clock_rate: agreed.telephone_event_rate,
            }),
        receive_keys: [
            agreed
                .receive_telephone_event
                .map(|number| (number, agreed.telephone_event_rate)),
            agreed.other_telephone_event,
        ],
        comfort_noise: agreed.comfort_noise,
        // Who has no other way to press a key sings it.
        keys_in_band: match agreed.telephone_event {
            Some(_) => KeysInBand::Ignored,
            None => KeysInBand::Detected,
        },
        receive_comfort_noise: agreed.receive_comfort_noise,
        ptime: agreed.ptime,
        max_ptime: agreed.max_ptime,
        srtp: agreed.srtp.as_deref().cloned(),
        send: agreed.direction.can_send(),
        receive: agreed.direction.can_receive(),
        ..RemoteMedia::new(agreed.remote_rtp, agreed.codec)
    }
}

impl CallSide for Switchboard {
    fn incoming(&self, call: IncomingCall) -> Result<LegId, HangupCause> {
        self.calls.incoming(&call)
    }

    fn sip_input(&self, leg: LegId, input: UsageInput) {
        self.calls
            .tell_leg(leg, |leg| CallInput::Sip { leg, input });
    }

    fn admits(&self) -> Result<(), HangupCause> {
        self.calls.admits()
    }
}

impl CallsPort for Switchboard {
    fn tell(&self, call: CallId, message: QueueToCall) {
        if !self.calls.tell(call, CallInput::Queue(message)) {
            // It cannot answer for itself any more.
            self.queues.call_gone(call);
        }
    }

    fn queue_restarted(&self, queue: QueueId) {
        self.calls.tell_all(&QueueToCall::QueueRestarted { queue });
    }
}

impl Publish for Switchboard {
    fn publish(&self, kind: EventKind) {
        self.live.publish(kind);
    }
}

impl PhoneWatch for Switchboard {
    fn reachable(&self, extension: &str, reachable: bool) {
        let directory = self.directory.load();
        let Some(extension) = directory.extension_numbered(extension) else {
            return;
        };
        if reachable {
            self.agents.phone_reachable(extension.id);
        } else {
            self.agents.phone_gone(extension.id);
        }
    }
}
