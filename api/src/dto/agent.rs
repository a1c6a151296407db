//! Agents over the wire.

use jiff::Timestamp;
use offhook_actors::agent::AgentView as AgentNow;
use offhook_core::directory::{Agent, AgentState, Directory};
use offhook_core::live::LiveAgent;
use offhook_core::{AgentId, CallId, ExtensionId, QueueId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;
use crate::error::{ApiError, ApiResult};

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AgentState)]
pub enum AgentStateDto {
    /// Not working.
    LoggedOut,
    /// Waiting for a caller.
    Ready,
    /// Promised to one caller; about to be rung.
    Reserved,
    /// Being rung for one caller.
    Ringing,
    /// Talking.
    OnCall,
    /// Finishing the last call.
    WrapUp,
    /// Logged in, not available.
    OnBreak,
}

impl From<AgentState> for AgentStateDto {
    fn from(state: AgentState) -> Self {
        match state {
            AgentState::LoggedOut => Self::LoggedOut,
            AgentState::Ready => Self::Ready,
            AgentState::Reserved => Self::Reserved,
            AgentState::Ringing => Self::Ringing,
            AgentState::OnCall => Self::OnCall,
            AgentState::WrapUp => Self::WrapUp,
            AgentState::OnBreak => Self::OnBreak,
        }
    }
}

/// A state that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WantedState {
    /// Waiting for a caller; also ends wrap-up.
    Ready,
    /// Logged in, not available.
    OnBreak,
    /// Not working.
    LoggedOut,
}

/// A change of an agent's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateChange {
    /// The state wanted.
    pub state: WantedState,
    /// Why, for a break: at most 100 characters.
    #[serde(default)]
    #[schema(example = "lunch")]
    pub reason: Option<String>,
}

impl StateChange {
    /// Checks the reason.
    ///
    /// # Errors
    /// When it is too long or belongs to no break.
    pub fn check(&self) -> ApiResult<()> {
        let mut checks = Checks::default();
        if let Some(reason) = &self.reason {
            checks.text("reason", reason);
        }
        checks.finish()
    }
}

/// A queue an agent serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AgentQueue)]
pub struct AgentQueueView {
    /// The queue.
    #[schema(value_type = String)]
    pub queue_id: QueueId,
    /// Its name.
    pub name: String,
    /// The agent's tier there.
    pub level: u32,
    /// The agent's place within the tier.
    pub position: u32,
}

/// Somebody who answers queue calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Agent)]
pub struct AgentView {
    /// Its id.
    #[schema(value_type = String, example = "agent_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// The number of the extension that is rung.
    #[schema(example = "1001")]
    pub extension: Option<String>,
    /// The id of that extension.
    #[schema(value_type = String)]
    pub extension_id: ExtensionId,
    /// The login that may change this agent's state.
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
    /// Missed attempts in a row after which the agent is put on break; 0 never does that.
    pub max_missed: u32,
    /// What it is doing.
    pub state: AgentStateDto,
    /// Since when.
    pub since: Timestamp,
    /// The reason given for a break.
    pub reason: Option<String>,
    /// The call the state belongs to.
    #[schema(value_type = Option<String>)]
    pub call: Option<CallId>,
    /// The state that follows the present call, if one was asked for during it.
    pub next: Option<AgentStateDto>,
    /// Whether a phone of theirs is registered; who is ready without one gets no calls.
    pub reachable: bool,
    /// Attempts answered since the server started.
    pub answered: u64,
    /// Attempts missed or refused since the server started.
    pub missed: u64,
    /// The queues it serves.
    pub queues: Vec<AgentQueueView>,
}

impl AgentView {
    /// How an agent is shown: `now` is what the agent itself says, `live` what was counted, and
    /// `started` when the server did, for an agent of whom nothing was heard yet.
    #[must_use]
    pub fn of(
        agent: &Agent,
        now: Option<AgentNow>,
        live: Option<&LiveAgent>,
        directory: &Directory,
        started: Timestamp,
    ) -> Self {
        let queues = directory.office().queues.iter().filter_map(|queue| {
            let place = queue.agents.iter().find(|place| place.agent == agent.id)?;
            Some(AgentQueueView {
                queue_id: queue.id,
                name: queue.name.clone(),
                level: place.level,
                position: place.position,
            })
        });
        let extension = directory.extension(agent.extension);
        let (state, since, reason, call) = match (&now, live) {
            (Some(now), _) => (now.state, now.since, now.reason.clone(), now.call),
            (None, Some(live)) => (live.state, live.since, live.reason.clone(), live.call),
            (None, None) => (AgentState::LoggedOut, started, None, None),
        };
        Self {
            id: agent.id,
            name: agent.name.clone(),
            extension: extension.map(|extension| extension.number.clone()),
            extension_id: agent.extension,
            user_id: agent.user,
            max_missed: agent.max_missed,
            state: state.into(),
            since,
            reason: reason.filter(|reason| !reason.is_empty()),
            call,
            next: now
                .as_ref()
                .and_then(|now| now.next.as_ref())
                .map(|next| next.state().into()),
            reachable: now.is_some_and(|now| now.reachable),
            answered: live.map_or(0, |live| live.answered),
            missed: live.map_or(0, |live| live.missed),
            queues: queues.collect(),
        }
    }
}

/// What can be set of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// Its name.
    #[schema(example = "Ada Lovelace")]
    pub name: String,
    /// The number of the extension that is rung. An extension has one agent at most.
    #[schema(example = "1001")]
    pub extension: String,
    /// The login that may change this agent's state.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
    /// Missed attempts in a row after which the agent is put on break; 0 never does that.
    #[serde(default)]
    pub max_missed: u32,
}

impl AgentSettings {
    /// What would make this agent again.
    #[must_use]
    pub fn of(agent: &Agent, directory: &Directory) -> Self {
        let extension = directory.extension(agent.extension);
        Self {
            name: agent.name.clone(),
            extension: extension
                .map(|found| found.number.clone())
                .unwrap_or_default(),
            user_id: agent.user,
            max_missed: agent.max_missed,
        }
    }

    /// The agent these settings make.
    ///
    /// # Errors
    /// What is wrong with them, or that the extension has an agent.
    pub fn build(self, old: Option<&Agent>, directory: &Directory) -> ApiResult<Agent> {
        let id = old.map_or_else(AgentId::random, |old| old.id);
        let mut checks = Checks::default();
        checks.name("name", &self.name);
        checks.at_most("max_missed", self.max_missed, 1000);
        let extension = directory.extension_numbered(&self.extension);
        if extension.is_none() {
            checks.wrong("extension", "is not the number of an extension");
        }
        let other = extension.and_then(|found| directory.agent_at(found.id));
        if other.is_some_and(|other| other.id != id) {
            return Err(ApiError::duplicate(
                "extension",
                "is the extension of another agent",
            ));
        }
        checks.finish()?;
        let extension = extension.ok_or(ApiError::Internal)?;
        Ok(Agent {
            id,
            name: self.name,
            extension: extension.id,
            user: self.user_id,
            max_missed: self.max_missed,
        })
    }
}
