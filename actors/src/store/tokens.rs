//! Bearer tokens of the API.

use jiff::Timestamp;
use offhook_core::directory::Role;
use offhook_core::id::{TokenId, UserId};
use offhook_core::pii::Secret;
use sqlx::FromRow;

use crate::alarm;
use crate::store::{Listing, Page, Store, StoreError, column, office, secret, users};

/// How much later than the last noted use a use is noted again, in seconds: a client that asks every
/// second shall not write every second.
const USE_NOTED_EVERY: i64 = 60;

/// A bearer token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What operators call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose it is; none: a program's.
    pub user: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops to work; none: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Timestamp>,
}

/// What a new token shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What operators call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose it is; none: a program's.
    pub user: Option<UserId>,
    /// When it stops to work; none: never.
    pub expires_at: Option<Timestamp>,
}

/// The tokens of the office.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a>(&'a Store);

impl Store {
    /// The tokens of the office.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    role: String,
    user_id: Option<String>,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl Row {
    fn token(self) -> Result<Token, StoreError> {
        Ok(Token {
            id: column::id(&self.id)?,
            name: self.name,
            role: column::from_word("tokens.role", &self.role)?,
            user: column::optional_id(self.user_id.as_deref())?,
            created_at: column::time(self.created_at)?,
            expires_at: self.expires_at.map(column::time).transpose()?,
            last_used_at: self.last_used_at.map(column::time).transpose()?,
        })
    }
}

impl Tokens<'_> {
    /// Makes a token. Its secret is returned here and never again.
    ///
    /// # Errors
    /// `Invalid` names the field.
    pub async fn create(&self, new: NewToken) -> Result<(Token, Secret), StoreError> {
        office::check_name("name", &new.name)?;
        let secret = secret::generate_token();
        let created_at = column::time(column::micros(alarm::wall()))?;
        let token = Token {
            id: TokenId::random(),
            name: new.name,
            role: new.role,
            user: new.user,
            created_at,
            expires_at: new.expires_at,
            last_used_at: None,
        };
        let mut write = self.0.begin().await?;
        users::check_exists(&mut write, "user", token.user).await?;
        sqlx::query(
            "INSERT INTO tokens (id, name, hash, role, user_id, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(token.id.to_string())
        .bind(&token.name)
        .bind(secret::token_hash(secret.expose()))
        .bind(column::word(&token.role)?)
        .bind(token.user.map(|user| user.to_string()))
        .bind(column::micros(token.created_at))
        .bind(token.expires_at.map(column::micros))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok((token, secret))
    }

    /// The token with this secret; none if there is none, it has expired, or its user is disabled.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<Token>, StoreError> {
        let pool = self.0.pool()?;
        let row: Option<Row> = sqlx::query_as(
            "SELECT tokens.* FROM tokens LEFT JOIN users ON users.id = tokens.user_id \
             WHERE hash = $1 AND (user_id IS NULL OR users.enabled)",
        )
        .bind(secret::token_hash(secret))
        .fetch_optional(&pool)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let token = row.token()?;
        let now = alarm::wall();
        if token.expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        let noted = token.last_used_at;
        let writable = self.0.0.database.problem().is_none();
        if writable && noted.is_none_or(|at| now.duration_since(at).as_secs() >= USE_NOTED_EVERY) {
            let note = sqlx::query("UPDATE tokens SET last_used_at = $1 WHERE id = $2")
                .bind(column::micros(now))
                .bind(token.id.to_string())
                .execute(&pool)
                .await;
            if let Err(error) = note {
                // Whoever holds the token may read on even if the database cannot be written.
                tracing::debug!(%error, "the use of a token was not noted");
            }
        }
        Ok(Some(token))
    }

    /// The token with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: TokenId) -> Result<Token, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM tokens WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.pool()?)
            .await?;
        row.ok_or(NOT_FOUND)?.token()
    }

    /// The tokens in order of their names.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(&self, page: &Page) -> Result<Listing<Token>, StoreError> {
        let (name, id) = page.after_text()?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM tokens WHERE (name, id) > ($1, $2) ORDER BY name, id LIMIT $3",
        )
        .bind(name)
        .bind(id)
        .bind(page.fetch())
        .fetch_all(&self.0.pool()?)
        .await?;
        let items: Result<Vec<_>, _> = rows.into_iter().map(Row::token).collect();
        Ok(Listing::of(items?, page, |token| {
            (token.name.clone(), token.id.to_string())
        }))
    }

    /// Removes a token; it stops to work at once.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, id: TokenId) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM tokens WHERE id = $1")
            .bind(id.to_string())
            .execute(&self.0.pool()?)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        Ok(())
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "token" };
