//! Uploaded sounds: what is known of them. Their files are the library's.

use offhook_core::directory::SoundFile;
use offhook_core::id::SoundId;
use sqlx::{FromRow, SqliteConnection};

use crate::store::{Store, StoreError, column, ivr_menus, office};

/// The uploaded sounds.
#[derive(Debug, Clone, Copy)]
pub struct Sounds<'a>(&'a Store);

impl Store {
    /// The uploaded sounds.
    #[must_use]
    pub fn sounds(&self) -> Sounds<'_> {
        Sounds(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    class_id: Option<String>,
    format: String,
    bytes: i64,
    milliseconds: i64,
    loudness: Option<i64>,
    gain: i64,
    added_at: i64,
}

impl Row {
    fn sound(self) -> Result<SoundFile, StoreError> {
        Ok(SoundFile {
            id: column::id(&self.id)?,
            name: self.name,
            class: column::optional_id(self.class_id.as_deref())?,
            format: self.format,
            bytes: column::big_count(self.bytes)?,
            milliseconds: column::big_count(self.milliseconds)?,
            loudness: self.loudness,
            gain: self.gain,
            added_at: column::time(self.added_at)?,
        })
    }
}

/// In the order they were added.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<SoundFile>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM sounds ORDER BY added_at, id")
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Row::sound).collect()
}

impl Sounds<'_> {
    /// Adds a sound whose files are in their places.
    ///
    /// # Errors
    /// `Conflict` on `name` for a prompt; `NotFound` when its class is gone.
    pub async fn create(&self, sound: &SoundFile) -> Result<(), StoreError> {
        office::check_name("name", &sound.name)?;
        let mut write = self.0.begin().await?;
        if let Some(class) = sound.class {
            let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM music_classes WHERE id = $1")
                .bind(class.to_string())
                .fetch_one(&mut *write)
                .await?;
            if known == 0 {
                return Err(StoreError::NotFound {
                    what: "music class",
                });
            }
        }
        sqlx::query(
            "INSERT INTO sounds (id, name, class_id, format, bytes, milliseconds, loudness, gain, \
             added_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(sound.id.to_string())
        .bind(&sound.name)
        .bind(sound.class.map(|class| class.to_string()))
        .bind(&sound.format)
        .bind(column::from_big_count(sound.bytes))
        .bind(column::from_big_count(sound.milliseconds))
        .bind(sound.loudness)
        .bind(sound.gain)
        .bind(column::micros(sound.added_at))
        .execute(&mut *write)
        .await?;
        self.0.commit(write).await
    }

    /// Removes a sound from the list.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while a menu speaks it.
    pub async fn delete(&self, id: SoundId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        let sounds = all(&mut write).await?;
        let sound = sounds.iter().find(|sound| sound.id == id);
        let sound = sound.ok_or(NOT_FOUND)?;
        if sound.class.is_none() {
            let menus = ivr_menus::all(&mut write).await?;
            if let Some(menu) = menus.iter().find(|menu| menu.prompt == sound.name) {
                return Err(StoreError::InUse {
                    by: format!("menu {}", menu.name),
                });
            }
        }
        sqlx::query("DELETE FROM sounds WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        self.0.commit(write).await
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "sound" };
