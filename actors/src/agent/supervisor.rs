//! Keeps one actor per agent alive.
//!
//! An agent's actor that fell goes on with the last good state and the undelivered mail. If that
//! state makes it fall again and again it is given up: the agent is logged out, and whatever queue
//! holds a reservation finds out when it asks.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use offhook_core::Directory;
use offhook_core::directory::{Agent, AgentState};
use offhook_core::event::EventKind;
use offhook_core::id::AgentId;
use ractor::concurrency::JoinHandle;
use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr,
    SupervisionEvent,
};

use super::actor::AgentActor;
use super::desk::Desk;
use super::handle::{Agents, Roster};
use super::message::AgentInput;
use super::port::AgentPorts;
use crate::alarm;
use crate::restart::{Falls, RestartLimit, Verdict};

/// Falls of one agent's actor after which its state is not trusted any more.
const LIMIT: RestartLimit = RestartLimit {
    falls: 3,
    within: Duration::from_secs(10),
};

/// When an actor that could not be started is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// What the supervisor understands.
#[derive(Debug)]
pub(super) enum AgentsMsg {
    Reconfigure(Arc<Directory>, RpcReplyPort<()>),
    Revive(AgentId),
}

struct AgentsActor;

struct Supervisor {
    agents: Agents,
    ports: AgentPorts,
    falls: AHashMap<AgentId, Falls>,
    actors: AHashMap<ActorId, AgentId>,
}

pub(super) async fn start(
    agents: Agents,
    ports: AgentPorts,
    directory: Arc<Directory>,
    above: Option<ActorCell>,
) -> Result<(ActorCell, JoinHandle<()>), SpawnErr> {
    let arguments = (agents, ports, directory);
    let (actor, ended) = match above {
        Some(above) => Actor::spawn_linked(None, AgentsActor, arguments, above).await?,
        None => Actor::spawn(None, AgentsActor, arguments).await?,
    };
    Ok((actor.get_cell(), ended))
}

impl Actor for AgentsActor {
    type Msg = AgentsMsg;
    type State = Supervisor;
    type Arguments = (Agents, AgentPorts, Arc<Directory>);

    async fn pre_start(
        &self,
        me: ActorRef<AgentsMsg>,
        (agents, ports, directory): Self::Arguments,
    ) -> Result<Supervisor, ActorProcessingErr> {
        agents.0.supervisor.store(Some(Arc::new(me.clone())));
        let mut supervisor = Supervisor {
            agents,
            ports,
            falls: AHashMap::new(),
            actors: AHashMap::new(),
        };
        // Desks that are here already were left by a supervisor that fell, their actors with it.
        let roster = supervisor.agents.0.roster.load_full();
        for desk in roster.desks.values() {
            supervisor.spawn(&me, desk).await;
        }
        supervisor.take_over(&me, &directory).await;
        Ok(supervisor)
    }

    async fn handle(
        &self,
        me: ActorRef<AgentsMsg>,
        message: AgentsMsg,
        state: &mut Supervisor,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            AgentsMsg::Reconfigure(directory, done) => {
                state.take_over(&me, &directory).await;
                done.send(()).ok();
            }
            AgentsMsg::Revive(agent) => state.revive(&me, agent).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<AgentsMsg>,
        event: SupervisionEvent,
        state: &mut Supervisor,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(child, error) => {
                let Some(agent) = state.actors.remove(&child.get_id()) else {
                    return Ok(());
                };
                tracing::error!(%agent, %error, "an agent actor fell");
                state.revive(&me, agent).await;
            }
            SupervisionEvent::ActorTerminated(child, _, _) => {
                if let Some(agent) = state.actors.remove(&child.get_id()) {
                    state.falls.remove(&agent);
                    state.change_roster(|roster| {
                        roster.desks.remove(&agent);
                    });
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl Supervisor {
    async fn take_over(&mut self, me: &ActorRef<AgentsMsg>, directory: &Directory) {
        let known = self.agents.0.roster.load_full();
        for desk in known.desks.values() {
            if directory.agent(desk.id).is_none() {
                desk.deliver(AgentInput::Retire);
            }
        }
        let agents = &directory.office().agents;
        let mut new = Vec::new();
        for agent in agents {
            if let Some(desk) = known.desks.get(&agent.id) {
                desk.deliver(AgentInput::Reconfigure(Arc::new(agent.clone())));
                self.tell_reachability(agent, desk);
            } else {
                let reachable = self.is_reachable(agent);
                new.push(Arc::new(Desk::new(Arc::new(agent.clone()), reachable)));
            }
        }
        self.change_roster(|roster| {
            roster.at = agents.iter().map(|one| (one.extension, one.id)).collect();
            for desk in &new {
                roster.desks.insert(desk.id, Arc::clone(desk));
            }
        });
        for desk in new {
            self.spawn(me, &desk).await;
        }
    }

    fn is_reachable(&self, agent: &Agent) -> bool {
        self.agents.0.reachable.lock().contains(&agent.extension)
    }

    /// An agent who moved to another extension is reachable if that one is.
    fn tell_reachability(&self, agent: &Agent, desk: &Desk) {
        let reachable = self.is_reachable(agent);
        if reachable != desk.machine().is_reachable() {
            desk.deliver(if reachable {
                AgentInput::PhoneReachable
            } else {
                AgentInput::PhoneGone
            });
        }
    }

    async fn spawn(&mut self, me: &ActorRef<AgentsMsg>, desk: &Arc<Desk>) {
        let arguments = (Arc::clone(desk), self.ports.clone());
        match Actor::spawn_linked(None, AgentActor, arguments, me.get_cell()).await {
            Ok((actor, _)) => {
                self.actors.insert(actor.get_id(), desk.id);
            }
            Err(error) => {
                let agent = desk.id;
                tracing::error!(%agent, %error, "an agent actor did not start");
                me.send_after(PAUSE, move || AgentsMsg::Revive(agent));
            }
        }
    }

    async fn revive(&mut self, me: &ActorRef<AgentsMsg>, agent: AgentId) {
        let Some(desk) = self.agents.0.roster.load().desks.get(&agent).cloned() else {
            return;
        };
        let falls = self.falls.entry(agent);
        let falls = falls.or_insert_with(|| Falls::new(LIMIT));
        if falls.record(alarm::now()) == Verdict::GiveUp {
            tracing::error!(%agent, "logged out: the agent's state makes its actor fall");
            desk.keep(&desk.machine().logged_out_by_fault(alarm::now()));
            self.falls.remove(&agent);
            self.ports.events.publish(EventKind::AgentStateChanged {
                agent,
                state: AgentState::LoggedOut,
                reason: None,
                call: None,
            });
        }
        self.spawn(me, &desk).await;
    }

    fn change_roster(&self, change: impl Fn(&mut Roster)) {
        self.agents.0.roster.rcu(|roster| {
            let mut roster = Roster::clone(roster);
            change(&mut roster);
            roster
        });
    }
}
