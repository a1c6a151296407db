//! `/api/v1/sounds`

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use futures::StreamExt;
use offhook_actors::library::LibraryError;
use offhook_core::directory::{MusicClass, SoundFile};
use offhook_core::{MusicClassId, SoundId};
use serde::Deserialize;

use super::prelude::*;
use crate::auth::StreamCaller;
use crate::download;
use crate::dto::sound::SoundView;

const TAG: &str = "Sounds";

/// What an upload is called.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    /// The name of the new sound.
    #[param(example = "office/welcome")]
    name: String,
}

/// Which form of a sound is wanted.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct AudioQuery {
    /// As it was uploaded, instead of as callers hear it.
    #[serde(default)]
    original: bool,
}

type Created = (StatusCode, [(HeaderName, String); 1], Json<SoundView>);

/// Lists uploaded sounds, the pieces of hold music among them. Supervisors only.
#[utoipa::path(
    get, path = "/api/v1/sounds", tag = TAG, operation_id = "list_sounds",
    params(PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<SoundView>)),
)]
async fn list_sounds(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> ApiResult<Json<List<SoundView>>> {
    caller.needs(Role::Supervisor)?;
    let all = state.directory().office().sounds.clone();
    let key = |sound: &SoundFile| format!("{}\n{}", sound.name, sound.id);
    List::page(all, &query, key, |sound| SoundView::of(&sound)).map(Json)
}

/// Uploads a prompt. Admins only.
///
/// The body is the file itself: WAV, MP3, FLAC, OGG/Vorbis or OGG/Opus. It is checked (format,
/// length, silence, clipping), its loudness is brought to -23 LUFS, and it can be played when this
/// answers. The original is kept.
#[utoipa::path(
    post, path = "/api/v1/sounds", tag = TAG, operation_id = "upload_prompt",
    params(UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "It can be played.", body = SoundView)),
)]
async fn upload_prompt(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<UploadQuery>,
    body: Body,
) -> ApiResult<Created> {
    caller.needs(Role::Admin)?;
    take(&state, query, None, body).await
}

/// Uploads a piece of hold music. Admins only; see the upload of prompts.
#[utoipa::path(
    post, path = "/api/v1/music-classes/{id}/sounds", tag = TAG, operation_id = "upload_music",
    params(("id" = String, Path, description = "The class's id."), UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "It is played.", body = SoundView)),
)]
async fn upload_music(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(class): IdPath<MusicClassId>,
    ApiQuery(query): ApiQuery<UploadQuery>,
    body: Body,
) -> ApiResult<Created> {
    caller.needs(Role::Admin)?;
    resource::find::<MusicClass>(&state.directory(), class)?;
    take(&state, query, Some(class), body).await
}

async fn take(
    state: &AppState,
    query: UploadQuery,
    class: Option<MusicClassId>,
    body: Body,
) -> ApiResult<Created> {
    let library = state.floor().library();
    let mut upload = library.upload().await?;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        upload
            .write(&chunk.map_err(|_| ApiError::BrokenBody)?)
            .await?;
    }
    let sound = library.add(upload, &query.name, class).await?;
    state.changed("sounds", &sound.id);
    Ok(resource::created(
        "sounds",
        &sound.id,
        SoundView::of(&sound),
    ))
}

/// Reads what is known about a sound. Supervisors only.
#[utoipa::path(
    get, path = "/api/v1/sounds/{id}", tag = TAG, operation_id = "read_sound",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The sound.", body = SoundView)),
)]
async fn read(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<SoundId>,
) -> ApiResult<Json<SoundView>> {
    caller.needs(Role::Supervisor)?;
    Ok(Json(SoundView::of(&find(&state, id)?)))
}

/// Removes a sound and its files. Admins only; refused while a menu speaks it.
#[utoipa::path(
    delete, path = "/api/v1/sounds/{id}", tag = TAG, operation_id = "remove_sound",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 204, description = "It is gone.")),
)]
async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<SoundId>,
) -> ApiResult<StatusCode> {
    caller.needs(Role::Admin)?;
    let sound = find(&state, id)?;
    state.floor().library().remove(&sound).await?;
    state.changed("sounds", &id);
    Ok(StatusCode::NO_CONTENT)
}

/// The sound as callers hear it, a WAV file, or as it was uploaded. Supervisors only.
///
/// Takes single byte ranges. Audio elements cannot send headers: the token may stand in
/// `access_token`.
#[utoipa::path(
    get, path = "/api/v1/sounds/{id}/audio", tag = TAG, operation_id = "hear_sound",
    params(
        ("id" = String, Path, description = "Its id."),
        AudioQuery,
        ("access_token" = Option<String>, Query, description = "The token, if not in a header."),
        ("Range" = Option<String>, Header, description = "Which bytes.", example = "bytes=0-43"),
    ),
    responses(
        (status = 200, description = "All of it.", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The bytes asked for.", body = Vec<u8>, content_type = "audio/wav"),
    ),
)]
async fn audio(
    State(state): State<AppState>,
    StreamCaller(caller): StreamCaller,
    IdPath(id): IdPath<SoundId>,
    ApiQuery(query): ApiQuery<AudioQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    caller.needs(Role::Supervisor)?;
    let sound = find(&state, id)?;
    let library = state.floor().library();
    if !query.original {
        let path = library.prepared(&sound);
        return download::file(&path, "audio/wav", &format!("{id}.wav"), &headers).await;
    }
    let content_type = match sound.format.as_str() {
        "mp3" => "audio/mpeg",
        "flac" => "audio/flac",
        "ogg" | "opus" => "audio/ogg",
        _ => "audio/wav",
    };
    let name = format!("{id}.{}", sound.format);
    download::file(&library.original(&sound), content_type, &name, &headers).await
}

fn find(state: &AppState, id: SoundId) -> ApiResult<SoundFile> {
    let directory = state.directory();
    let sound = directory
        .office()
        .sounds
        .iter()
        .find(|sound| sound.id == id);
    sound.cloned().ok_or(ApiError::NotFound("sound"))
}

impl From<LibraryError> for ApiError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Store(error) => error.into(),
            LibraryError::Audio(error) => Self::invalid("file", error.to_string()),
            LibraryError::TooLarge(_) => Self::TooLarge,
            LibraryError::NoMemory(_) | LibraryError::DiskFull => Self::NoSpace(error.to_string()),
            LibraryError::Disk(_) | _ => {
                tracing::warn!(%error, "an upload failed");
                Self::Unavailable(error.to_string())
            }
        }
    }
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_sounds, upload_prompt))
        .routes(routes!(upload_music))
        .routes(routes!(read, remove))
        .routes(routes!(audio))
}
