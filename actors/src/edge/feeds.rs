//! What waits for the signalling task, whoever runs it.

use tokio::sync::mpsc;

use super::command::{Command, Inbound};

/// Messages and commands taken out of their channels at once.
const BATCH: usize = 256;

/// The receiving ends of the signalling task's channels, and what was taken out of them already.
/// Whoever runs the task holds them; its successor gets them with everything that waits, so that a
/// fall costs the one message or command that brought it about.
#[derive(Debug)]
pub(crate) struct Feeds {
    inbound: mpsc::Receiver<Inbound>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// What is worked on now, the next one last.
    messages: Vec<Inbound>,
    orders: Vec<Command>,
}

impl Feeds {
    /// Nothing has been taken out yet.
    pub(crate) fn new(
        inbound: mpsc::Receiver<Inbound>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        Self {
            inbound,
            commands,
            messages: Vec::with_capacity(BATCH),
            orders: Vec::with_capacity(BATCH),
        }
    }

    /// Waits until there is something to work on. Nothing is lost when this is given up.
    pub(crate) async fn fill(&mut self) {
        if !self.messages.is_empty() || !self.orders.is_empty() {
            return;
        }
        tokio::select! {
            _ = self.commands.recv_many(&mut self.orders, BATCH) => self.orders.reverse(),
            _ = self.inbound.recv_many(&mut self.messages, BATCH) => self.messages.reverse(),
        }
    }

    /// Messages that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.inbound.len() + self.messages.len()
    }

    /// The next command of those that were taken out.
    pub(crate) fn next_order(&mut self) -> Option<Command> {
        self.orders.pop()
    }

    /// The next message of those that were taken out.
    pub(crate) fn next_message(&mut self) -> Option<Inbound> {
        self.messages.pop()
    }
}
