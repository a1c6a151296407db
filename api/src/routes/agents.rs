//! `/api/v1/agents`

use offhook_core::AgentId;
use offhook_core::directory::{Agent, AgentState};

use super::prelude::*;
use crate::dto::agent::{AgentSettings, AgentView, StateChange, WantedState};

impl Resource for Agent {
    type Id = AgentId;
    type Settings = AgentSettings;
    type View = AgentView;

    const PATH: &'static str = "agents";
    const OWNED: bool = true;

    fn all(directory: &Directory) -> &[Self] {
        &directory.office().agents
    }

    fn id(&self) -> AgentId {
        self.id
    }

    fn sort_key(&self) -> &str {
        &self.name
    }

    fn settings(&self, directory: &Directory) -> AgentSettings {
        AgentSettings::of(self, directory)
    }

    fn build(
        settings: AgentSettings,
        old: Option<&Self>,
        directory: &Directory,
        _: &AppState,
    ) -> ApiResult<Self> {
        settings.build(old, directory)
    }

    fn view(&self, directory: &Directory, state: &AppState) -> AgentView {
        let (now, started) = (state.floor().agent(self.id), state.started());
        state
            .live()
            .view(|view| AgentView::of(self, now, view.agent_state(self.id), directory, started))
    }

    fn is_own(&self, own: &Own) -> bool {
        own.agent == Some(self.id)
    }

    fn insert<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().agents().create(self).await })
    }

    fn update<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().agents().update(self).await })
    }

    fn delete(id: AgentId, state: &AppState) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { state.store().agents().delete(id).await })
    }
}

office_routes! {
    Agent, AgentSettings, AgentView,
    tag: "Agents", words: "agents", one: "agent", many: "agents",
    list: "/api/v1/agents", item: "/api/v1/agents/{id}", patch: "#/components/schemas/AgentPatch",
}

/// Makes an agent ready, sends them on break or logs them out. Agents may do so for themselves.
///
/// Asking for the state the agent is in already is no error. An agent in a call stays in it: the
/// new state begins after the call.
#[utoipa::path(
    put, path = "/api/v1/agents/{id}/state", tag = "Agents",
    operation_id = "set_agent_state",
    params(("id" = String, Path, description = "The agent's id.")),
    request_body = StateChange,
    responses((status = 200, description = "The agent as it is now.", body = AgentView)),
)]
async fn set_state(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<Id>,
    ApiJson(change): ApiJson<StateChange>,
) -> ApiResult<Json<AgentView>> {
    let directory = state.directory();
    let agent = resource::readable::<Agent>(&directory, &caller, id)?;
    change.check()?;
    let wanted = match change.state {
        WantedState::Ready => AgentState::Ready,
        WantedState::OnBreak => AgentState::OnBreak,
        WantedState::LoggedOut => AgentState::LoggedOut,
    };
    state
        .floor()
        .set_agent_state(id, wanted, change.reason)
        .await?;
    Ok(Json(agent.view(&directory, &state)))
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    office_router().routes(routes!(set_state))
}
