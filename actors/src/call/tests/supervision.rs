//! What a fall costs: nothing but the input that caused it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use offhook_core::directory::Directory;
use offhook_core::event::EventKind;
use offhook_core::{CallId, HangupCause, LegId};
use offhook_media::engine::LegPort;
use parking_lot::Mutex;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::Notify;

use super::fixture::{self, DID, sdp};
use crate::alarm::now;
use crate::call::{
    CallCommand, CallEffect, CallError, CallInput, Calls, Left, MediaEffect, MediaInput,
    MediaRules, Neighbours, Origin, Rules,
};

/// Everybody around the calls: takes notes, opens every port.
#[derive(Default)]
struct Notebook {
    effects: Mutex<Vec<CallEffect>>,
    gone: Mutex<Vec<CallId>>,
    written: Notify,
    /// Whether what it hears may wait.
    patient: AtomicBool,
    rested: Mutex<Option<Instant>>,
    directory: Arc<Directory>,
}

impl Neighbours for Notebook {
    fn perform(&self, _: CallId, effect: CallEffect) -> Option<CallInput> {
        let mut answer = None;
        if let CallEffect::Media(MediaEffect::AddLeg(leg)) = &effect {
            let (rtp, rtcp) = (
                "127.0.0.1:30000".parse().unwrap(),
                "127.0.0.1:30001".parse().unwrap(),
            );
            let (leg, port) = (*leg, LegPort { rtp, rtcp });
            answer = Some(CallInput::Media(MediaInput::PortReady { leg, port }));
        }
        self.effects.lock().push(effect);
        self.written.notify_waiters();
        answer
    }

    fn call_gone(&self, call: CallId) {
        self.gone.lock().push(call);
    }

    fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory)
    }

    fn settle(&self) -> Left {
        if self.patient.load(Ordering::Relaxed) {
            Left::More
        } else {
            Left::Nothing
        }
    }

    fn settle_rest(&self) {
        self.patient.store(false, Ordering::Relaxed);
        *self.rested.lock() = Some(now());
        self.written.notify_waiters();
    }
}

impl Notebook {
    async fn reads(&self, wanted: impl Fn(&CallEffect) -> bool) {
        let found = async {
            loop {
                let written = self.written.notified();
                if self.effects.lock().iter().any(&wanted) {
                    return;
                }
                written.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), found)
            .await
            .expect("it is written down");
    }

    async fn reads_event(&self, wanted: impl Fn(&EventKind) -> bool) {
        self.reads(|effect| matches!(effect, CallEffect::Publish(kind) if wanted(kind)))
            .await;
    }

    fn count(&self, wanted: impl Fn(&CallEffect) -> bool) -> usize {
        self.effects
            .lock()
            .iter()
            .filter(|effect| wanted(effect))
            .count()
    }
}

/// A supervisor above the calls that lets its child fall.
struct Above;

impl Actor for Above {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        _: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

struct House {
    calls: Calls,
    notebook: Arc<Notebook>,
    above: ActorRef<()>,
    supervisor: ActorCell,
    trunk: Origin,
}

async fn house() -> House {
    let (directory, ids) = fixture::office();
    let notebook = Arc::new(Notebook {
        directory: Arc::new(directory),
        ..Notebook::default()
    });
    let calls = Calls::new(100, MediaRules::default(), Rules::default());
    let (above, _) = Actor::spawn(None, Above, ()).await.unwrap();
    let supervisor = calls
        .start(notebook.clone(), above.get_cell())
        .await
        .unwrap();
    House {
        calls,
        notebook,
        above,
        supervisor,
        trunk: Origin::Trunk(ids.trunk),
    }
}

impl House {
    fn takes_a_call(&self) -> LegId {
        let call = fixture::incoming(DID, self.trunk, &sdp(6000, "sendrecv"));
        self.calls.incoming(&call).unwrap()
    }
}

fn hang_up() -> CallInput {
    CallInput::Command(CallCommand::HangUp(HangupCause::Administrative))
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_actor_falls_goes_on_without_the_input_that_felled_it() {
    let house = house().await;
    let leg = house.takes_a_call();
    house
        .notebook
        .reads_event(|kind| matches!(kind, EventKind::MenuEntered { .. }))
        .await;
    assert!(house.calls.inject_fault(leg.call));
    // What comes while the actor is down waits for the next one.
    let digit = CallInput::Media(MediaInput::Digit { leg, digit: '0' });
    assert!(house.calls.tell(leg.call, digit));
    house
        .notebook
        .reads_event(|kind| matches!(kind, EventKind::CallRecovered { .. }))
        .await;
    let chosen =
        |kind: &EventKind| matches!(kind, EventKind::MenuChosen { digits, .. } if digits == "0");
    house.notebook.reads_event(chosen).await;
    let ended =
        |effect: &CallEffect| matches!(effect, CallEffect::Publish(EventKind::CallEnded { .. }));
    assert_eq!(house.notebook.count(ended), 0);
    house.above.stop(None);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_falls_twice_is_ended_cleanly_and_gives_its_port_back() {
    let house = house().await;
    let leg = house.takes_a_call();
    for _ in 0..2 {
        house.calls.inject_fault(leg.call);
    }
    let broken = |kind: &EventKind| {
        matches!(
            kind,
            EventKind::CallEnded {
                cause: HangupCause::InternalError,
                ..
            }
        )
    };
    house.notebook.reads_event(broken).await;
    let removed = |effect: &CallEffect| matches!(effect, CallEffect::Media(MediaEffect::RemoveLeg(gone)) if *gone == leg);
    house.notebook.reads(removed).await;
    house.above.stop(None);
}

#[tokio::test(start_paused = true)]
async fn one_call_that_falls_does_not_touch_fifty_others() {
    let house = house().await;
    let legs: Vec<LegId> = (0..50).map(|_| house.takes_a_call()).collect();
    for leg in legs.iter().step_by(10) {
        house.calls.inject_fault(leg.call);
    }
    for leg in &legs {
        house.calls.tell(leg.call, hang_up());
    }
    for leg in &legs {
        let ended = |kind: &EventKind| {
            matches!(kind, EventKind::CallEnded { call, cause: HangupCause::Administrative, .. }
                if *call == leg.call)
        };
        house.notebook.reads_event(ended).await;
    }
    let recovered = |effect: &CallEffect| {
        matches!(effect, CallEffect::Publish(EventKind::CallRecovered { .. }))
    };
    assert_eq!(house.notebook.count(recovered), 5);
    house.above.stop(None);
}

#[tokio::test(start_paused = true)]
async fn when_the_supervisor_is_started_again_its_calls_go_on() {
    let house = house().await;
    let leg = house.takes_a_call();
    let entered = |leg: LegId| move |kind: &EventKind| matches!(kind, EventKind::MenuEntered { call, .. } if *call == leg.call);
    house.notebook.reads_event(entered(leg)).await;
    house.supervisor.kill_and_wait(None).await.unwrap();
    let hold = house.calls.command(leg.call, CallCommand::Hold).await;
    assert_eq!(hold, Err(CallError::NotFound), "its actor fell as well");
    // What comes while nobody is there waits: for a call that goes on, and as a new one.
    let digit = CallInput::Media(MediaInput::Digit { leg, digit: '0' });
    assert!(house.calls.tell(leg.call, digit));
    let new = house.takes_a_call();
    let notebook: Arc<dyn Neighbours> = house.notebook.clone();
    house
        .calls
        .start(notebook, house.above.get_cell())
        .await
        .unwrap();
    house.notebook.reads_event(entered(new)).await;
    let chosen =
        |kind: &EventKind| matches!(kind, EventKind::MenuChosen { digits, .. } if digits == "0");
    house.notebook.reads_event(chosen).await;
    for leg in [leg, new] {
        let end = CallCommand::HangUp(HangupCause::Administrative);
        assert_eq!(house.calls.command(leg.call, end).await, Ok(None));
    }
    house.above.stop(None);
}

#[tokio::test(start_paused = true)]
async fn a_full_house_takes_no_more_calls() {
    let house = house().await;
    for _ in 0..100 {
        house.takes_a_call();
    }
    let call = fixture::incoming(DID, house.trunk, &sdp(6000, "sendrecv"));
    assert_eq!(house.calls.incoming(&call), Err(HangupCause::Congestion));
    house.above.stop(None);
}

/// However many come in the same moment, from however many threads.
#[tokio::test(start_paused = true)]
async fn a_burst_of_calls_does_not_overshoot_the_limit() {
    let house = house().await;
    let taken: usize = std::thread::scope(|scope| {
        let burst = || {
            let takes = |_: &usize| {
                let call = fixture::incoming(DID, house.trunk, &sdp(6000, "sendrecv"));
                house.calls.incoming(&call).is_ok()
            };
            (0..100).filter(takes).count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(burst)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!((taken, house.calls.count()), (100, 100));
    house.above.stop(None);
}

#[tokio::test(start_paused = true)]
async fn what_others_need_not_know_at_once_they_hear_together_soon_after() {
    let house = house().await;
    house.notebook.patient.store(true, Ordering::Relaxed);
    let began = now();
    for _ in 0..3 {
        house.takes_a_call();
    }
    let heard = async {
        loop {
            let written = house.notebook.written.notified();
            if let Some(at) = *house.notebook.rested.lock() {
                return at;
            }
            written.await;
        }
    };
    let at = tokio::time::timeout(Duration::from_secs(60), heard).await;
    let after = at.unwrap() - began;
    assert!(after >= Duration::from_millis(50), "{after:?}");
    assert!(after < Duration::from_millis(100), "{after:?}");
    house.above.stop(None);
}

#[tokio::test(start_paused = true)]
async fn a_call_with_much_to_do_does_not_keep_another_waiting_for_all_of_it() {
    let house = house().await;
    let (busy, other) = (house.takes_a_call(), house.takes_a_call());
    let digit = |leg| CallInput::Media(MediaInput::Digit { leg, digit: '9' });
    for _ in 0..500 {
        house.calls.tell(busy.call, digit(busy));
    }
    house.calls.tell(busy.call, hang_up());
    house.calls.tell(other.call, hang_up());
    for leg in [busy, other] {
        let ended = |kind: &EventKind| matches!(kind, EventKind::CallEnded { call, .. } if *call == leg.call);
        house.notebook.reads_event(ended).await;
    }
    let order: Vec<CallId> = house
        .notebook
        .effects
        .lock()
        .iter()
        .filter_map(|effect| {
            if let CallEffect::Publish(EventKind::CallEnded { call, .. }) = effect {
                Some(*call)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(order, [other.call, busy.call]);
    house.above.stop(None);
}
