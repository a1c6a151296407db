//! What the six kinds of things an office is made of have in common: list, create, read, replace,
//! change, remove.
//!
//! Reading is from the snapshot everybody routes by. A change is checked against that snapshot while
//! no other change is under way, then written to the store, which replaces the snapshot.

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use futures::future::BoxFuture;
use offhook_actors::store::StoreError;
use offhook_core::directory::{Directory, Role};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::auth::{Caller, Own};
use crate::dto::list::{List, PageQuery};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Merge, Named, from_value};
use crate::state::AppState;

/// A kind of thing an office is made of.
pub(crate) trait Resource: Clone + Send + Sync + 'static {
    type Id: Named + PartialEq + Send + Sync;
    type Settings: Serialize + DeserializeOwned + Send;
    type View: Serialize + Send;

    /// Its path below `/api/v1/`.
    const PATH: &'static str;
    /// The least role that reads all of them.
    const READ: Role = Role::Supervisor;
    /// Whether lesser roles may read those of their own.
    const OWNED: bool = false;

    fn all(directory: &Directory) -> &[Self];
    fn id(&self) -> Self::Id;
    /// By which lists are sorted; unique with the id.
    fn sort_key(&self) -> &str;
    fn settings(&self, directory: &Directory) -> Self::Settings;
    fn build(
        settings: Self::Settings,
        old: Option<&Self>,
        directory: &Directory,
        state: &AppState,
    ) -> ApiResult<Self>;
    fn view(&self, directory: &Directory, state: &AppState) -> Self::View;
    fn is_own(&self, _own: &Own) -> bool {
        false
    }

    fn insert<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>>;
    fn update<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>>;
    fn delete(id: Self::Id, state: &AppState) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// What a creation answers: 201, where the thing is, and the thing.
pub(crate) type Created<V> = (StatusCode, [(HeaderName, String); 1], Json<V>);

pub(crate) fn created<V>(path: &str, id: &impl ToString, view: V) -> Created<V> {
    let location = format!("/api/v1/{path}/{}", id.to_string());
    (
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(view),
    )
}

pub(crate) fn list<R: Resource>(
    state: &AppState,
    caller: &Caller,
    query: &PageQuery,
) -> ApiResult<Json<List<R::View>>> {
    let directory = state.directory();
    let mut all: Vec<R> = R::all(&directory).to_vec();
    if !caller.role().covers(R::READ) {
        if !R::OWNED {
            caller.needs(R::READ)?;
        }
        let own = caller.own(&directory);
        all.retain(|thing| thing.is_own(&own));
    }
    let key = |thing: &R| format!("{}\n{}", thing.sort_key(), thing.id());
    List::page(all, query, key, |thing| thing.view(&directory, state)).map(Json)
}

pub(crate) fn read<R: Resource>(
    state: &AppState,
    caller: &Caller,
    id: R::Id,
) -> ApiResult<Json<R::View>> {
    let directory = state.directory();
    let thing = readable::<R>(&directory, caller, id)?;
    Ok(Json(thing.view(&directory, state)))
}

/// The thing, if there is one and the caller may read it.
pub(crate) fn readable<'a, R: Resource>(
    directory: &'a Directory,
    caller: &Caller,
    id: R::Id,
) -> ApiResult<&'a R> {
    if !R::OWNED {
        caller.needs(R::READ)?;
    }
    let thing = find::<R>(directory, id)?;
    if caller.role().covers(R::READ) || thing.is_own(&caller.own(directory)) {
        Ok(thing)
    } else {
        Err(ApiError::Forbidden("this is somebody else's"))
    }
}

pub(crate) fn find<R: Resource>(directory: &Directory, id: R::Id) -> ApiResult<&R> {
    R::all(directory)
        .iter()
        .find(|thing| thing.id() == id)
        .ok_or(ApiError::NotFound(R::Id::NAME))
}

pub(crate) async fn create<R: Resource>(
    state: &AppState,
    caller: &Caller,
    settings: R::Settings,
) -> ApiResult<Created<R::View>> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    let thing = R::build(settings, None, &state.directory(), state)?;
    thing.insert(state).await?;
    state.changed(R::PATH, &thing.id());
    let view = thing.view(&state.directory(), state);
    Ok(created(R::PATH, &thing.id(), view))
}

pub(crate) async fn replace<R: Resource>(
    state: &AppState,
    caller: &Caller,
    id: R::Id,
    settings: R::Settings,
) -> ApiResult<Json<R::View>> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    store::<R>(state, id, |_, _| Ok(settings)).await
}

pub(crate) async fn change<R: Resource>(
    state: &AppState,
    caller: &Caller,
    id: R::Id,
    patch: Merge,
) -> ApiResult<Json<R::View>> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    store::<R>(state, id, |old, directory| {
        merged(&old.settings(directory), patch)
    })
    .await
}

/// Settings with a merge patch (RFC 7396) applied.
pub(crate) fn merged<S: Serialize + DeserializeOwned>(settings: &S, patch: Merge) -> ApiResult<S> {
    let mut value = serde_json::to_value(settings).map_err(|_| ApiError::Internal)?;
    merge(&mut value, serde_json::Value::Object(patch.0));
    from_value(value)
}

fn merge(target: &mut serde_json::Value, patch: serde_json::Value) {
    let serde_json::Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = serde_json::Value::Object(serde_json::Map::new());
    }
    let Some(target) = target.as_object_mut() else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(serde_json::Value::Null), value);
        }
    }
}

async fn store<R: Resource>(
    state: &AppState,
    id: R::Id,
    settings: impl FnOnce(&R, &Directory) -> ApiResult<R::Settings>,
) -> ApiResult<Json<R::View>> {
    let directory = state.directory();
    let old = find::<R>(&directory, id)?;
    let settings = settings(old, &directory)?;
    let thing = R::build(settings, Some(old), &directory, state)?;
    thing.update(state).await?;
    state.changed(R::PATH, &id);
    Ok(Json(thing.view(&state.directory(), state)))
}

pub(crate) async fn remove<R: Resource>(
    state: &AppState,
    caller: &Caller,
    id: R::Id,
) -> ApiResult<StatusCode> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    R::delete(id, state).await?;
    state.changed(R::PATH, &id);
    Ok(StatusCode::NO_CONTENT)
}
