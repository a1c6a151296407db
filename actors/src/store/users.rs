//! Who may log in.

use jiff::Timestamp;
use offhook_core::directory::Role;
use offhook_core::id::UserId;
use offhook_core::pii::Secret;
use sqlx::{FromRow, Sqlite, Transaction};

use crate::store::{Listing, Page, Store, StoreError, column, office, secret};

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The login name.
    pub name: String,
    /// The name shown.
    pub display_name: String,
    /// What they may do.
    pub role: Role,
    /// False: cannot log in.
    pub enabled: bool,
    /// When they were added.
    pub created_at: Timestamp,
}

/// The users of the office.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a>(&'a Store);

impl Store {
    /// The users of the office.
    #[must_use]
    pub fn users(&self) -> Users<'_> {
        Users(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    display_name: String,
    role: String,
    enabled: bool,
    password_hash: String,
    created_at: i64,
}

impl Row {
    fn user(self) -> Result<User, StoreError> {
        Ok(User {
            id: column::id(&self.id)?,
            name: self.name,
            display_name: self.display_name,
            role: column::from_word("users.role", &self.role)?,
            enabled: self.enabled,
            created_at: column::time(self.created_at)?,
        })
    }
}

/// Refuses a user who does not exist.
pub(super) async fn check_exists(
    write: &mut Transaction<'static, Sqlite>,
    field: &'static str,
    user: Option<UserId>,
) -> Result<(), StoreError> {
    let Some(id) = user else {
        return Ok(());
    };
    let found: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users WHERE id = $1")
        .bind(id.to_string())
        .fetch_one(&mut **write)
        .await?;
    if found == 0 {
        return Err(StoreError::invalid(field, format!("no user {id}")));
    }
    Ok(())
}

impl Users<'_> {
    /// Adds a user.
    ///
    /// # Errors
    /// `Conflict` on `name`; `Invalid` names the field.
    pub async fn create(&self, user: &User, password: &Secret) -> Result<(), StoreError> {
        check(user)?;
        check_password(password)?;
        let hash = secret::hash_password(password.clone()).await?;
        sqlx::query(
            "INSERT INTO users (name, display_name, role, enabled, password_hash, created_at, id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&user.name)
        .bind(&user.display_name)
        .bind(column::word(&user.role)?)
        .bind(user.enabled)
        .bind(hash)
        .bind(column::micros(user.created_at))
        .bind(user.id.to_string())
        .execute(&self.0.pool()?)
        .await?;
        Ok(())
    }

    /// Replaces a user by its id; the password and the time of creation stay.
    ///
    /// # Errors
    /// `NotFound`, and as [`create`](Self::create).
    pub async fn update(&self, user: &User) -> Result<(), StoreError> {
        check(user)?;
        let done = sqlx::query(
            "UPDATE users SET name = $1, display_name = $2, role = $3, enabled = $4 WHERE id = $5",
        )
        .bind(&user.name)
        .bind(&user.display_name)
        .bind(column::word(&user.role)?)
        .bind(user.enabled)
        .bind(user.id.to_string())
        .execute(&self.0.pool()?)
        .await?;
        found(done.rows_affected())
    }

    /// Sets another password.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` on `password`.
    pub async fn set_password(&self, id: UserId, password: &Secret) -> Result<(), StoreError> {
        check_password(password)?;
        let hash = secret::hash_password(password.clone()).await?;
        let done = sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2")
            .bind(hash)
            .bind(id.to_string())
            .execute(&self.0.pool()?)
            .await?;
        found(done.rows_affected())
    }

    /// The enabled user with this name and password; none if either is wrong, and it takes as long
    /// to find that out for an unknown name as for a wrong password.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn authenticate(
        &self,
        name: &str,
        password: &Secret,
    ) -> Result<Option<User>, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM users WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.0.pool()?)
            .await?;
        let Some(row) = row else {
            secret::hash_password(password.clone()).await?;
            return Ok(None);
        };
        let fits = secret::verify_password(password.clone(), row.password_hash.clone()).await?;
        if fits && row.enabled {
            row.user().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The user with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: UserId) -> Result<User, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM users WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.pool()?)
            .await?;
        row.ok_or(NOT_FOUND)?.user()
    }

    /// The users in order of their names.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(&self, page: &Page) -> Result<Listing<User>, StoreError> {
        let (name, id) = page.after_text()?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM users WHERE (name, id) > ($1, $2) ORDER BY name, id LIMIT $3",
        )
        .bind(name)
        .bind(id)
        .bind(page.fetch())
        .fetch_all(&self.0.pool()?)
        .await?;
        let items: Result<Vec<_>, _> = rows.into_iter().map(Row::user).collect();
        Ok(Listing::of(items?, page, |user| {
            (user.name.clone(), user.id.to_string())
        }))
    }

    /// Removes a user and their tokens.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while an extension or agent is theirs.
    pub async fn delete(&self, id: UserId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        let by: Option<String> = sqlx::query_scalar(
            "SELECT 'extension ' || number FROM extensions WHERE user_id = $1 \
             UNION ALL SELECT 'agent ' || name FROM agents WHERE user_id = $1 LIMIT 1",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *write)
        .await?;
        if let Some(by) = by {
            return Err(StoreError::InUse { by });
        }
        let done = sqlx::query("DELETE FROM users WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        found(done.rows_affected())?;
        Ok(write.commit().await?)
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "user" };

fn found(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(NOT_FOUND) } else { Ok(()) }
}

fn check(user: &User) -> Result<(), StoreError> {
    office::check_name("name", &user.name)?;
    office::check_name("display_name", &user.display_name)
}

fn check_password(password: &Secret) -> Result<(), StoreError> {
    if (8..=256).contains(&password.expose().len()) {
        return Ok(());
    }
    Err(StoreError::invalid(
        "password",
        "must have from 8 to 256 characters",
    ))
}
