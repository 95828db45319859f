//! `list_`: rows of a model, filtered, searched, ordered, page by page.

use serde_json::{Map, Value};

use super::Database;
use super::access::{Access, Granted, Right};
use super::aggregate;
use super::arguments::Arguments;
use super::engine::EngineError;
use super::errors::Failure;
use super::filter;
use super::json::{Object, array};
use super::order::{Ordering, Place};
use super::page::{CAPS, Room};
use super::rows::Columns;
use super::sql::{Alias, Datum, Row, Sql, Statement};

#[cfg(test)]
mod tests;

/// The arguments of `list_`.
pub const ARGUMENTS: [&str; 9] = [
    "limit",
    "offset",
    "cursor",
    "filters",
    "search",
    "order_by",
    "fields",
    "with_total",
    "aggregate",
];

/// Runs `list_` of a model.
///
/// # Errors
/// When the caller may not view the model, an argument cannot be used, or the database fails.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let granted = access.model(model, Right::View)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let condition = Condition::read(&arguments)?;
    if let Some(asked) = arguments.object("aggregate")? {
        aggregate::alone(&arguments)?;
        return aggregate::run(database, &granted, &condition, asked).await;
    }
    let order = arguments.texts("order_by")?;
    let fields = arguments.texts("fields")?;
    let order = Ordering::new(&granted, order.as_deref())?;
    let columns = Columns::new(&granted, fields.as_deref())?.with_order(&order);
    let span = Span::read(&arguments, database, &granted)?;
    let has_total = arguments.flag("with_total", true)?;
    let page = Page { database, columns, order, span, has_total };
    let condition = |sql: &mut Sql, alias| condition.write(sql, &granted, alias);
    page.run(condition, Object::new(), true).await
}

/// Which rows are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Condition<'a> {
    filters: Option<&'a Map<String, Value>>,
    search: Option<&'a str>,
}

impl<'a> Condition<'a> {
    /// The arguments `filters` and `search`.
    ///
    /// # Errors
    /// When they are of another type.
    pub fn read(arguments: &Arguments<'a>) -> Result<Self, Failure> {
        Ok(Self { filters: arguments.object("filters")?, search: arguments.text("search")? })
    }

    /// Writes it, each condition after ` AND `.
    ///
    /// # Errors
    /// When a filter cannot be used.
    pub fn write(&self, sql: &mut Sql, granted: &Granted<'_>, alias: Alias) -> Result<(), Failure> {
        if let Some(filters) = self.filters {
            filter::write(sql, granted, alias, filters)?;
        }
        if let Some(search) = self.search {
            filter::search(sql, granted, alias, search)?;
        }
        Ok(())
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub struct Span {
    limit: i64,
    offset: i64,
    place: Option<Place>,
}

impl Span {
    /// The arguments `limit`, `offset` and `cursor`.
    ///
    /// # Errors
    /// When they cannot be used, or both of the last two are given.
    pub fn read(
        arguments: &Arguments<'_>,
        database: &Database,
        granted: &Granted<'_>,
    ) -> Result<Self, Failure> {
        let limit = arguments.size("limit")?;
        let limit = limit.unwrap_or_else(|| granted.model().page_size.into());
        let offset = arguments.size("offset")?;
        let place = arguments.text("cursor")?.map(Place::from_cursor).transpose()?;
        if offset.is_some_and(|offset| offset > 0) && place.is_some() {
            return Err(Failure::new("Give either cursor or offset, not both."));
        }
        let offset = match place {
            Some(Place::Rows(rows)) => rows,
            _ => offset.unwrap_or(0),
        };
        Ok(Self { limit: limit.min(database.settings.max_rows.into()), offset, place })
    }
}

/// A page of rows.
#[derive(Debug)]
pub struct Page<'a> {
    pub(super) database: &'a Database,
    pub(super) columns: Columns<'a>,
    pub(super) order: Ordering<'a>,
    pub(super) span: Span,
    /// Whether all rows are counted, too.
    pub(super) has_total: bool,
}

impl Page<'_> {
    /// Reads the page, as `{…, count, total_count, results, next_cursor}` behind the members of
    /// `head`.
    ///
    /// # Errors
    /// When the condition cannot be written, the database fails, or not one row fits the
    /// caller's context.
    pub async fn run(
        &self,
        condition: impl Fn(&mut Sql, Alias) -> Result<(), Failure>,
        mut head: Object,
        is_indented: bool,
    ) -> Result<String, Failure> {
        let Found { rows, has_more, total } = self.read(condition).await?;
        let room = Room::of(self.columns.granted().caller(), is_indented);
        let shown = self.fit(&rows, room)?;
        let count = i128::try_from(shown.len()).unwrap_or(0);
        head.number("count", count);
        if let Some(total) = total {
            head.number("total_count", total);
        }
        head.raw("results", &array(&shown));
        if has_more || shown.len() < rows.len() {
            let last = shown.len().checked_sub(1).and_then(|last| rows.get(last));
            let end = self.span.offset.saturating_add(i64::try_from(shown.len()).unwrap_or(0));
            if let Some(last) = last {
                let place = self.order.place(self.columns.place(last, &self.order), end);
                head.text("next_cursor", &place.to_cursor());
            }
        }
        Ok(head.finish())
    }

    async fn read(
        &self,
        condition: impl Fn(&mut Sql, Alias) -> Result<(), Failure>,
    ) -> Result<Found, Failure> {
        let mut statements = Vec::with_capacity(2);
        if self.has_total {
            statements.push(self.count(&condition)?);
        }
        if self.span.limit > 0 {
            statements.push(self.select(&condition)?);
        }
        let mut answers = self.database.engine.read_all(statements).await?.into_iter();
        let mut total = None;
        if self.has_total {
            let counted = answers.next().unwrap_or_default().one()?;
            total = counted.and_then(|row| row.first()?.as_integer());
        }
        let found = answers.next().unwrap_or_default();
        if found.is_cut && found.rows.is_empty() {
            return Err(EngineError::TooLarge.into());
        }
        let mut rows = found.rows;
        let limit = usize::try_from(self.span.limit).unwrap_or(usize::MAX);
        let has_more = found.is_cut || rows.len() > limit;
        rows.truncate(limit);
        Ok(Found { rows, has_more, total })
    }

    /// How many rows there are in all.
    fn count(
        &self,
        condition: impl Fn(&mut Sql, Alias) -> Result<(), Failure>,
    ) -> Result<Statement, Failure> {
        let mut sql = Sql::new(self.database.engine.dialect());
        let alias = sql.alias();
        sql.push("SELECT count(*) FROM ").rows_of(self.columns.granted(), alias);
        sql.push(" WHERE 1 = 1");
        condition(&mut sql, alias)?;
        Ok(sql.finish())
    }

    /// The rows of the page, and one more if there are more.
    fn select(
        &self,
        condition: impl Fn(&mut Sql, Alias) -> Result<(), Failure>,
    ) -> Result<Statement, Failure> {
        let mut sql = Sql::new(self.database.engine.dialect());
        let alias = sql.alias();
        sql.push("SELECT ");
        self.columns.write(&mut sql, alias);
        sql.push(" FROM ").rows_of(self.columns.granted(), alias).push(" WHERE 1 = 1");
        condition(&mut sql, alias)?;
        if let Some(place) = &self.span.place {
            self.order.write_after(&mut sql, alias, place)?;
        }
        self.order.write(&mut sql, alias);
        sql.push(" LIMIT ").bind(Datum::Integer(self.span.limit.saturating_add(1)));
        if self.span.offset > 0 {
            sql.push(" OFFSET ").bind(Datum::Integer(self.span.offset));
        }
        Ok(sql.finish())
    }

    /// As many rows as fit. Where not all do, long values are shortened first; where not one does,
    /// values are shortened further, and in the end the key alone is left of one row.
    fn fit(&self, rows: &[Row], room: Room) -> Result<Vec<String>, Failure> {
        let prefix = |cap: Option<usize>| {
            let mut left = room;
            let mut shown = Vec::with_capacity(rows.len());
            for row in rows {
                let row = self.columns.show(row, cap);
                if !left.take(&row, ROW_DEPTH) {
                    break;
                }
                shown.push(row);
            }
            shown
        };
        let whole = prefix(None);
        if whole.len() == rows.len() {
            return Ok(whole);
        }
        for cap in CAPS {
            let shown = prefix(Some(cap));
            if !shown.is_empty() {
                return Ok(if shown.len() > whole.len() { shown } else { whole });
            }
        }
        let Some(first) = rows.first().filter(|_| whole.is_empty()) else { return Ok(whole) };
        let key = self.columns.show_key(first);
        if room.has(&key, ROW_DEPTH) {
            return Ok(vec![key]);
        }
        let text = "Not one row fits the token's max_context. Ask for fewer fields with `fields`.";
        Err(Failure::new(text))
    }
}

/// What the database has of a page.
struct Found {
    rows: Vec<Row>,
    /// Whether there are rows behind these.
    has_more: bool,
    total: Option<i64>,
}

/// A row stands in a list in the result.
const ROW_DEPTH: usize = 2;
