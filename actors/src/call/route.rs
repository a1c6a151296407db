//! Where a call goes.

use std::time::Instant;

use offhook_core::dialplan::{self, Dialled, Notes, RouteError};
use offhook_core::directory::{AgentState, Destination, MenuAction};
use offhook_core::event::{EndedBy, EventKind};
use offhook_core::{DidId, HangupCause};

use super::effect::{CallToAgent, RingTarget};
use super::input::Origin;
use super::machine::{CallMachine, Stage};
use super::prompts;
use super::ring::Purpose;
use super::speak::After;
use crate::alarm;

impl CallMachine {
    /// Decides by the dial plan where the caller goes first.
    pub(crate) fn route(&mut self, now: Instant) {
        let dialled = self.dialled.clone();
        match self.look_up(now, &dialled) {
            Ok(destination) => self.go(now, &dialled, destination),
            Err(error) => self.leads_nowhere(now, error.cause()),
        }
    }

    /// The public number a trunk call reaches.
    pub(crate) fn did(&self) -> Option<DidId> {
        let Origin::Trunk(trunk) = self.origin else {
            return None;
        };
        let trunk = self.directory.trunk(trunk)?;
        dialplan::from_trunk(&self.directory, trunk, &self.dialled)
            .ok()
            .map(|did| did.id)
    }

    fn look_up(&self, now: Instant, dialled: &str) -> Result<Destination, RouteError> {
        match self.origin {
            Origin::Extension(caller) => {
                let dialled = Dialled {
                    number: dialled,
                    caller: self.directory.extension(caller),
                    at: alarm::wall_at(now),
                };
                dialplan::from_inside(&self.directory, dialled, &mut Notes::unread())
            }
            Origin::Trunk(trunk) => {
                let trunk = self.directory.trunk(trunk).ok_or(RouteError::Unallocated)?;
                let found = dialplan::inbound(&self.directory, trunk, dialled)?;
                Ok(found.destination.clone())
            }
        }
    }

    /// Sends the caller there. `dialled` is what got them there, for the record.
    pub(crate) fn go(&mut self, now: Instant, dialled: &str, destination: Destination) {
        self.publish(EventKind::CallRouted {
            call: self.id,
            dialled: dialled.to_owned(),
            destination: destination.clone(),
        });
        if let Origin::Extension(id) = self.origin
            && !matches!(
                destination,
                Destination::AgentLogin | Destination::AgentLogout
            )
        {
            self.engage(id);
        }
        match destination {
            Destination::Extension(id) => self.dial(now, RingTarget::Extension(id)),
            Destination::External(number) => self.dial(now, RingTarget::External(number)),
            Destination::Queue(id) => self.enter_queue(now, id),
            Destination::IvrMenu(id) => self.enter_menu(now, id),
            Destination::Echo => self.echo(now),
            Destination::AgentLogin => self.set_agent(now, AgentState::Ready),
            Destination::AgentLogout => self.set_agent(now, AgentState::LoggedOut),
            Destination::HangUp => self.end(now, HangupCause::NormalClearing, EndedBy::System),
        }
    }

    /// A choice in a menu.
    pub(crate) fn act(&mut self, now: Instant, digits: &str, action: MenuAction) {
        match action {
            MenuAction::Go(destination) => self.go(now, digits, destination),
            MenuAction::Repeat | MenuAction::HangUp => {
                self.end(now, HangupCause::NormalClearing, EndedBy::System);
            }
        }
    }

    /// Nothing is there: a SIP refusal before the answer, spoken words after it.
    pub(crate) fn leads_nowhere(&mut self, now: Instant, cause: HangupCause) {
        if self.transfer.is_some() {
            return self.transfer_failed(now, cause);
        }
        if let Some(extension) = self.return_to.take() {
            return self.dial(now, RingTarget::Extension(extension));
        }
        if !self.caller_is_answered() {
            return self.end(now, cause, EndedBy::System);
        }
        let one_of = |causes: &[HangupCause]| causes.contains(&cause);
        let prompt = if one_of(&[HangupCause::UnallocatedNumber, HangupCause::InvalidNumber]) {
            prompts::NOT_IN_SERVICE
        } else if one_of(&[HangupCause::UserBusy, HangupCause::CallRejected]) {
            prompts::BUSY
        } else if cause == HangupCause::NotAllowed {
            prompts::NOT_ALLOWED
        } else {
            prompts::NOT_AVAILABLE
        };
        let after = self
            .came_from
            .take()
            .map_or(After::HangUp(cause), After::Menu);
        self.speak(now, &[prompt], after);
    }

    pub(crate) fn dial(&mut self, now: Instant, target: RingTarget) {
        let ring = self.start_ring(now, Purpose::Destination, target);
        if self.rings.contains_key(&ring) {
            self.stage = Stage::Dialling(ring);
        }
    }

    fn echo(&mut self, now: Instant) {
        if self.answer_caller(now) {
            self.speak(now, &[prompts::ECHO_INTRO], After::Echo);
        }
    }

    fn set_agent(&mut self, now: Instant, state: AgentState) {
        if !self.answer_caller(now) {
            return;
        }
        let agent = match self.origin {
            Origin::Extension(id) => self.directory.agent_at(id).map(|agent| agent.id),
            Origin::Trunk(_) => None,
        };
        let Some(agent) = agent else {
            return self.speak(
                now,
                &[prompts::NOT_AN_AGENT],
                After::HangUp(HangupCause::NormalClearing),
            );
        };
        self.stage = Stage::SettingAgent;
        self.tell_agent(agent, CallToAgent::SetState(state));
    }

    pub(crate) fn agent_state_set(&mut self, now: Instant, state: Option<AgentState>) {
        if !matches!(self.stage, Stage::SettingAgent) {
            return;
        }
        let prompt = match state {
            Some(AgentState::LoggedOut) => prompts::LOGGED_OUT,
            Some(_) => prompts::READY,
            None => prompts::FAILED,
        };
        self.speak(now, &[prompt], After::HangUp(HangupCause::NormalClearing));
    }
}
