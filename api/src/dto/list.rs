//! Lists in pages.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, ApiResult, FieldError};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// What to pass as `cursor` to get the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items at most, 1 to 500; 100 unless said.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// The page size when none is asked for.
pub const DEFAULT_LIMIT: u32 = 100;
/// The largest page.
pub const MAX_LIMIT: u32 = 500;

/// The page size asked for.
///
/// # Errors
/// When it is 0 or above [`MAX_LIMIT`].
pub fn limit(asked: Option<u32>) -> ApiResult<u32> {
    match asked {
        None => Ok(DEFAULT_LIMIT),
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Some(_) => Err(bad("limit", "must be 1 to 500")),
    }
}

fn bad(field: &str, detail: &str) -> ApiError {
    ApiError::BadQuery(vec![FieldError::new(field, detail)])
}

impl<T> List<T> {
    /// All there is, in one page.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }

    /// The page asked for of `all`, sorted by `key`, which must be unique. The cursor is the key of
    /// the last item, so that a page neither repeats nor misses what stays in the list.
    ///
    /// # Errors
    /// When the limit or cursor is not usable.
    pub fn page<A>(
        mut all: Vec<A>,
        query: &PageQuery,
        key: impl Fn(&A) -> String,
        view: impl Fn(A) -> T,
    ) -> ApiResult<Self> {
        let limit = limit(query.limit)? as usize;
        all.sort_by_cached_key(&key);
        if let Some(cursor) = &query.cursor {
            let after = BASE64URL_NOPAD
                .decode(cursor.as_bytes())
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| bad("cursor", "is not one that a list has returned"))?;
            all.retain(|item| key(item) > after);
        }
        let more = all.len() > limit;
        all.truncate(limit);
        let next_cursor = all
            .last()
            .filter(|_| more)
            .map(|last| BASE64URL_NOPAD.encode(key(last).as_bytes()));
        Ok(Self {
            items: all.into_iter().map(view).collect(),
            next_cursor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_every_item_once() {
        let all: Vec<u32> = (0..25).rev().collect();
        let mut query = PageQuery {
            limit: Some(10),
            cursor: None,
        };
        let mut seen = Vec::new();
        loop {
            let page = List::page(all.clone(), &query, |n| format!("{n:02}"), |n| n).unwrap();
            seen.extend(page.items);
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(seen, (0..25).collect::<Vec<_>>());
    }

    #[test]
    fn a_made_up_cursor_and_a_silly_limit_are_refused() {
        let page = |limit, cursor: Option<&str>| {
            let query = PageQuery {
                limit,
                cursor: cursor.map(str::to_owned),
            };
            List::page(vec![1], &query, ToString::to_string, |n| n)
        };
        assert!(page(Some(0), None).is_err());
        assert!(page(Some(501), None).is_err());
        assert!(page(None, Some("!!")).is_err());
        assert_eq!(page(None, None).unwrap().items, [1]);
    }
}
