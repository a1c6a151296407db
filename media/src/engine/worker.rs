//! The shard: one thread and the legs it owns.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use mio::{Events, Poll, Token, Waker};
use rtrb::{Consumer, RingBuffer};

use crate::engine::command::{Command, CommandReceiver, CommandSender};
use crate::engine::config::EngineConfig;
use crate::engine::event::{EngineEvent, Wake};
use crate::engine::recorder::RecorderCommand;
use crate::engine::stats::PublishedStats;
use crate::graph::tap::TapFrame;

/// What a shard is made from.
pub(crate) struct ShardParts {
    pub(crate) index: usize,
    pub(crate) config: EngineConfig,
    pub(crate) wake: Arc<Wake>,
    pub(crate) ports: Sender<u16>,
    pub(crate) recorder: Sender<RecorderCommand>,
}

/// The ends of a shard's rings that others hold.
pub(crate) struct ShardEnds {
    pub(crate) commands: Arc<CommandSender>,
    pub(crate) stats: Arc<PublishedStats>,
    pub(crate) events: Consumer<EngineEvent>,
    pub(crate) taps: Consumer<TapFrame>,
}

pub(crate) struct Shard {
    poll: Poll,
    commands: CommandReceiver,
}

impl Shard {
    pub(crate) fn new(_parts: ShardParts) -> io::Result<(Self, ShardEnds)> {
        let poll = Poll::new()?;
        let (sender, commands) = CommandSender::new(Waker::new(poll.registry(), Token(0))?);
        let ends = ShardEnds {
            commands: Arc::new(sender),
            stats: Arc::default(),
            events: RingBuffer::new(1).1,
            taps: RingBuffer::new(1).1,
        };
        Ok((Self { poll, commands }, ends))
    }

    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(64);
        loop {
            self.poll.poll(&mut events, None).ok();
            while let Some(command) = self.commands.pop() {
                if matches!(command, Command::Shutdown) {
                    return;
                }
            }
        }
    }
}
