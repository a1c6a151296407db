//! Menus that answer, speak and listen for digits.

use offhook_core::directory::{IvrMenu, MenuAction};
use offhook_core::id::IvrMenuId;
use sqlx::{FromRow, SqliteConnection};

use crate::store::numbers::{self, Owner};
use crate::store::office::{self, Target};
use crate::store::{Listing, Page, Store, StoreError, column};

/// The menus of the office.
#[derive(Debug, Clone, Copy)]
pub struct IvrMenus<'a>(&'a Store);

impl Store {
    /// The menus of the office.
    #[must_use]
    pub fn ivr_menus(&self) -> IvrMenus<'_> {
        IvrMenus(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    extension: Option<String>,
    prompt: String,
    language: Option<String>,
    choices: String,
    dial_extension: bool,
    first_digit_timeout: i64,
    inter_digit_timeout: i64,
    retries: i64,
    on_failure: String,
}

impl Row {
    fn menu(self) -> Result<IvrMenu, StoreError> {
        Ok(IvrMenu {
            id: column::id(&self.id)?,
            name: self.name,
            extension: self.extension,
            prompt: self.prompt,
            language: self.language,
            choices: column::from_json("ivr_menus.choices", &self.choices)?,
            dial_extension: self.dial_extension,
            first_digit_timeout: column::duration(self.first_digit_timeout)?,
            inter_digit_timeout: column::duration(self.inter_digit_timeout)?,
            retries: column::count(self.retries)?,
            on_failure: column::from_json("ivr_menus.on_failure", &self.on_failure)?,
        })
    }
}

pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<IvrMenu>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM ivr_menus ORDER BY name, id")
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Row::menu).collect()
}

impl IvrMenus<'_> {
    /// Adds a menu.
    ///
    /// # Errors
    /// `Conflict` on `extension`; `Invalid` names the field.
    pub async fn create(&self, menu: &IvrMenu) -> Result<(), StoreError> {
        self.write(
            menu,
            "INSERT INTO ivr_menus (name, extension, prompt, choices, dial_extension, \
             first_digit_timeout, inter_digit_timeout, retries, on_failure, language, id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .await
    }

    /// Replaces a menu by its id.
    ///
    /// # Errors
    /// `NotFound`, and as [`create`](Self::create).
    pub async fn update(&self, menu: &IvrMenu) -> Result<(), StoreError> {
        self.write(
            menu,
            "UPDATE ivr_menus SET name = $1, extension = $2, prompt = $3, choices = $4, \
             dial_extension = $5, first_digit_timeout = $6, inter_digit_timeout = $7, \
             retries = $8, on_failure = $9, language = $10 WHERE id = $11",
        )
        .await
    }

    /// The menu with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: IvrMenuId) -> Result<IvrMenu, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM ivr_menus WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.pool()?)
            .await?;
        row.ok_or(NOT_FOUND)?.menu()
    }

    /// The menus in order of their names.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(&self, page: &Page) -> Result<Listing<IvrMenu>, StoreError> {
        let (name, id) = page.after_text()?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM ivr_menus WHERE (name, id) > ($1, $2) ORDER BY name, id LIMIT $3",
        )
        .bind(name)
        .bind(id)
        .bind(page.fetch())
        .fetch_all(&self.0.pool()?)
        .await?;
        let items: Result<Vec<_>, _> = rows.into_iter().map(Row::menu).collect();
        Ok(Listing::of(items?, page, |menu| {
            (menu.name.clone(), menu.id.to_string())
        }))
    }

    /// Removes a menu.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while calls are sent there.
    pub async fn delete(&self, id: IvrMenuId) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        office::check_unused(&mut write, Target::IvrMenu(id)).await?;
        let done = sqlx::query("DELETE FROM ivr_menus WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        self.0.commit(write).await
    }

    async fn write(&self, menu: &IvrMenu, query: &'static str) -> Result<(), StoreError> {
        check(menu)?;
        let mut write = self.0.begin().await?;
        let id = menu.id.to_string();
        let done = sqlx::query(query)
            .bind(&menu.name)
            .bind(&menu.extension)
            .bind(&menu.prompt)
            .bind(column::json(&menu.choices)?)
            .bind(menu.dial_extension)
            .bind(column::millis(menu.first_digit_timeout))
            .bind(column::millis(menu.inter_digit_timeout))
            .bind(i64::from(menu.retries))
            .bind(column::json(&menu.on_failure)?)
            .bind(&menu.language)
            .bind(&id)
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(NOT_FOUND);
        }
        let number = menu.extension.as_deref();
        numbers::claim(&mut write, Owner::IvrMenu(&id), number, "extension").await?;
        for action in menu.choices.values() {
            if let MenuAction::Go(destination) = action {
                office::check_destination(&mut write, "choices", destination).await?;
            }
        }
        if let MenuAction::Go(destination) = &menu.on_failure {
            office::check_destination(&mut write, "on_failure", destination).await?;
        }
        self.0.commit(write).await
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "menu" };

fn check(menu: &IvrMenu) -> Result<(), StoreError> {
    office::check_name("name", &menu.name)?;
    office::check_name("prompt", &menu.prompt)?;
    office::check_duration("first_digit_timeout", menu.first_digit_timeout, 1..=60)?;
    office::check_duration("inter_digit_timeout", menu.inter_digit_timeout, 1..=30)?;
    if menu.retries > 10 {
        return Err(StoreError::invalid("retries", "must be at most 10"));
    }
    let pressable = |digit: &char| matches!(digit, '0'..='9' | '*' | '#');
    if !menu.choices.keys().all(pressable) {
        return Err(StoreError::invalid(
            "choices",
            "may have only the keys 0 to 9, * and #",
        ));
    }
    if menu.on_failure == MenuAction::Repeat {
        return Err(StoreError::invalid("on_failure", "cannot be repeat"));
    }
    Ok(())
}
