//! What of a trunk outlives the trunk's actor: the last good state, the mail and the counted calls.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use offhook_core::directory::Trunk;
use offhook_core::sip::call_rate::CallRate;
use offhook_core::{IdSource, TrunkId};
use parking_lot::Mutex;

use super::actor::TrunkMsg;
use super::machine::TrunkMachine;
use super::message::{TrunkInput, TrunkWays};
use super::status::{TrunkState, TrunkStatus};
use crate::alarm;
use crate::inbox::Inbox;

/// Shared by the handle, the supervisor and the actor of one trunk.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: TrunkId,
    pub(super) inbox: Inbox<TrunkMsg, TrunkInput>,
    state: Mutex<Kept>,
    rates: Mutex<Rates>,
}

#[derive(Debug)]
struct Kept {
    machine: TrunkMachine,
    /// Since when the registration is as it is.
    since: Timestamp,
}

#[derive(Debug, Default)]
struct Rates {
    inbound: CallRate,
    outbound: CallRate,
}

impl Slot {
    pub(super) fn new(trunk: Arc<Trunk>, ways: &TrunkWays) -> Self {
        Self {
            id: trunk.id,
            inbox: Inbox::default(),
            state: Mutex::new(Kept {
                machine: begin(trunk, ways),
                since: alarm::wall(),
            }),
            rates: Mutex::default(),
        }
    }

    /// Forgets the last good state: it makes actors fall.
    pub(super) fn begin_anew(&self, trunk: Arc<Trunk>, ways: &TrunkWays) {
        self.keep(&begin(trunk, ways));
    }

    pub(super) fn deliver(&self, input: TrunkInput) {
        self.inbox.deliver(input, || TrunkMsg::Mail);
    }

    /// The last good state.
    pub(super) fn machine(&self) -> TrunkMachine {
        self.state.lock().machine.clone()
    }

    /// Keeps `machine` as the last good state.
    pub(super) fn keep(&self, machine: &TrunkMachine) {
        let mut kept = self.state.lock();
        if kept.machine.registration_state() != machine.registration_state() {
            kept.since = alarm::wall();
        }
        kept.machine.clone_from(machine);
    }

    pub(super) fn state(&self) -> TrunkState {
        self.state.lock().machine.state()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.state.lock().machine.is_finished()
    }

    pub(super) fn service_route(&self) -> Vec<Bytes> {
        self.state.lock().machine.service_route().to_vec()
    }

    pub(super) fn status(&self) -> TrunkStatus {
        let Kept { machine, since } = &*self.state.lock();
        let binding = machine.binding();
        let registration = machine.registration_state();
        TrunkStatus {
            state: machine.state(),
            registration,
            registrar: binding.map(|(uri, _)| String::from_utf8_lossy(uri).into_owned()),
            since: Some(*since),
            expires_at: binding.map(|(_, until)| alarm::wall_at(until)),
            qualify: machine.qualify_state(),
            round_trip: machine.round_trip(),
            calls: 0,
            last_error: machine.last_error(),
        }
    }

    /// Counts a call that comes in, if it fits into the rate.
    pub(super) fn take_inbound(&self, per_second: u32) -> Result<(), Duration> {
        let now = alarm::now();
        let rate = &mut self.rates.lock().inbound;
        rate.check(now, per_second)?;
        rate.count(now, per_second);
        Ok(())
    }

    /// Whether one more call out fits into the rate.
    pub(super) fn has_outbound(&self, per_second: u32) -> bool {
        let rates = self.rates.lock();
        rates.outbound.check(alarm::now(), per_second).is_ok()
    }

    /// Counts a call that went out.
    pub(super) fn count_outbound(&self, per_second: u32) {
        self.rates.lock().outbound.count(alarm::now(), per_second);
    }
}

fn begin(trunk: Arc<Trunk>, ways: &TrunkWays) -> TrunkMachine {
    TrunkMachine::new(alarm::now(), trunk, ways, IdSource::from_entropy())
}
