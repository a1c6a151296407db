//! What a usage has to say and has not said yet.

use std::collections::VecDeque;

use super::message::{EndedSide, NextHop, UsageEffect, UsageEvent};
use crate::cause::HangupCause;
use crate::sip::endpoint::ServerTxn;
use crate::sip::message::{Request, Response};

/// Effects and events in the order they came up.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    effects: VecDeque<UsageEffect>,
    events: VecDeque<UsageEvent>,
    ended: bool,
}

impl Outbox {
    pub(super) fn push(&mut self, effect: UsageEffect) {
        self.effects.push_back(effect);
    }

    pub(super) fn respond(&mut self, txn: ServerTxn, response: Response) {
        self.push(UsageEffect::Respond { txn, response });
    }

    pub(super) fn ack(&mut self, request: Request, next_hop: NextHop) {
        self.push(UsageEffect::Ack { request, next_hop });
    }

    /// Tells an event, unless the end was told already.
    pub(super) fn tell(&mut self, event: UsageEvent) {
        if !self.ended {
            self.events.push_back(event);
        }
    }

    /// Tells the end, once.
    pub(super) fn end(&mut self, cause: HangupCause, by: EndedSide, status: Option<u16>) {
        self.tell(UsageEvent::Ended { cause, by, status });
        self.ended = true;
    }

    pub(super) fn next_effect(&mut self) -> Option<UsageEffect> {
        self.effects.pop_front()
    }

    pub(super) fn next_event(&mut self) -> Option<UsageEvent> {
        self.events.pop_front()
    }
}
