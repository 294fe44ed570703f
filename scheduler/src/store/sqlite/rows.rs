//! Between columns and types. A value that cannot be one means a damaged database and is told as that.

use std::fmt::Display;
use std::str::FromStr;

use dayfly_jobs::{State, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::store::StoreError;

/// SQLite: out of room while it wrote.
const FULL: &str = "13";
/// SQLite: out of room while it enlarged the index of its log.
const FULL_INDEX: &str = "4874";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|database| database.code());
        match code.as_deref() {
            Some(FULL | FULL_INDEX) => Self::Full,
            Some(_) | None => Self::Failed(error.to_string()),
        }
    }
}

/// For a column: SQLite counts in signed numbers, and half of the range is enough for milliseconds and bytes.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A moment for a column.
pub(super) fn moment(at: Timestamp) -> i64 {
    int(at.0)
}

/// As JSON for a column.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Failed(format!("not to be written as JSON: {error}")))
}

/// A row by the names of its columns.
pub(super) struct Columns<'r>(pub(super) &'r SqliteRow);

impl Columns<'_> {
    /// A number that is never negative and fits.
    pub(super) fn number<N: TryFrom<i64>>(&self, column: &str) -> Result<N, StoreError> {
        let value: i64 = self.0.try_get(column)?;
        N::try_from(value).map_err(|_| damaged(column, value))
    }

    /// The same, where there may be none.
    pub(super) fn number_if<N: TryFrom<i64>>(&self, column: &str) -> Result<Option<N>, StoreError> {
        let value: Option<i64> = self.0.try_get(column)?;
        value.map(|value| N::try_from(value).map_err(|_| damaged(column, value))).transpose()
    }

    /// A moment.
    pub(super) fn moment(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.number(column).map(Timestamp)
    }

    /// A moment, where there may be none.
    pub(super) fn moment_if(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.number_if(column)?.map(Timestamp))
    }

    /// Yes or no.
    pub(super) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.number::<i64>(column)? != 0)
    }

    /// Plain text.
    pub(super) fn text(&self, column: &str) -> Result<String, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    /// Plain text, where there may be none.
    pub(super) fn text_if(&self, column: &str) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    /// A name or an id.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        let text: &str = self.0.try_get(column)?;
        text.parse().map_err(|error: T::Err| damaged(column, error))
    }

    /// A name or an id, where there may be none.
    pub(super) fn parsed_if<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.0.try_get(column)?;
        text.map(|text| text.parse().map_err(|error: T::Err| damaged(column, error))).transpose()
    }

    /// Something written as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        let text: &str = self.0.try_get(column)?;
        serde_json::from_str(text).map_err(|error| damaged(column, error))
    }

    /// Something written as JSON, where there may be nothing.
    pub(super) fn json_if<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.0.try_get(column)?;
        text.map(|text| serde_json::from_str(text).map_err(|error| damaged(column, error))).transpose()
    }

    /// Bytes, where there may be none.
    pub(super) fn bytes_if(&self, column: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    /// Where a job stands.
    pub(super) fn state(&self, column: &str) -> Result<State, StoreError> {
        let name: &str = self.0.try_get(column)?;
        State::ALL.into_iter().find(|state| state.name() == name).ok_or_else(|| damaged(column, name))
    }
}

/// The database holds what nobody wrote into it.
pub(super) fn damaged(column: &str, found: impl Display) -> StoreError {
    StoreError::Failed(format!("the database is damaged: column {column} holds '{found}'"))
}
