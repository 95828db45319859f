//! Reads the columns of a row from left to right.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::net::IpAddr;

use mcpass_domain::Timestamp;
use sqlx::{Database, Decode, Row, Type};

use super::super::{codec, failure};
use super::dialect::Db;
use crate::StoreError;

/// A row of which the columns before `at` have been read.
pub(super) struct Cells<'r> {
    row: &'r <Db as Database>::Row,
    at: usize,
    what: &'static str,
}

impl<'r> Cells<'r> {
    /// The columns of a row that is a `what`, for errors.
    pub(super) fn new(row: &'r <Db as Database>::Row, what: &'static str) -> Self {
        Self::at(row, what, 0)
    }

    /// The columns of a row from the one at `at` on.
    pub(super) fn at(row: &'r <Db as Database>::Row, what: &'static str, at: usize) -> Self {
        Self { row, at, what }
    }

    /// The next column.
    pub(super) fn take<T: Decode<'r, Db> + Type<Db>>(&mut self) -> Result<T, StoreError> {
        let at = self.at;
        self.at += 1;
        self.row.try_get(at).map_err(|error| failure::of(error, &format!("read a {}", self.what)))
    }

    /// The next column, an id or digest.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        self.bytes_or_null()?.ok_or_else(|| failure::damaged(self.what, "an id is missing"))
    }

    pub(super) fn bytes_or_null<const N: usize>(&mut self) -> Result<Option<[u8; N]>, StoreError> {
        let bytes: Option<&[u8]> = self.take()?;
        let sized = bytes.map(TryInto::try_into).transpose();
        sized.map_err(|_| failure::damaged(self.what, "an id has the wrong length"))
    }

    pub(super) fn moment(&mut self) -> Result<Timestamp, StoreError> {
        self.take().map(Timestamp::from_micros)
    }

    pub(super) fn moment_or_null(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_micros))
    }

    /// The next column, a number that may not be negative or too large.
    pub(super) fn number<N: TryFrom<i64>>(&mut self) -> Result<N, StoreError> {
        self.take().and_then(codec::from_column)
    }

    pub(super) fn number_or_null<N: TryFrom<i64>>(&mut self) -> Result<Option<N>, StoreError> {
        self.take::<Option<i64>>()?.map(codec::from_column).transpose()
    }

    /// The next column, a text that is read as a `T`.
    pub(super) fn parse<T>(&mut self) -> Result<T, StoreError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let text: &str = self.take()?;
        text.parse().map_err(|error| failure::damaged(self.what, error))
    }

    pub(super) fn address_or_null(&mut self) -> Result<Option<IpAddr>, StoreError> {
        let text: Option<&str> = self.take()?;
        let address = text.map(str::parse).transpose();
        address.map_err(|error| failure::damaged(self.what, error))
    }
}
