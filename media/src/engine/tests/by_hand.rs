//! A shard that is turned by hand.

use std::sync::Arc;
use std::sync::mpsc::channel;

use mio::Events;
use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId};

use super::rig::Phone;
use crate::engine::command::Command;
use crate::engine::event::{Outbox, Wake};
use crate::engine::leg::NewLeg;
use crate::engine::socket::LegSockets;
use crate::engine::worker::{Shard, ShardEnds, ShardParts};
use crate::engine::*;

/// A shard without its thread.
pub(super) struct ByHand {
    pub(super) shard: Shard,
    pub(super) call: CallId,
    ready: Events,
}

impl ByHand {
    pub(super) fn phone(&mut self, number: u32, codec: Codec) -> Phone {
        let leg = LegId::new(self.call, number);
        let ip = EngineConfig::default().ip;
        let bound = (18_000..19_000).step_by(2).find_map(|port| {
            let sockets = LegSockets::bind(ip, port).ok()?;
            Some((port, sockets))
        });
        let (port, sockets) = bound.unwrap();
        let phone = Phone::new(leg, (ip, port).into(), codec);
        self.does(Command::AddLeg(Box::new(NewLeg::new(leg, port, sockets))));
        // Thousands of goodbyes would reach ports that other tests have by then.
        let remote = RemoteMedia {
            rtcp: (ip, 0).into(),
            ..phone.remote()
        };
        self.does(Command::SetRemote(leg, Box::new(remote)));
        phone
    }

    pub(super) fn does(&mut self, command: Command) {
        let now = crate::test_time::epoch();
        assert!(self.shard.execute(command, now));
    }

    pub(super) fn new() -> (Self, ShardEnds) {
        let wake = Wake::new(Arc::new(|| {}));
        let (recorder, _heard) = channel();
        let (ports, _returned) = channel();
        let parts = ShardParts {
            config: EngineConfig::default(),
            outbox: Outbox::new(wake.clone()),
            wake,
            ports,
            recorder,
            started: crate::test_time::epoch(),
        };
        let (shard, ends) = Shard::new(parts).unwrap();
        let by_hand = Self {
            shard,
            call: CallId::random(),
            ready: Events::with_capacity(64),
        };
        (by_hand, ends)
    }

    /// Turns so often; each waits for a packet or for the next leg in the wheel.
    pub(super) fn turns(&mut self, count: u32) {
        for _ in 0..count {
            assert!(self.turn());
        }
    }

    /// Turns once; false when the shard was told to end.
    pub(super) fn turn(&mut self) -> bool {
        self.shard.turn(&mut self.ready)
    }
}
