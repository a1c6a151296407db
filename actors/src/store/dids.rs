//! Public numbers and where calls to them go.

use offhook_core::directory::Did;
use offhook_core::id::DidId;
use offhook_core::number::check_e164;
use sqlx::{FromRow, SqliteConnection};

use crate::store::{Listing, Page, Store, StoreError, column, office, trunks};

/// The public numbers of the office.
#[derive(Debug, Clone, Copy)]
pub struct Dids<'a>(&'a Store);

impl Store {
    /// The public numbers of the office.
    #[must_use]
    pub fn dids(&self) -> Dids<'_> {
        Dids(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    number: String,
    name: String,
    trunk_id: Option<String>,
    destination: String,
}

impl Row {
    fn did(self) -> Result<Did, StoreError> {
        Ok(Did {
            id: column::id(&self.id)?,
            number: self.number,
            name: self.name,
            trunk: column::optional_id(self.trunk_id.as_deref())?,
            destination: column::from_json("dids.destination", &self.destination)?,
        })
    }
}

pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Did>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM dids ORDER BY number, id")
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Row::did).collect()
}

impl Dids<'_> {
    /// Adds a public number.
    ///
    /// # Errors
    /// `Conflict` on `number`; `Invalid` names the field.
    pub async fn create(&self, did: &Did) -> Result<(), StoreError> {
        let query = "INSERT INTO dids (number, name, trunk_id, destination, id) \
                     VALUES ($1, $2, $3, $4, $5)";
        self.write(did, query).await
    }

    /// Replaces a public number by its id.
    ///
    /// # Errors
    /// `NotFound`, and as [`create`](Self::create).
    pub async fn update(&self, did: &Did) -> Result<(), StoreError> {
        let query = "UPDATE dids SET number = $1, name = $2, trunk_id = $3, destination = $4 \
                     WHERE id = $5";
        self.write(did, query).await
    }

    /// The public number with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: DidId) -> Result<Did, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM dids WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.pool()?)
            .await?;
        row.ok_or(NOT_FOUND)?.did()
    }

    /// The public numbers in order.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(&self, page: &Page) -> Result<Listing<Did>, StoreError> {
        let (number, id) = page.after_text()?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM dids WHERE (number, id) > ($1, $2) ORDER BY number, id LIMIT $3",
        )
        .bind(number)
        .bind(id)
        .bind(page.fetch())
        .fetch_all(&self.0.pool()?)
        .await?;
        let items: Result<Vec<_>, _> = rows.into_iter().map(Row::did).collect();
        Ok(Listing::of(items?, page, |did| {
            (did.number.clone(), did.id.to_string())
        }))
    }

    /// Removes a public number.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, id: DidId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        let done = sqlx::query("DELETE FROM dids WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }

    async fn write(&self, did: &Did, query: &'static str) -> Result<(), StoreError> {
        check_e164(&did.number)
            .map_err(|error| StoreError::invalid("number", error.to_string()))?;
        office::check_name("name", &did.name)?;
        let mut write = self.0.begin().await?;
        office::check_destination(&mut write, "destination", &did.destination).await?;
        if let Some(trunk) = did.trunk {
            trunks::check_exists(&mut write, "trunk", trunk).await?;
        }
        let done = sqlx::query(query)
            .bind(&did.number)
            .bind(&did.name)
            .bind(did.trunk.map(|trunk| trunk.to_string()))
            .bind(column::json(&did.destination)?)
            .bind(did.id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "DID" };
