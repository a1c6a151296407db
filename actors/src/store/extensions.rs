//! Internal numbers with SIP credentials.

use offhook_core::directory::Extension;
use offhook_core::id::ExtensionId;
use offhook_core::recording::AudioFormat;
use sqlx::{FromRow, SqliteConnection};

use crate::store::numbers::{self, Owner};
use crate::store::office::{self, Target};
use crate::store::secret::Vault;
use crate::store::{Listing, Page, Store, StoreError, column};

/// The extensions of the office.
#[derive(Debug, Clone, Copy)]
pub struct Extensions<'a>(&'a Store);

impl Store {
    /// The extensions of the office.
    #[must_use]
    pub fn extensions(&self) -> Extensions<'_> {
        Extensions(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    number: String,
    name: String,
    user_id: Option<String>,
    kind: String,
    enabled: bool,
    password: String,
    ring_timeout: i64,
    incoming_limit: i64,
    permissions: String,
    countries: String,
    srtp: Option<String>,
    hold_music: Option<String>,
    record_enabled: bool,
    record_format: Option<String>,
    record_stereo: Option<bool>,
}

impl Row {
    fn extension(self, vault: &Vault) -> Result<Extension, StoreError> {
        Ok(Extension {
            id: column::id(&self.id)?,
            number: self.number,
            name: self.name,
            user: column::optional_id(self.user_id.as_deref())?,
            kind: column::from_word("extensions.kind", &self.kind)?,
            enabled: self.enabled,
            password: vault.unseal(&self.password)?,
            ring_timeout: column::duration(self.ring_timeout)?,
            incoming_limit: column::count(self.incoming_limit)?,
            permissions: column::from_json("extensions.permissions", &self.permissions)?,
            countries: self
                .countries
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            srtp: self
                .srtp
                .map(|word| column::from_word("extensions.srtp", &word))
                .transpose()?,
            hold_music: self.hold_music,
            record: self.record_enabled,
            record_style: column::own_style(self.record_format, self.record_stereo)?,
        })
    }
}

pub(super) async fn all(
    connection: &mut SqliteConnection,
    vault: &Vault,
) -> Result<Vec<Extension>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM extensions ORDER BY number, id")
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(|row| row.extension(vault)).collect()
}

impl Extensions<'_> {
    /// Adds an extension.
    ///
    /// # Errors
    /// `Conflict` on `number`; `Invalid` names the field.
    pub async fn create(&self, extension: &Extension) -> Result<(), StoreError> {
        self.write(
            extension,
            "INSERT INTO extensions (number, name, user_id, kind, enabled, password, \
             ring_timeout, incoming_limit, permissions, countries, srtp, hold_music, \
             record_enabled, record_format, record_stereo, id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        )
        .await
    }

    /// Replaces an extension by its id.
    ///
    /// # Errors
    /// `NotFound`, and as [`create`](Self::create).
    pub async fn update(&self, extension: &Extension) -> Result<(), StoreError> {
        self.write(
            extension,
            "UPDATE extensions SET number = $1, name = $2, user_id = $3, kind = $4, enabled = $5, \
             password = $6, ring_timeout = $7, incoming_limit = $8, permissions = $9, \
             countries = $10, srtp = $11, hold_music = $12, record_enabled = $13, \
             record_format = $14, record_stereo = $15 WHERE id = $16",
        )
        .await
    }

    /// The extension with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: ExtensionId) -> Result<Extension, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM extensions WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.pool()?)
            .await?;
        row.ok_or(NOT_FOUND)?.extension(&self.0.0.vault)
    }

    /// The extensions in order of their numbers.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(&self, page: &Page) -> Result<Listing<Extension>, StoreError> {
        let (number, id) = page.after_text()?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM extensions WHERE (number, id) > ($1, $2) ORDER BY number, id LIMIT $3",
        )
        .bind(number)
        .bind(id)
        .bind(page.fetch())
        .fetch_all(&self.0.pool()?)
        .await?;
        let items: Result<Vec<_>, _> = rows
            .into_iter()
            .map(|row| row.extension(&self.0.0.vault))
            .collect();
        Ok(Listing::of(items?, page, |extension| {
            (extension.number.clone(), extension.id.to_string())
        }))
    }

    /// Removes an extension.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while an agent works there or calls are sent there.
    pub async fn delete(&self, id: ExtensionId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        office::check_unused(&mut write, Target::Extension(id)).await?;
        let agent: Option<String> =
            sqlx::query_scalar("SELECT name FROM agents WHERE extension_id = $1")
                .bind(id.to_string())
                .fetch_optional(&mut *write)
                .await?;
        if let Some(name) = agent {
            return Err(StoreError::InUse {
                by: format!("agent {name}"),
            });
        }
        let done = sqlx::query("DELETE FROM extensions WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }

    async fn write(&self, extension: &Extension, query: &'static str) -> Result<(), StoreError> {
        check(extension)?;
        let mut write = self.0.begin().await?;
        super::users::check_exists(&mut write, "user", extension.user).await?;
        let id = extension.id.to_string();
        let done = sqlx::query(query)
            .bind(&extension.number)
            .bind(&extension.name)
            .bind(extension.user.map(|user| user.to_string()))
            .bind(column::word(&extension.kind)?)
            .bind(extension.enabled)
            .bind(self.0.0.vault.seal(&extension.password))
            .bind(column::millis(extension.ring_timeout))
            .bind(i64::from(extension.incoming_limit))
            .bind(column::json(&extension.permissions)?)
            .bind(extension.countries.join(" "))
            .bind(extension.srtp.map(|srtp| column::word(&srtp)).transpose()?)
            .bind(&extension.hold_music)
            .bind(extension.record)
            .bind(extension.record_style.format.map(AudioFormat::as_str))
            .bind(column::stereo(extension.record_style))
            .bind(&id)
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        let owner = Owner::Extension(&id);
        numbers::claim(&mut write, owner, Some(&extension.number), "number").await?;
        self.0.commit(write).await
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "extension" };

fn check(extension: &Extension) -> Result<(), StoreError> {
    offhook_core::number::check_extension(&extension.number)
        .map_err(|error| StoreError::invalid("number", error.to_string()))?;
    office::check_name("name", &extension.name)?;
    office::check_duration("ring_timeout", extension.ring_timeout, 1..=3600)?;
    let length = extension.password.expose().len();
    if !(8..=128).contains(&length) {
        return Err(StoreError::invalid(
            "password",
            "must have from 8 to 128 characters",
        ));
    }
    Ok(())
}
