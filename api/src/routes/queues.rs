//! `/api/v1/queues`

use axum::response::{IntoResponse, Response};
use offhook_actors::alarm;
use offhook_core::directory::{Queue, QueueAgent};
use offhook_core::live::LiveQueue;
use offhook_core::{AgentId, QueueId};

use super::prelude::*;
use crate::dto::agent::AgentView;
use crate::dto::queue::{
    CallerView, QueueAgentSettings, QueueAgentView, QueueSettings, QueueView, seconds_since,
};
use crate::extract::{IdPair, Named};

impl Resource for Queue {
    type Id = QueueId;
    type Settings = QueueSettings;
    type View = QueueView;

    const PATH: &'static str = "queues";
    const OWNED: bool = true;

    fn all(directory: &Directory) -> &[Self] {
        &directory.office().queues
    }

    fn id(&self) -> QueueId {
        self.id
    }

    fn sort_key(&self) -> &str {
        &self.name
    }

    fn settings(&self, _: &Directory) -> QueueSettings {
        QueueSettings::of(self)
    }

    fn build(
        settings: QueueSettings,
        old: Option<&Self>,
        directory: &Directory,
        _: &AppState,
    ) -> ApiResult<Self> {
        settings.build(old, directory)
    }

    fn view(&self, _: &Directory, state: &AppState) -> QueueView {
        let now = alarm::wall();
        state
            .live()
            .view(|view| QueueView::of(self, view.queue(self.id), now))
    }

    fn is_own(&self, own: &Own) -> bool {
        self.agents
            .iter()
            .any(|place| Some(place.agent) == own.agent)
    }

    fn insert<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().queues().create(self).await })
    }

    fn update<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().queues().update(self).await })
    }

    fn delete(id: QueueId, state: &AppState) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { state.store().queues().delete(id).await })
    }
}

office_routes! {
    Queue, QueueSettings, QueueView,
    tag: "Queues", words: "queues", one: "queue", many: "queues",
    list: "/api/v1/queues", item: "/api/v1/queues/{id}", patch: "#/components/schemas/QueuePatch",
}

/// Who waits in a queue, the longest waiting first.
#[utoipa::path(
    get, path = "/api/v1/queues/{id}/callers", tag = "Queues",
    operation_id = "list_queue_callers",
    params(("id" = String, Path, description = "The queue's id.")),
    responses((status = 200, description = "All who wait.", body = List<CallerView>)),
)]
async fn callers(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<Id>,
) -> ApiResult<Json<List<CallerView>>> {
    resource::readable::<Queue>(&state.directory(), &caller, id)?;
    let now = alarm::wall();
    let items = state.live().view(|view| {
        let waiting = view.queue(id).map(LiveQueue::waiting).unwrap_or_default();
        let shown = waiting.iter().enumerate().map(|(at, caller)| CallerView {
            call_id: caller.call,
            from: caller.from.clone(),
            position: at + 1,
            since: caller.since,
            waited: seconds_since(caller.since, now),
        });
        shown.collect()
    });
    Ok(Json(List::whole(items)))
}

/// Who serves a queue, in the order of level and position, with what they are doing.
#[utoipa::path(
    get, path = "/api/v1/queues/{id}/agents", tag = "Queues",
    operation_id = "list_queue_agents",
    params(("id" = String, Path, description = "The queue's id.")),
    responses((status = 200, description = "All who serve it.", body = List<QueueAgentView>)),
)]
async fn agents(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<Id>,
) -> ApiResult<Json<List<QueueAgentView>>> {
    let directory = state.directory();
    let queue = resource::readable::<Queue>(&directory, &caller, id)?;
    let mut places = queue.agents.clone();
    places.sort_by_key(|place| (place.level, place.position, place.agent));
    let shown = places
        .iter()
        .filter_map(|place| place_view(&state, &directory, place));
    Ok(Json(List::whole(shown.collect())))
}

fn place_view(
    state: &AppState,
    directory: &Directory,
    place: &QueueAgent,
) -> Option<QueueAgentView> {
    let agent: AgentView = directory.agent(place.agent)?.view(directory, state);
    Some(QueueAgentView {
        agent_id: agent.id,
        name: agent.name,
        extension: agent.extension,
        level: place.level,
        position: place.position,
        state: agent.state,
        since: agent.since,
    })
}

/// Puts an agent into a queue, or changes their level and position there. Admins only.
#[utoipa::path(
    put, path = "/api/v1/queues/{id}/agents/{agent_id}", tag = "Queues",
    operation_id = "put_queue_agent",
    params(
        ("id" = String, Path, description = "The queue's id."),
        ("agent_id" = String, Path, description = "The agent's id."),
    ),
    request_body = QueueAgentSettings,
    responses(
        (status = 200, description = "The agent's place was changed.", body = QueueAgentView),
        (status = 201, description = "The agent serves the queue now.", body = QueueAgentView),
    ),
)]
async fn put_agent(
    State(state): State<AppState>,
    caller: Caller,
    IdPair(id, agent): IdPair<QueueId, AgentId>,
    ApiJson(settings): ApiJson<QueueAgentSettings>,
) -> ApiResult<Response> {
    caller.needs(Role::Admin)?;
    settings.check()?;
    let _editing = state.edit().await;
    let directory = state.directory();
    let mut queue = resource::find::<Queue>(&directory, id)?.clone();
    if directory.agent(agent).is_none() {
        return Err(ApiError::NotFound(AgentId::NAME));
    }
    let before = queue.agents.len();
    queue.agents.retain(|place| place.agent != agent);
    let was_there = queue.agents.len() < before;
    queue.agents.push(QueueAgent {
        agent,
        level: settings.level,
        position: settings.position,
    });
    queue.update(&state).await?;
    state.changed(Queue::PATH, &id);
    let place = queue.agents.last().ok_or(ApiError::Internal)?;
    let view = place_view(&state, &state.directory(), place).ok_or(ApiError::Internal)?;
    let status = if was_there {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok((status, Json(view)).into_response())
}

/// Takes an agent out of a queue. Admins only.
#[utoipa::path(
    delete, path = "/api/v1/queues/{id}/agents/{agent_id}", tag = "Queues",
    operation_id = "remove_queue_agent",
    params(
        ("id" = String, Path, description = "The queue's id."),
        ("agent_id" = String, Path, description = "The agent's id."),
    ),
    responses((status = 204, description = "The agent no longer serves the queue.")),
)]
async fn remove_agent(
    State(state): State<AppState>,
    caller: Caller,
    IdPair(id, agent): IdPair<QueueId, AgentId>,
) -> ApiResult<StatusCode> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    let mut queue = resource::find::<Queue>(&state.directory(), id)?.clone();
    let before = queue.agents.len();
    queue.agents.retain(|place| place.agent != agent);
    if queue.agents.len() == before {
        return Err(ApiError::NotFound("agent in this queue"));
    }
    queue.update(&state).await?;
    state.changed(Queue::PATH, &id);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    office_router()
        .routes(routes!(callers))
        .routes(routes!(agents))
        .routes(routes!(put_agent, remove_agent))
}
