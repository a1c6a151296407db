//! Queues of callers, and who serves them.

use ahash::{AHashMap, AHashSet};
use offhook_core::directory::{Queue, QueueAgent};
use offhook_core::id::QueueId;
use offhook_core::recording::AudioFormat;
use sqlx::{FromRow, Sqlite, SqliteConnection, Transaction};

use crate::store::numbers::{self, Owner};
use crate::store::office::{self, Target};
use crate::store::{Listing, Page, Store, StoreError, column};

/// The queues of the office.
#[derive(Debug, Clone, Copy)]
pub struct Queues<'a>(&'a Store);

impl Store {
    /// The queues of the office.
    #[must_use]
    pub fn queues(&self) -> Queues<'_> {
        Queues(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    extension: Option<String>,
    strategy: String,
    max_wait: i64,
    max_length: i64,
    max_wait_no_agent: i64,
    overflow: Option<String>,
    ring_timeout: i64,
    retry_delay: i64,
    wrap_up: i64,
    announce_position: bool,
    announce_interval: i64,
    hold_music: String,
    record: bool,
    record_format: Option<String>,
    record_stereo: Option<bool>,
    record_keep: Option<i64>,
}

#[derive(FromRow)]
struct AgentRow {
    queue_id: String,
    agent_id: String,
    level: i64,
    position: i64,
}

impl Row {
    fn queue(self, agents: Vec<QueueAgent>) -> Result<Queue, StoreError> {
        let overflow = self.overflow.as_deref();
        Ok(Queue {
            id: column::id(&self.id)?,
            name: self.name,
            extension: self.extension,
            strategy: column::from_word("queues.strategy", &self.strategy)?,
            max_wait: column::duration(self.max_wait)?,
            max_length: column::count(self.max_length)?,
            max_wait_no_agent: column::duration(self.max_wait_no_agent)?,
            overflow: overflow
                .map(|text| column::from_json("queues.overflow", text))
                .transpose()?,
            ring_timeout: column::duration(self.ring_timeout)?,
            retry_delay: column::duration(self.retry_delay)?,
            wrap_up: column::duration(self.wrap_up)?,
            announce_position: self.announce_position,
            announce_interval: column::duration(self.announce_interval)?,
            hold_music: self.hold_music,
            record: self.record,
            record_style: column::own_style(self.record_format, self.record_stereo)?,
            record_keep: self.record_keep.map(column::duration).transpose()?,
            agents,
        })
    }
}

const AGENTS: &str = "SELECT * FROM queue_agents ORDER BY queue_id, level, position, agent_id";

async fn with_agents(
    connection: &mut SqliteConnection,
    rows: Vec<Row>,
) -> Result<Vec<Queue>, StoreError> {
    let mut agents: AHashMap<String, Vec<QueueAgent>> = AHashMap::new();
    let agent_rows: Vec<AgentRow> = sqlx::query_as(AGENTS).fetch_all(connection).await?;
    for row in agent_rows {
        let agent = QueueAgent {
            agent: column::id(&row.agent_id)?,
            level: column::count(row.level)?,
            position: column::count(row.position)?,
        };
        agents.entry(row.queue_id).or_default().push(agent);
    }
    rows.into_iter()
        .map(|row| {
            let serving = agents.remove(&row.id).unwrap_or_default();
            row.queue(serving)
        })
        .collect()
}

pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Queue>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM queues ORDER BY name, id")
        .fetch_all(&mut *connection)
        .await?;
    with_agents(connection, rows).await
}

impl Queues<'_> {
    /// Adds a queue with its agents.
    ///
    /// # Errors
    /// `Conflict` on `extension`; `Invalid` names the field.
    pub async fn create(&self, queue: &Queue) -> Result<(), StoreError> {
        self.write(
            queue,
            "INSERT INTO queues (name, extension, strategy, max_wait, max_length, \
             max_wait_no_agent, overflow, ring_timeout, retry_delay, wrap_up, announce_position, \
             announce_interval, hold_music, record, record_format, record_stereo, record_keep, \
             id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
             $17, $18)",
        )
        .await
    }

    /// Replaces a queue, its agents included, by its id.
    ///
    /// # Errors
    /// `NotFound`, and as [`create`](Self::create).
    pub async fn update(&self, queue: &Queue) -> Result<(), StoreError> {
        self.write(
            queue,
            "UPDATE queues SET name = $1, extension = $2, strategy = $3, max_wait = $4, \
             max_length = $5, max_wait_no_agent = $6, overflow = $7, ring_timeout = $8, \
             retry_delay = $9, wrap_up = $10, announce_position = $11, announce_interval = $12, \
             hold_music = $13, record = $14, record_format = $15, record_stereo = $16, \
             record_keep = $17 WHERE id = $18",
        )
        .await
    }

    /// The queue with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: QueueId) -> Result<Queue, StoreError> {
        let mut reading = self.0.pool()?.begin().await?;
        let row: Option<Row> = sqlx::query_as("SELECT * FROM queues WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *reading)
            .await?;
        let rows = vec![row.ok_or(NOT_FOUND)?];
        let mut queues = with_agents(&mut reading, rows).await?;
        queues.pop().ok_or(NOT_FOUND)
    }

    /// The queues in order of their names.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(&self, page: &Page) -> Result<Listing<Queue>, StoreError> {
        let (name, id) = page.after_text()?;
        let mut reading = self.0.pool()?.begin().await?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM queues WHERE (name, id) > ($1, $2) ORDER BY name, id LIMIT $3",
        )
        .bind(name)
        .bind(id)
        .bind(page.fetch())
        .fetch_all(&mut *reading)
        .await?;
        let items = with_agents(&mut reading, rows).await?;
        Ok(Listing::of(items, page, |queue| {
            (queue.name.clone(), queue.id.to_string())
        }))
    }

    /// Removes a queue.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while calls are sent there.
    pub async fn delete(&self, id: QueueId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        office::check_unused(&mut write, Target::Queue(id)).await?;
        let done = sqlx::query("DELETE FROM queues WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }

    async fn write(&self, queue: &Queue, query: &'static str) -> Result<(), StoreError> {
        check(queue)?;
        let mut write = self.0.begin().await?;
        let id = queue.id.to_string();
        let done = sqlx::query(query)
            .bind(&queue.name)
            .bind(&queue.extension)
            .bind(column::word(&queue.strategy)?)
            .bind(column::millis(queue.max_wait))
            .bind(i64::from(queue.max_length))
            .bind(column::millis(queue.max_wait_no_agent))
            .bind(queue.overflow.as_ref().map(column::json).transpose()?)
            .bind(column::millis(queue.ring_timeout))
            .bind(column::millis(queue.retry_delay))
            .bind(column::millis(queue.wrap_up))
            .bind(queue.announce_position)
            .bind(column::millis(queue.announce_interval))
            .bind(&queue.hold_music)
            .bind(queue.record)
            .bind(queue.record_style.format.map(AudioFormat::as_str))
            .bind(column::stereo(queue.record_style))
            .bind(queue.record_keep.map(column::millis))
            .bind(&id)
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        let number = queue.extension.as_deref();
        numbers::claim(&mut write, Owner::Queue(&id), number, "extension").await?;
        if let Some(overflow) = &queue.overflow {
            office::check_destination(&mut write, "overflow", overflow).await?;
        }
        write_agents(&mut write, &id, &queue.agents).await?;
        self.0.commit(write).await
    }
}

async fn write_agents(
    write: &mut Transaction<'static, Sqlite>,
    queue: &str,
    agents: &[QueueAgent],
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM queue_agents WHERE queue_id = $1")
        .bind(queue)
        .execute(&mut **write)
        .await?;
    for serving in agents {
        let agent = serving.agent.to_string();
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM agents WHERE id = $1")
            .bind(&agent)
            .fetch_one(&mut **write)
            .await?;
        if known == 0 {
            return Err(StoreError::invalid("agents", format!("no agent {agent}")));
        }
        sqlx::query(
            "INSERT INTO queue_agents (queue_id, agent_id, level, position) \
             VALUES ($1, $2, $3, $4)",
        )
        .bind(queue)
        .bind(&agent)
        .bind(i64::from(serving.level))
        .bind(i64::from(serving.position))
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "queue" };

/// The longest wait that can be set, in seconds: a day.
const DAY: u64 = 24 * 3600;

fn check(queue: &Queue) -> Result<(), StoreError> {
    office::check_name("name", &queue.name)?;
    office::check_name("hold_music", &queue.hold_music)?;
    office::check_duration("max_wait", queue.max_wait, 0..=DAY)?;
    office::check_duration("max_wait_no_agent", queue.max_wait_no_agent, 0..=DAY)?;
    office::check_duration("ring_timeout", queue.ring_timeout, 1..=600)?;
    office::check_duration("retry_delay", queue.retry_delay, 0..=3600)?;
    office::check_duration("wrap_up", queue.wrap_up, 0..=3600)?;
    office::check_duration("announce_interval", queue.announce_interval, 5..=3600)?;
    if let Some(offhook_core::directory::Destination::Queue(next)) = queue.overflow
        && next == queue.id
    {
        return Err(StoreError::invalid("overflow", "is the queue itself"));
    }
    let mut seen = AHashSet::new();
    if queue
        .agents
        .iter()
        .any(|serving| !seen.insert(serving.agent))
    {
        return Err(StoreError::invalid("agents", "names an agent twice"));
    }
    Ok(())
}
