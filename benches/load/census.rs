//! More extensions than REST can make in an acceptable time, put into the database of a server that
//! is down.

use std::path::Path;

use anyhow::{Context, Result};
use offhook_core::{ExtensionId, IdSource};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::runtime;

/// Makes an extension like `model` for each of these numbers, with its password and settings.
pub(crate) fn fill(data: &Path, model: &str, numbers: &[String]) -> Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let path = data.join("offhook.db");
    let options = SqliteConnectOptions::new().filename(&path);
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .with_context(|| format!("open {}", path.display()))?;
        let mut change = connection.begin().await?;
        sqlx::query("CREATE TEMP TABLE one AS SELECT * FROM extensions WHERE number = $1")
            .bind(model)
            .execute(&mut *change)
            .await?;
        let mut ids = IdSource::from_entropy();
        for number in numbers {
            let id = ExtensionId::new(&mut ids).to_string();
            sqlx::query("UPDATE one SET id = $1, number = $2, name = $2")
                .bind(&id)
                .bind(number)
                .execute(&mut *change)
                .await?;
            sqlx::query("INSERT INTO extensions SELECT * FROM one")
                .execute(&mut *change)
                .await?;
            sqlx::query("INSERT INTO numbers (number, extension_id) VALUES ($1, $2)")
                .bind(number)
                .bind(&id)
                .execute(&mut *change)
                .await?;
        }
        sqlx::query("DROP TABLE one").execute(&mut *change).await?;
        change.commit().await?;
        Ok(connection.close().await?)
    })
}
