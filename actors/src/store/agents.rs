//! Who serves callers.

use offhook_core::directory::Agent;
use offhook_core::id::AgentId;
use sqlx::{FromRow, SqliteConnection};

use crate::store::{Listing, Page, Store, StoreError, column, office, users};

/// The agents of the office.
#[derive(Debug, Clone, Copy)]
pub struct Agents<'a>(&'a Store);

impl Store {
    /// The agents of the office.
    #[must_use]
    pub fn agents(&self) -> Agents<'_> {
        Agents(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    extension_id: String,
    user_id: Option<String>,
    max_missed: i64,
}

impl Row {
    fn agent(self) -> Result<Agent, StoreError> {
        Ok(Agent {
            id: column::id(&self.id)?,
            name: self.name,
            extension: column::id(&self.extension_id)?,
            user: column::optional_id(self.user_id.as_deref())?,
            max_missed: column::count(self.max_missed)?,
        })
    }
}

pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Agent>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM agents ORDER BY name, id")
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Row::agent).collect()
}

impl Agents<'_> {
    /// Adds an agent.
    ///
    /// # Errors
    /// `Conflict` on `extension` if another agent works there; `Invalid` names the field.
    pub async fn create(&self, agent: &Agent) -> Result<(), StoreError> {
        let query = "INSERT INTO agents (name, extension_id, user_id, max_missed, id) \
                     VALUES ($1, $2, $3, $4, $5)";
        self.write(agent, query).await
    }

    /// Replaces an agent by its id.
    ///
    /// # Errors
    /// `NotFound`, and as [`create`](Self::create).
    pub async fn update(&self, agent: &Agent) -> Result<(), StoreError> {
        let query = "UPDATE agents SET name = $1, extension_id = $2, user_id = $3, \
                     max_missed = $4 WHERE id = $5";
        self.write(agent, query).await
    }

    /// The agent with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: AgentId) -> Result<Agent, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM agents WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.pool()?)
            .await?;
        row.ok_or(NOT_FOUND)?.agent()
    }

    /// The agents in order of their names.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(&self, page: &Page) -> Result<Listing<Agent>, StoreError> {
        let (name, id) = page.after_text()?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM agents WHERE (name, id) > ($1, $2) ORDER BY name, id LIMIT $3",
        )
        .bind(name)
        .bind(id)
        .bind(page.fetch())
        .fetch_all(&self.0.pool()?)
        .await?;
        let items: Result<Vec<_>, _> = rows.into_iter().map(Row::agent).collect();
        Ok(Listing::of(items?, page, |agent| {
            (agent.name.clone(), agent.id.to_string())
        }))
    }

    /// Removes an agent.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while a queue is served by them.
    pub async fn delete(&self, id: AgentId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        let queue: Option<String> = sqlx::query_scalar(
            "SELECT name FROM queues JOIN queue_agents ON queue_id = id \
             WHERE agent_id = $1 ORDER BY name LIMIT 1",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *write)
        .await?;
        if let Some(name) = queue {
            return Err(StoreError::InUse {
                by: format!("queue {name}"),
            });
        }
        let done = sqlx::query("DELETE FROM agents WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }

    async fn write(&self, agent: &Agent, query: &'static str) -> Result<(), StoreError> {
        office::check_name("name", &agent.name)?;
        let mut write = self.0.begin().await?;
        users::check_exists(&mut write, "user", agent.user).await?;
        let extension = agent.extension.to_string();
        let found: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM extensions WHERE id = $1")
            .bind(&extension)
            .fetch_one(&mut *write)
            .await?;
        if found == 0 {
            let reason = format!("no extension {extension}");
            return Err(StoreError::invalid("extension", reason));
        }
        let done = sqlx::query(query)
            .bind(&agent.name)
            .bind(&extension)
            .bind(agent.user.map(|user| user.to_string()))
            .bind(i64::from(agent.max_missed))
            .bind(agent.id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "agent" };
