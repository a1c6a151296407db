//! The holder of a token.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use offhook_actors::alarm;
use offhook_actors::store::Token;
use offhook_core::directory::{Directory, Role};
use offhook_core::live::LiveCall;
use offhook_core::{AgentId, ExtensionId};

use crate::auth::Source;
use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// Who is asking. Taking one as an argument makes a route need a token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The token shown.
    pub token: Token,
}

/// As [`Caller`], for routes that browsers can only open without headers: the token may stand in the
/// query.
#[derive(Debug, Clone)]
pub struct StreamCaller(pub Caller);

/// What belongs to the holder of a token: their extensions and their agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Their extensions.
    pub extensions: Vec<ExtensionId>,
    /// The numbers of these.
    pub numbers: Vec<String>,
    /// Their agent: of their user, or at one of their extensions.
    pub agent: Option<AgentId>,
}

impl Caller {
    /// What the token may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.token.role
    }

    /// Refuses a token that may do less than `needed`.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`].
    pub fn needs(&self, needed: Role) -> ApiResult<()> {
        if self.role().covers(needed) {
            return Ok(());
        }
        Err(ApiError::Forbidden(match needed {
            Role::Admin => "this needs an admin's token",
            Role::Supervisor => "this needs a supervisor's or an admin's token",
            Role::Agent => "this needs an agent's token",
            Role::User => "this needs a token",
        }))
    }

    /// Whether the token may see and steer what belongs to anybody.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.role().covers(Role::Supervisor)
    }

    /// What belongs to the holder. A program's token owns nothing.
    #[must_use]
    pub fn own(&self, directory: &Directory) -> Own {
        let Some(user) = self.token.user else {
            return Own::default();
        };
        let office = directory.office();
        let agent = office.agents.iter().find(|agent| agent.user == Some(user));
        let mut own = Own {
            agent: agent.map(|agent| agent.id),
            ..Own::default()
        };
        for extension in &office.extensions {
            let works_there = agent.is_some_and(|agent| agent.extension == extension.id);
            if extension.user == Some(user) || works_there {
                own.extensions.push(extension.id);
                own.numbers.push(extension.number.clone());
                own.agent = own
                    .agent
                    .or_else(|| directory.agent_at(extension.id).map(|agent| agent.id));
            }
        }
        own
    }
}

impl Own {
    /// Whether the holder is a party of this call.
    #[must_use]
    pub fn is_party(&self, call: &LiveCall) -> bool {
        call.legs.iter().any(|leg| {
            let at_own = |number: &String| self.numbers.contains(number);
            leg.extension.as_ref().is_some_and(at_own)
                || (leg.agent.is_some() && leg.agent == self.agent)
        })
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let secret = bearer(parts);
        identify(parts, state, secret).await
    }
}

impl FromRequestParts<AppState> for StreamCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Self> {
        let secret = bearer(parts).or_else(|| in_query(parts));
        identify(parts, state, secret).await.map(Self)
    }
}

fn bearer(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| secret.trim().to_owned())
}

fn in_query(parts: &Parts) -> Option<String> {
    let query = parts.uri.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "access_token")
        .map(|(_, secret)| secret.into_owned())
}

async fn identify(
    parts: &mut Parts,
    state: &AppState,
    secret: Option<String>,
) -> ApiResult<Caller> {
    let Some(secret) = secret else {
        return Err(ApiError::Unauthenticated(
            "this needs a token: Authorization: Bearer TOKEN",
        ));
    };
    if let Some(token) = state.store().tokens().authenticate(&secret).await? {
        return Ok(Caller { token });
    }
    // A right token is let in from anywhere, or a stranger behind the same address could lock
    // others out; a wrong one is counted.
    let Ok(Source(source)) = Source::from_request_parts(parts, state).await;
    let now = alarm::now();
    if let Some(left) = state.failures().blocked(now, source) {
        return Err(ApiError::TooManyFailures(left.as_secs() + 1));
    }
    state.failures().failed(now, source);
    Err(ApiError::Unauthenticated(
        "this token is wrong, expired or revoked",
    ))
}
