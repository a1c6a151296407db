//! Lists in pages.

use data_encoding::BASE64URL_NOPAD;

use crate::store::StoreError;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The `next_cursor` of the page before; none for the first page.
    pub cursor: Option<String>,
    /// How many items at most; brought into `1..=Page::MAX_LIMIT`.
    pub limit: u32,
}

impl Page {
    /// The largest page.
    pub const MAX_LIMIT: u32 = 500;
    /// The page size when none is asked for.
    pub const DEFAULT_LIMIT: u32 = 50;

    /// The first page of the default size.
    #[must_use]
    pub fn first() -> Self {
        Self {
            cursor: None,
            limit: Self::DEFAULT_LIMIT,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.clamp(1, Self::MAX_LIMIT) as usize
    }

    /// One more than wanted, which tells whether there is a next page.
    pub(super) fn fetch(&self) -> i64 {
        i64::from(self.limit.clamp(1, Self::MAX_LIMIT)) + 1
    }

    /// The sort key and id after which the page begins; none on the first page.
    pub(super) fn after(&self) -> Result<Option<(String, String)>, StoreError> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let bad = || StoreError::invalid("cursor", "is not one that a list has returned");
        let bytes = BASE64URL_NOPAD
            .decode(cursor.as_bytes())
            .map_err(|_| bad())?;
        let text = String::from_utf8(bytes).map_err(|_| bad())?;
        let (key, id) = text.rsplit_once('\n').ok_or_else(bad)?;
        Ok(Some((key.to_owned(), id.to_owned())))
    }

    /// As [`after`](Self::after) for lists in ascending order of a text: the first page begins after
    /// nothing.
    pub(super) fn after_text(&self) -> Result<(String, String), StoreError> {
        Ok(self.after()?.unwrap_or_default())
    }

    /// As [`after`](Self::after) for lists in descending order of time: the first page begins at the
    /// end of time.
    pub(super) fn before_time(&self) -> Result<(i64, String), StoreError> {
        match self.after()? {
            None => Ok((i64::MAX, String::new())),
            Some((key, id)) => {
                let time = key
                    .parse()
                    .map_err(|_| StoreError::invalid("cursor", "belongs to another list"))?;
                Ok((time, id))
            }
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first()
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; none if this is the last.
    pub next_cursor: Option<String>,
}

impl<T> Listing<T> {
    /// From one row more than wanted, if there was one; `key` is the sort key and id of an item.
    pub(super) fn of(mut items: Vec<T>, page: &Page, key: impl Fn(&T) -> (String, String)) -> Self {
        let more = items.len() > page.limit();
        items.truncate(page.limit());
        let next_cursor = items.last().filter(|_| more).map(|last| {
            let (key, id) = key(last);
            BASE64URL_NOPAD.encode(format!("{key}\n{id}").as_bytes())
        });
        Self { items, next_cursor }
    }
}
