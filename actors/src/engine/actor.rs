//! Hands the engine's reports to whom they concern. Reports are rare: a digit, the end of a prompt,
//! quality every few seconds; never a packet.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use offhook_core::event::EventKind;
use offhook_media::engine::{EngineEvent, EngineEvents};
use offhook_media::session::quality::Rating;
use parking_lot::Mutex;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use crate::call::{CallInput, Calls, MediaInput};
use crate::live::Live;

/// The engine's reports, kept outside the actor so that a restart loses none.
#[derive(Clone, Default)]
pub struct Reports {
    events: Arc<Mutex<Option<EngineEvents>>>,
    actor: Arc<OnceLock<Arc<Mutex<ActorRef<EngineMsg>>>>>,
}

impl std::fmt::Debug for Reports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reports").finish_non_exhaustive()
    }
}

/// What the actor receives.
#[derive(Debug)]
pub enum EngineMsg {
    /// Reports wait.
    Look,
}

/// The actor.
#[derive(Debug)]
pub struct EngineReports;

/// Whom the reports concern.
#[derive(Debug)]
pub struct Readers {
    reports: Reports,
    calls: Calls,
    live: Live,
}

impl Reports {
    /// What the engine calls when reports wait. Given to it before it has any.
    #[must_use]
    pub fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let actor = Arc::clone(&self.actor);
        Arc::new(move || {
            if let Some(actor) = actor.get() {
                // A restarted actor looks by itself.
                actor.lock().cast(EngineMsg::Look).ok();
            }
        })
    }

    /// Gives the reports to be read.
    pub fn fill(&self, events: EngineEvents) {
        *self.events.lock() = Some(events);
    }

    /// Starts, or starts again, the reading of reports.
    ///
    /// # Errors
    /// When the actor cannot be spawned.
    pub async fn start(
        &self,
        calls: Calls,
        live: Live,
        parent: ActorCell,
    ) -> Result<ActorCell, SpawnErr> {
        let readers = Readers {
            reports: self.clone(),
            calls,
            live,
        };
        let (actor, _) = Actor::spawn_linked(None, EngineReports, readers, parent).await?;
        let cell = actor.get_cell();
        let slot = self
            .actor
            .get_or_init(|| Arc::new(Mutex::new(actor.clone())));
        *slot.lock() = actor.clone();
        actor.cast(EngineMsg::Look).ok();
        Ok(cell)
    }

    fn next(&self) -> Option<EngineEvent> {
        self.events.lock().as_mut()?.pop()
    }
}

impl Actor for EngineReports {
    type Msg = EngineMsg;
    type State = Readers;
    type Arguments = Readers;

    async fn pre_start(
        &self,
        _: ActorRef<EngineMsg>,
        readers: Readers,
    ) -> Result<Readers, ActorProcessingErr> {
        Ok(readers)
    }

    async fn handle(
        &self,
        _: ActorRef<EngineMsg>,
        message: EngineMsg,
        readers: &mut Readers,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            EngineMsg::Look => {
                while let Some(event) = readers.reports.next() {
                    readers.hand_on(event);
                }
            }
        }
        Ok(())
    }
}

/// The wait in a jitter buffer, if there is one.
fn wait(delay: Duration) -> Option<u32> {
    let micros = u32::try_from(delay.as_micros()).ok();
    micros.filter(|&micros| micros > 0)
}

impl Readers {
    fn hand_on(&self, event: EngineEvent) {
        match event {
            EngineEvent::Digit { leg, digit } => self.tell(MediaInput::Digit { leg, digit }),
            EngineEvent::PlaybackEnded { leg, play, end } => {
                self.tell(MediaInput::PlaybackEnded { leg, play, end });
            }
            EngineEvent::RtpTimeout { leg } => self.tell(MediaInput::RtpTimeout { leg }),
            EngineEvent::LegFailed { leg, reason } => {
                tracing::error!(%leg, %reason, "the engine lost a leg");
                self.tell(MediaInput::Failed { leg });
            }
            EngineEvent::Quality {
                leg,
                received,
                lost,
                jitter_micros,
                round_trip_micros,
                codec,
                rating,
                late,
                concealed: _,
                playout_delay,
            } => {
                let kind = EventKind::QualityMeasured {
                    leg,
                    received,
                    lost,
                    jitter_micros,
                    round_trip_micros,
                    codec,
                    r_factor: rating.map(Rating::r),
                    mos: rating.map(Rating::mos),
                    late,
                    buffered_micros: wait(playout_delay),
                };
                self.live.publish(kind);
            }
            EngineEvent::FaxHeard { leg, tone } => {
                self.live.publish(EventKind::FaxHeard { leg, tone });
            }
            EngineEvent::RecordingSaved { .. }
            | EngineEvent::RecordingDegraded { .. }
            | EngineEvent::RecordingFailed { .. } => self.hand_on_recording(event),
            EngineEvent::CommandRefused {
                leg,
                command,
                reason,
            } => {
                // A command may cross the end of its leg; anything else is a fault worth reading about.
                tracing::debug!(%leg, command, %reason, "the engine refused a command");
            }
            EngineEvent::FirstPacket { leg } => tracing::debug!(%leg, "first packet"),
            other @ (EngineEvent::TalkStarted { .. }
            | EngineEvent::TalkStopped { .. }
            | EngineEvent::RoomPlaybackEnded { .. }
            | EngineEvent::RoomFailed { .. }
            | EngineEvent::RoomRefused { .. }
            | _) => tracing::warn!(?other, "a report nobody reads"),
        }
    }

    fn hand_on_recording(&self, event: EngineEvent) {
        if let EngineEvent::RecordingSaved {
            recording,
            call,
            file,
            milliseconds,
            bytes,
            end,
            missing_milliseconds,
        } = event
        {
            self.live.publish(EventKind::RecordingSaved {
                recording,
                call,
                file,
                milliseconds,
                bytes,
                end,
                missing_milliseconds,
            });
            self.calls.tell(call, CallInput::RecordingOver(recording));
        } else if let EngineEvent::RecordingDegraded { recording, call } = event {
            self.live
                .publish(EventKind::RecordingDegraded { recording, call });
        } else if let EngineEvent::RecordingFailed {
            recording,
            call,
            reason,
        } = event
        {
            tracing::error!(%recording, %call, %reason, "a recording failed");
            let reason = reason.to_string();
            self.live.publish(EventKind::RecordingFailed {
                recording,
                call,
                reason,
            });
            self.calls.tell(call, CallInput::RecordingOver(recording));
        }
    }

    fn tell(&self, input: MediaInput) {
        self.calls
            .tell_leg(input.leg(), |leg| CallInput::Media(input.renamed(leg)));
    }
}
