//! Users, tokens and oneself, over the wire.

use jiff::Timestamp;
use offhook_actors::store::{Token, User};
use offhook_core::directory::Role;
use offhook_core::{AgentId, ExtensionId, TokenId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;
use crate::error::ApiResult;

/// What a login or token may do; each role may do all that the ones after it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Role)]
pub enum RoleDto {
    /// Everything, the office's set-up and secrets included.
    Admin,
    /// See and steer every call, queue and agent.
    Supervisor,
    /// Answer calls: own agent state and own calls.
    Agent,
    /// An ordinary extension user: own calls.
    User,
}

impl From<Role> for RoleDto {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Supervisor => Self::Supervisor,
            Role::Agent => Self::Agent,
            Role::User => Self::User,
        }
    }
}

impl From<RoleDto> for Role {
    fn from(role: RoleDto) -> Self {
        match role {
            RoleDto::Admin => Self::Admin,
            RoleDto::Supervisor => Self::Supervisor,
            RoleDto::Agent => Self::Agent,
            RoleDto::User => Self::User,
        }
    }
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// Its id.
    #[schema(value_type = String, example = "user_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: UserId,
    /// The login name.
    pub user: String,
    /// The name shown.
    pub name: String,
    /// What they may do.
    pub role: RoleDto,
    /// False: cannot log in, and their tokens do not work.
    pub enabled: bool,
    /// When they were added.
    pub created_at: Timestamp,
}

impl UserView {
    /// How a user is shown.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self {
            id: user.id,
            user: user.name.clone(),
            name: user.display_name.clone(),
            role: user.role.into(),
            enabled: user.enabled,
            created_at: user.created_at,
        }
    }
}

/// What can be set of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSettings {
    /// The login name: 1 to 32 letters, digits, dots, dashes or underscores.
    #[schema(example = "ada")]
    pub user: String,
    /// The name shown; the login name unless said.
    #[serde(default)]
    #[schema(example = "Ada Lovelace")]
    pub name: Option<String>,
    /// What they may do.
    pub role: RoleDto,
    /// The password, 8 to 256 characters. Needed when creating; absent when changing: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub password: Option<String>,
    /// False: cannot log in.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

impl UserSettings {
    /// What would make this user again, but for the password.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self {
            user: user.name.clone(),
            name: Some(user.display_name.clone()),
            role: user.role.into(),
            password: None,
            enabled: user.enabled,
        }
    }

    /// The user these settings make; `now` is when a new one was added.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn build(&self, old: Option<&User>, now: Timestamp) -> ApiResult<User> {
        let mut checks = Checks::default();
        if let Err(error) = offhook_core::number::check_extension(&self.user) {
            checks.wrong("user", error.to_string());
        }
        let name = self.name.as_deref().unwrap_or(&self.user);
        checks.name("name", name);
        match &self.password {
            Some(password) => checks.require(
                (8..=256).contains(&password.len()),
                "password",
                "must have 8 to 256 characters",
            ),
            None => checks.require(old.is_some(), "password", "is missing"),
        }
        checks.finish()?;
        Ok(User {
            id: old.map_or_else(UserId::random, |old| old.id),
            name: self.user.clone(),
            display_name: name.to_owned(),
            role: self.role.into(),
            enabled: self.enabled,
            created_at: old.map_or(now, |old| old.created_at),
        })
    }
}

/// A bearer token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    /// Its id.
    #[schema(value_type = String, example = "token_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: TokenId,
    /// What operators call it.
    pub name: String,
    /// What it may do.
    pub role: RoleDto,
    /// Whose it is; null: a program's.
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops to work; null: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Timestamp>,
}

impl TokenView {
    /// How a token is shown.
    #[must_use]
    pub fn of(token: &Token) -> Self {
        Self {
            id: token.id,
            name: token.name.clone(),
            role: token.role.into(),
            user_id: token.user,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// A token just made. This is the only time its secret is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreatedToken {
    /// The token.
    #[serde(flatten)]
    pub view: TokenView,
    /// Its secret, for `Authorization: Bearer …`.
    #[schema(example = "ofh_…")]
    pub token: String,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// What operators call it.
    #[schema(example = "wallboard")]
    pub name: String,
    /// What it may do; not more than who makes it.
    pub role: RoleDto,
    /// When it stops to work; null: never.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// A login by name and password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The login name.
    #[schema(example = "admin")]
    pub user: String,
    /// The password.
    #[schema(write_only)]
    pub password: String,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Me {
    /// The user the token belongs to; null: a program's token.
    pub user: Option<UserView>,
    /// What the token may do.
    pub role: RoleDto,
    /// The token.
    pub token: TokenView,
    /// The user's extensions.
    pub extensions: Vec<OwnExtension>,
    /// The user's agent.
    #[schema(value_type = Option<String>)]
    pub agent_id: Option<AgentId>,
}

/// An extension of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnExtension {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ExtensionId,
    /// Its number.
    pub extension: String,
}
