//! Links to carriers and other exchanges.

use std::time::Duration;

use offhook_core::directory::{
    CallerPresentation, Destination, EarlyMedia, NumberPlan, Trunk, TrunkInbound, TrunkMode,
    TrunkQualify, TrunkRegistration,
};
use offhook_core::id::TrunkId;
use offhook_core::pii::Secret;
use offhook_core::sdp::{Codec, SrtpPolicy};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, Sqlite, SqliteConnection, Transaction};

use crate::store::secret::Vault;
use crate::store::{Listing, Page, Store, StoreError, column, office, outbound_routes};

/// The trunks of the office.
#[derive(Debug, Clone, Copy)]
pub struct Trunks<'a>(&'a Store);

impl Store {
    /// The trunks of the office.
    #[must_use]
    pub fn trunks(&self) -> Trunks<'_> {
        Trunks(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    enabled: bool,
    host: Option<String>,
    port: i64,
    transport: String,
    trusted: String,
    username: Option<String>,
    password: Option<String>,
    caller_id: Option<String>,
    outbound_prefix: Option<String>,
    max_calls: i64,
    settings: String,
}

/// What stands in the column `settings`; what is missing there has its default.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    mode: TrunkMode,
    outbound_proxy: Option<String>,
    registration: TrunkRegistration,
    inbound: TrunkInbound,
    auth_username: Option<String>,
    qualify: TrunkQualify,
    caller: CallerPresentation,
    numbers: NumberPlan,
    calls_per_second: u32,
    codecs: Vec<Codec>,
    srtp: Option<SrtpPolicy>,
    early_media: EarlyMedia,
    session_expires: Option<Duration>,
}

impl Settings {
    fn of(trunk: &Trunk) -> Self {
        Self {
            mode: trunk.mode,
            outbound_proxy: trunk.outbound_proxy.clone(),
            registration: trunk.registration.clone(),
            inbound: trunk.inbound.clone(),
            auth_username: trunk.auth_username.clone(),
            qualify: trunk.qualify,
            caller: trunk.caller.clone(),
            numbers: trunk.numbers.clone(),
            calls_per_second: trunk.calls_per_second,
            codecs: trunk.codecs.clone(),
            srtp: trunk.srtp,
            early_media: trunk.early_media,
            session_expires: trunk.session_expires,
        }
    }
}

impl Row {
    fn trunk(self, vault: &Vault) -> Result<Trunk, StoreError> {
        let port = u16::try_from(self.port).map_err(|_| StoreError::corrupt("trunks.port"))?;
        let password = self.password.map(|sealed| vault.unseal(&sealed));
        let settings: Settings = column::from_json("trunks.settings", &self.settings)?;
        Ok(Trunk {
            id: column::id(&self.id)?,
            name: self.name,
            enabled: self.enabled,
            host: self.host,
            port: (port > 0).then_some(port),
            transport: column::from_word("trunks.transport", &self.transport)?,
            trusted: column::from_json("trunks.trusted", &self.trusted)?,
            username: self.username,
            password: password.transpose()?,
            caller_id: self.caller_id,
            outbound_prefix: self.outbound_prefix,
            max_calls: column::count(self.max_calls)?,
            mode: settings.mode,
            outbound_proxy: settings.outbound_proxy,
            registration: settings.registration,
            inbound: settings.inbound,
            auth_username: settings.auth_username,
            qualify: settings.qualify,
            caller: settings.caller,
            numbers: settings.numbers,
            calls_per_second: settings.calls_per_second,
            codecs: settings.codecs,
            srtp: settings.srtp,
            early_media: settings.early_media,
            session_expires: settings.session_expires,
        })
    }
}

pub(super) async fn all(
    connection: &mut SqliteConnection,
    vault: &Vault,
) -> Result<Vec<Trunk>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM trunks ORDER BY name, id")
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(|row| row.trunk(vault)).collect()
}

/// Where trunks send calls to numbers that no DID has, with the trunks' names.
pub(super) async fn default_destinations(
    connection: &mut SqliteConnection,
) -> Result<Vec<(String, Destination)>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, settings FROM trunks ORDER BY name, id")
            .fetch_all(connection)
            .await?;
    let mut all = Vec::new();
    for (name, settings) in rows {
        let settings: Settings = column::from_json("trunks.settings", &settings)?;
        all.extend(settings.inbound.default_destination.map(|to| (name, to)));
    }
    Ok(all)
}

pub(super) async fn check_exists(
    write: &mut Transaction<'static, Sqlite>,
    field: &'static str,
    id: TrunkId,
) -> Result<(), StoreError> {
    let found: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM trunks WHERE id = $1")
        .bind(id.to_string())
        .fetch_one(&mut **write)
        .await?;
    if found == 0 {
        return Err(StoreError::invalid(field, format!("no trunk {id}")));
    }
    Ok(())
}

impl Trunks<'_> {
    /// Adds a trunk.
    ///
    /// # Errors
    /// `Conflict` on `name`; `Invalid` names the field.
    pub async fn create(&self, trunk: &Trunk) -> Result<(), StoreError> {
        self.write(
            trunk,
            "INSERT INTO trunks (name, enabled, host, port, transport, trusted, username, \
             password, caller_id, outbound_prefix, max_calls, settings, id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .await
    }

    /// Replaces a trunk by its id.
    ///
    /// # Errors
    /// `NotFound`, and as [`create`](Self::create).
    pub async fn update(&self, trunk: &Trunk) -> Result<(), StoreError> {
        self.write(
            trunk,
            "UPDATE trunks SET name = $1, enabled = $2, host = $3, port = $4, transport = $5, \
             trusted = $6, username = $7, password = $8, caller_id = $9, outbound_prefix = $10, \
             max_calls = $11, settings = $12 WHERE id = $13",
        )
        .await
    }

    /// The trunk with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: TrunkId) -> Result<Trunk, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM trunks WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.pool()?)
            .await?;
        row.ok_or(NOT_FOUND)?.trunk(&self.0.0.vault)
    }

    /// The trunks in order of their names.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(&self, page: &Page) -> Result<Listing<Trunk>, StoreError> {
        let (name, id) = page.after_text()?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM trunks WHERE (name, id) > ($1, $2) ORDER BY name, id LIMIT $3",
        )
        .bind(name)
        .bind(id)
        .bind(page.fetch())
        .fetch_all(&self.0.pool()?)
        .await?;
        let items: Result<Vec<_>, _> = rows
            .into_iter()
            .map(|row| row.trunk(&self.0.0.vault))
            .collect();
        Ok(Listing::of(items?, page, |trunk| {
            (trunk.name.clone(), trunk.id.to_string())
        }))
    }

    /// Removes a trunk.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while a DID belongs to it.
    pub async fn delete(&self, id: TrunkId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        outbound_routes::check_trunk_unused(&mut write, id).await?;
        let did: Option<String> =
            sqlx::query_scalar("SELECT number FROM dids WHERE trunk_id = $1 ORDER BY number")
                .bind(id.to_string())
                .fetch_optional(&mut *write)
                .await?;
        if let Some(number) = did {
            return Err(StoreError::InUse {
                by: format!("DID {number}"),
            });
        }
        let done = sqlx::query("DELETE FROM trunks WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }

    async fn write(&self, trunk: &Trunk, query: &'static str) -> Result<(), StoreError> {
        check(trunk)?;
        let vault = &self.0.0.vault;
        let mut write = self.0.begin().await?;
        if let Some(destination) = &trunk.inbound.default_destination {
            office::check_destination(&mut write, "default_destination", destination).await?;
        }
        let done = sqlx::query(query)
            .bind(&trunk.name)
            .bind(trunk.enabled)
            .bind(&trunk.host)
            .bind(i64::from(trunk.port.unwrap_or(0)))
            .bind(column::word(&trunk.transport)?)
            .bind(column::json(&trunk.trusted)?)
            .bind(&trunk.username)
            .bind(trunk.password.as_ref().map(|secret| vault.seal(secret)))
            .bind(&trunk.caller_id)
            .bind(&trunk.outbound_prefix)
            .bind(i64::from(trunk.max_calls))
            .bind(column::json(&Settings::of(trunk))?)
            .bind(trunk.id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "trunk" };

fn check(trunk: &Trunk) -> Result<(), StoreError> {
    office::check_name("name", &trunk.name)?;
    if trunk.port == Some(0) {
        return Err(StoreError::invalid("port", "must be from 1 to 65535"));
    }
    for (field, text) in [
        ("host", &trunk.host),
        ("username", &trunk.username),
        ("auth_username", &trunk.auth_username),
        ("domain", &trunk.caller.domain),
        ("caller_id", &trunk.caller_id),
        ("outbound_prefix", &trunk.outbound_prefix),
    ] {
        if let Some(text) = text {
            check_word(field, text)?;
        }
    }
    if trunk.password.as_ref().is_some_and(empty) {
        return Err(StoreError::invalid("password", "must not be empty"));
    }
    Ok(())
}

fn empty(secret: &Secret) -> bool {
    secret.expose().is_empty()
}

/// Refuses what would break a SIP header it is written into.
fn check_word(field: &'static str, text: &str) -> Result<(), StoreError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ';');
    if text.is_empty() || text.len() > 255 {
        return Err(StoreError::invalid(
            field,
            "must have from 1 to 255 characters",
        ));
    }
    if text.chars().any(odd) {
        return Err(StoreError::invalid(
            field,
            "must hold neither spaces, quotes, semicolons nor angle brackets",
        ));
    }
    Ok(())
}
