//! The one namespace of all that can be dialled inside.

use offhook_core::number::check_extension;
use sqlx::{Sqlite, Transaction};

use crate::store::StoreError;

/// Whose number it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner<'a> {
    Extension(&'a str),
    Queue(&'a str),
    IvrMenu(&'a str),
}

/// Gives the owner this number instead of the one it had, or none.
///
/// The error for a taken number names `field`, since an extension calls it `number` and a queue
/// `extension`.
pub(super) async fn claim(
    write: &mut Transaction<'static, Sqlite>,
    owner: Owner<'_>,
    number: Option<&str>,
    field: &'static str,
) -> Result<(), StoreError> {
    let (release, take, id) = match owner {
        Owner::Extension(id) => (
            "DELETE FROM numbers WHERE extension_id = $1",
            "INSERT INTO numbers (number, extension_id) VALUES ($1, $2)",
            id,
        ),
        Owner::Queue(id) => (
            "DELETE FROM numbers WHERE queue_id = $1",
            "INSERT INTO numbers (number, queue_id) VALUES ($1, $2)",
            id,
        ),
        Owner::IvrMenu(id) => (
            "DELETE FROM numbers WHERE ivr_menu_id = $1",
            "INSERT INTO numbers (number, ivr_menu_id) VALUES ($1, $2)",
            id,
        ),
    };
    sqlx::query(release).bind(id).execute(&mut **write).await?;
    let Some(number) = number else {
        return Ok(());
    };
    check_extension(number).map_err(|error| StoreError::invalid(field, error.to_string()))?;
    let taken = sqlx::query(take)
        .bind(number)
        .bind(id)
        .execute(&mut **write)
        .await
        .map_err(StoreError::from);
    match taken {
        Ok(_) => Ok(()),
        Err(StoreError::Conflict { .. }) => Err(StoreError::Conflict { field }),
        Err(error) => Err(error),
    }
}
