//! Which numbers outside go out by which trunks.

use offhook_core::directory::OutboundRoute;
use offhook_core::id::{OutboundRouteId, TrunkId};
use sqlx::{FromRow, SqliteConnection};

use crate::store::{Store, StoreError, column, office, trunks};

/// The outbound routes of the office.
#[derive(Debug, Clone, Copy)]
pub struct OutboundRoutes<'a>(&'a Store);

impl Store {
    /// The outbound routes of the office.
    #[must_use]
    pub fn outbound_routes(&self) -> OutboundRoutes<'_> {
        OutboundRoutes(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    enabled: bool,
    priority: i64,
    patterns: String,
    strip: i64,
    prepend: String,
    permissions: String,
    schedule: Option<String>,
    trunks: String,
    kind: String,
}

impl Row {
    fn route(self) -> Result<OutboundRoute, StoreError> {
        let schedule = self.schedule.as_deref();
        let schedule = schedule.map(|text| column::from_json("outbound_routes.schedule", text));
        Ok(OutboundRoute {
            id: column::id(&self.id)?,
            name: self.name,
            enabled: self.enabled,
            priority: column::count(self.priority)?,
            patterns: column::from_json("outbound_routes.patterns", &self.patterns)?,
            strip: column::count(self.strip)?,
            prepend: self.prepend,
            permissions: column::from_json("outbound_routes.permissions", &self.permissions)?,
            schedule: schedule.transpose()?,
            trunks: column::from_json("outbound_routes.trunks", &self.trunks)?,
            kind: column::from_word("outbound_routes.kind", &self.kind)?,
        })
    }
}

pub(super) async fn all(
    connection: &mut SqliteConnection,
) -> Result<Vec<OutboundRoute>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT * FROM outbound_routes ORDER BY priority, name, id")
            .fetch_all(connection)
            .await?;
    rows.into_iter().map(Row::route).collect()
}

/// Refuses to let a trunk go by which calls still go out.
pub(super) async fn check_trunk_unused(
    connection: &mut SqliteConnection,
    trunk: TrunkId,
) -> Result<(), StoreError> {
    let routes = all(connection).await?;
    match routes.iter().find(|route| route.trunks.contains(&trunk)) {
        None => Ok(()),
        Some(route) => Err(StoreError::InUse {
            by: format!("outbound route {}", route.name),
        }),
    }
}

impl OutboundRoutes<'_> {
    /// Adds a route.
    ///
    /// # Errors
    /// `Conflict` on `name`; `Invalid` names the field.
    pub async fn create(&self, route: &OutboundRoute) -> Result<(), StoreError> {
        let query = "INSERT INTO outbound_routes (name, enabled, priority, patterns, strip, \
                     prepend, permissions, schedule, trunks, kind, id) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        self.write(route, query).await
    }

    /// Replaces a route by its id.
    ///
    /// # Errors
    /// `NotFound`, and as [`create`](Self::create).
    pub async fn update(&self, route: &OutboundRoute) -> Result<(), StoreError> {
        let query = "UPDATE outbound_routes SET name = $1, enabled = $2, priority = $3, \
                     patterns = $4, strip = $5, prepend = $6, permissions = $7, schedule = $8, \
                     trunks = $9, kind = $10 WHERE id = $11";
        self.write(route, query).await
    }

    /// The routes in the order they are looked at.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn all(&self) -> Result<Vec<OutboundRoute>, StoreError> {
        let mut connection = self.0.pool()?.acquire().await?;
        all(&mut connection).await
    }

    /// Removes a route.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, id: OutboundRouteId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        let done = sqlx::query("DELETE FROM outbound_routes WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }

    async fn write(&self, route: &OutboundRoute, query: &'static str) -> Result<(), StoreError> {
        office::check_name("name", &route.name)?;
        if route.patterns.is_empty() {
            return Err(StoreError::invalid("patterns", "must hold at least one"));
        }
        let mut write = self.0.begin().await?;
        for trunk in &route.trunks {
            trunks::check_exists(&mut write, "trunks", *trunk).await?;
        }
        let schedule = route.schedule.as_ref().map(column::json).transpose()?;
        let done = sqlx::query(query)
            .bind(&route.name)
            .bind(route.enabled)
            .bind(i64::from(route.priority))
            .bind(column::json(&route.patterns)?)
            .bind(i64::from(route.strip))
            .bind(&route.prepend)
            .bind(column::json(&route.permissions)?)
            .bind(schedule)
            .bind(column::json(&route.trunks)?)
            .bind(column::word(&route.kind)?)
            .bind(route.id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound {
    what: "outbound route",
};
