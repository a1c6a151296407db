//! Classes of hold music.

use offhook_core::directory::MusicClass;
use offhook_core::id::MusicClassId;
use sqlx::{FromRow, SqliteConnection};

use crate::store::{Store, StoreError, column, extensions, office, queues};

/// The office's own classes of hold music.
#[derive(Debug, Clone, Copy)]
pub struct MusicClasses<'a>(&'a Store);

impl Store {
    /// The office's own classes of hold music.
    #[must_use]
    pub fn music_classes(&self) -> MusicClasses<'_> {
        MusicClasses(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    play_order: String,
    stream: Option<String>,
}

impl Row {
    fn class(self) -> Result<MusicClass, StoreError> {
        Ok(MusicClass {
            id: column::id(&self.id)?,
            name: self.name,
            order: column::from_word("music_classes.play_order", &self.play_order)?,
            stream: self.stream,
        })
    }
}

pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<MusicClass>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM music_classes ORDER BY name, id")
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Row::class).collect()
}

/// Who chose the class with this name.
async fn listener(
    connection: &mut SqliteConnection,
    store: &Store,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let queues = queues::all(&mut *connection).await?;
    if let Some(queue) = queues.iter().find(|queue| queue.hold_music == name) {
        return Ok(Some(format!("queue {}", queue.name)));
    }
    let extensions = extensions::all(connection, &store.0.vault).await?;
    let chose = |music: &Option<String>| music.as_deref() == Some(name);
    let extension = extensions.iter().find(|other| chose(&other.hold_music));
    Ok(extension.map(|extension| format!("extension {}", extension.number)))
}

impl MusicClasses<'_> {
    /// Adds a class.
    ///
    /// # Errors
    /// `Conflict` on `name`; `Invalid` names the field.
    pub async fn create(&self, class: &MusicClass) -> Result<(), StoreError> {
        let query = "INSERT INTO music_classes (name, play_order, stream, id) \
                     VALUES ($1, $2, $3, $4)";
        self.write(class, query).await
    }

    /// Replaces a class by its id. Its name stays as long as somebody chose it.
    ///
    /// # Errors
    /// `NotFound`, `InUse`, and as [`create`](Self::create).
    pub async fn update(&self, class: &MusicClass) -> Result<(), StoreError> {
        let query = "UPDATE music_classes SET name = $1, play_order = $2, stream = $3 \
                     WHERE id = $4";
        self.write(class, query).await
    }

    /// Removes a class and the list of its pieces; their files are the library's to remove.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while a queue or an extension chose it.
    pub async fn delete(&self, id: MusicClassId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        let name = name_of(&mut write, id).await?.ok_or(NOT_FOUND)?;
        if let Some(by) = listener(&mut write, self.0, &name).await? {
            return Err(StoreError::InUse { by });
        }
        for query in [
            "DELETE FROM sounds WHERE class_id = $1",
            "DELETE FROM music_classes WHERE id = $1",
        ] {
            let bound = sqlx::query(query).bind(id.to_string());
            bound.execute(&mut *write).await?;
        }
        self.0.commit(write).await
    }

    async fn write(&self, class: &MusicClass, query: &'static str) -> Result<(), StoreError> {
        office::check_name("name", &class.name)?;
        let mut write = self.0.begin().await?;
        if let Some(old) = name_of(&mut write, class.id).await?
            && old != class.name
            && let Some(by) = listener(&mut write, self.0, &old).await?
        {
            return Err(StoreError::InUse { by });
        }
        let done = sqlx::query(query)
            .bind(&class.name)
            .bind(column::word(&class.order)?)
            .bind(&class.stream)
            .bind(class.id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }
}

async fn name_of(
    connection: &mut SqliteConnection,
    id: MusicClassId,
) -> Result<Option<String>, StoreError> {
    let name = sqlx::query_scalar("SELECT name FROM music_classes WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(name)
}

const NOT_FOUND: StoreError = StoreError::NotFound {
    what: "music class",
};
