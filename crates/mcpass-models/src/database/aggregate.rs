//! Counts, sums, averages and extremes of lists, perhaps in groups.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Database;
use super::access::Granted;
use super::arguments::Arguments;
use super::engine::EngineError;
use super::errors::Failure;
use super::filter::{Operand, Part};
use super::json::{Object, array};
use super::list::Condition;
use super::model::{Field, FieldKind, Ident, SqlType, Stored};
use super::page::Room;
use super::sql::{Alias, Datum, Row, Sql, Statement};
use super::value;

#[cfg(test)]
mod tests;

/// What can be asked for.
const ARGUMENTS: [&str; 8] = ["group_by", "count", "sum", "avg", "min", "max", "limit", "offset"];
/// Groups, unless the call says otherwise.
const GROUPS: i64 = 100;
/// Columns of a result at most.
const MAX_COLUMNS: usize = 30;

/// Refuses arguments of `list_` that mean nothing beside `aggregate`.
///
/// # Errors
/// When one is given.
pub(super) fn alone(arguments: &Arguments<'_>) -> Result<(), Failure> {
    for name in ["cursor", "fields", "limit", "offset", "order_by"] {
        if arguments.value(name).is_some() {
            let why = "means nothing beside aggregate; limit and offset of groups stand within it";
            return Err(Failure::argument(name, why));
        }
    }
    Ok(())
}

/// Runs an aggregate: `{count, results: [{…group, count, sum_price, …}]}`, the largest groups
/// first.
///
/// # Errors
/// When a field is not there or cannot be used so, or the database fails.
pub(super) async fn run(
    database: &Database,
    granted: &Granted<'_>,
    condition: &Condition<'_>,
    asked: &Map<String, Value>,
) -> Result<String, Failure> {
    let arguments = Arguments::new(asked, &ARGUMENTS)?;
    let query = Query::read(granted, &arguments)?;
    let limit = arguments.size("limit")?.unwrap_or(GROUPS);
    let limit = limit.min(database.settings.max_rows.into());
    let offset = arguments.size("offset")?.unwrap_or(0);
    let statement = query.statement(database, granted, condition, (limit, offset))?;
    let mut rows = match database.engine.read(statement).await {
        Ok(rows) => rows.all()?,
        // SQLite's sums have 64 bits.
        Err(EngineError::Value(_)) if query.has_sum() => {
            let text = "A sum is larger than the database can hold. Sum fewer rows: give filters.";
            return Err(Failure::new(text));
        }
        Err(error) => return Err(error.into()),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    query.show(&rows, (offset, has_more), Room::of(granted.caller(), true))
}

/// What an aggregate asks for.
struct Query<'a> {
    groups: Vec<Group<'a>>,
    measures: Vec<Measure<'a>>,
}

/// What rows are grouped by.
struct Group<'a> {
    name: String,
    field: &'a Field,
    part: Option<Part>,
    /// As what it is shown.
    shown: Field,
}

/// What is told of each group.
struct Measure<'a> {
    name: String,
    function: Function,
    /// What it is of; nothing for the count of rows.
    field: Option<&'a Field>,
    /// As what it is shown.
    shown: Field,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Function {
    Avg,
    Count,
    Max,
    Min,
    Sum,
}

impl Function {
    /// Those of fields.
    const OF_FIELDS: [(&'static str, Self); 4] =
        [("sum", Self::Sum), ("avg", Self::Avg), ("min", Self::Min), ("max", Self::Max)];

    /// As what it shows a field; nothing if it cannot be had of it.
    fn shows(self, field: &Field) -> Option<FieldKind> {
        let is_number = field.kind.is_number();
        match self {
            Self::Avg => is_number.then_some(FieldKind::Float),
            Self::Sum => is_number.then(|| match &field.kind {
                FieldKind::Decimal { places, .. } => {
                    FieldKind::Decimal { digits: None, places: *places }
                }
                kind => kind.clone(),
            }),
            Self::Max | Self::Min => {
                let has_extremes = is_number
                    || matches!(
                        field.kind,
                        FieldKind::Text { .. }
                            | FieldKind::Date
                            | FieldKind::Time
                            | FieldKind::Timestamp { .. }
                    );
                has_extremes.then(|| field.kind.clone())
            }
            Self::Count => Some(FieldKind::BIG_INTEGER),
        }
    }
}

impl<'a> Query<'a> {
    fn read(granted: &Granted<'a>, arguments: &Arguments<'_>) -> Result<Self, Failure> {
        let mut query = Self { groups: Vec::new(), measures: Vec::new() };
        for key in arguments.texts("group_by")?.unwrap_or_default() {
            query.groups.push(group(granted, key)?);
        }
        let mut names = Vec::new();
        for (word, function) in Function::OF_FIELDS {
            for name in arguments.texts(word)?.unwrap_or_default() {
                names.push((word, function, name));
            }
        }
        if arguments.flag("count", names.is_empty())? {
            query.measures.push(Measure {
                name: "count".to_owned(),
                function: Function::Count,
                field: None,
                shown: result(FieldKind::BIG_INTEGER),
            });
        }
        for (word, function, name) in names {
            let field = granted.open_field(name).ok_or_else(|| unknown(name))?;
            let kind = function.shows(field).ok_or_else(|| {
                Failure::new(format!(
                    "Invalid aggregate — {word} cannot be had of '{}'",
                    field.name
                ))
            })?;
            query.measures.push(Measure {
                name: format!("{word}_{}", field.name),
                function,
                field: Some(field),
                shown: Field {
                    stored: field.stored,
                    // An average of `real` is none.
                    sql_type: match function {
                        Function::Avg | Function::Count => SqlType::NONE,
                        _ => field.sql_type.clone(),
                    },
                    ..result(kind)
                },
            });
        }
        if query.groups.is_empty() && query.measures.is_empty() {
            let text = "Invalid aggregate — ask for count, or for a field of sum, avg, min, max or \
                        group_by";
            return Err(Failure::new(text));
        }
        if query.groups.len() + query.measures.len() > MAX_COLUMNS {
            return Err(Failure::new("Invalid aggregate — at most 30 columns can be asked for"));
        }
        Ok(query)
    }

    fn statement(
        &self,
        database: &Database,
        granted: &Granted<'_>,
        condition: &Condition<'_>,
        (limit, offset): (i64, i64),
    ) -> Result<Statement, Failure> {
        let mut sql = Sql::new(database.engine.dialect());
        let alias = sql.alias();
        sql.push("SELECT ");
        let mut separator = "";
        for group in &self.groups {
            sql.push(separator);
            group.operand(alias).write(&mut sql);
            sql.readable(&group.shown);
            separator = ", ";
        }
        for measure in &self.measures {
            sql.push(separator);
            measure.write(&mut sql, alias);
            separator = ", ";
        }
        sql.push(" FROM ").rows_of(granted, alias).push(" WHERE 1 = 1");
        condition.write(&mut sql, granted, alias)?;
        self.in_groups(&mut sql, alias);
        sql.push(" LIMIT ").bind(Datum::Integer(limit.saturating_add(1)));
        if offset > 0 {
            sql.push(" OFFSET ").bind(Datum::Integer(offset));
        }
        Ok(sql.finish())
    }

    fn has_sum(&self) -> bool {
        self.measures.iter().any(|measure| measure.function == Function::Sum)
    }

    fn in_groups(&self, sql: &mut Sql, alias: Alias) {
        for before in [" GROUP BY ", " ORDER BY count(*) DESC, "] {
            let mut separator = before;
            for group in &self.groups {
                sql.push(separator);
                group.operand(alias).write(sql);
                separator = ", ";
            }
        }
    }

    /// The answer. What does not fit is behind `next_offset`, as are groups beyond the limit.
    fn show(
        &self,
        rows: &[Row],
        (offset, has_more): (i64, bool),
        mut room: Room,
    ) -> Result<String, Failure> {
        let groups = self.groups.iter().map(|group| (&group.name, &group.shown));
        let measures = self.measures.iter().map(|measure| (&measure.name, &measure.shown));
        let columns: Vec<_> = groups.chain(measures).collect();
        let mut shown = Vec::new();
        for row in rows {
            let mut object = Object::new();
            for ((name, field), datum) in columns.iter().zip(row) {
                value::write(object.key(name), field, &whole(field, datum));
            }
            let object = object.finish();
            if !room.take(&object, 2) {
                break;
            }
            shown.push(object);
        }
        if shown.is_empty() && !rows.is_empty() {
            let text = "Not one group fits the token's max_context. Ask for fewer fields.";
            return Err(Failure::new(text));
        }
        let mut result = Object::new();
        result.number("count", i128::try_from(shown.len()).unwrap_or(0));
        result.raw("results", &array(&shown));
        if has_more || shown.len() < rows.len() {
            let end = offset.saturating_add(i64::try_from(shown.len()).unwrap_or(0));
            result.flag("has_more", true).number("next_offset", end);
        }
        Ok(result.finish())
    }
}

impl<'a> Group<'a> {
    const fn operand(&self, alias: Alias) -> Operand<'a> {
        Operand { alias, field: self.field, part: self.part }
    }
}

impl Measure<'_> {
    fn write(&self, sql: &mut Sql, alias: Alias) {
        let Some(field) = self.field else {
            sql.push("count(*)");
            return;
        };
        sql.push(match self.function {
            Function::Avg => "avg(",
            Function::Count => "count(",
            Function::Max => "max(",
            Function::Min => "min(",
            Function::Sum => "sum(",
        });
        sql.column(alias, &field.column).push(")");
        // A sum of whole numbers may be larger than they are, and is a decimal on PostgreSQL.
        match (self.function, &self.shown.kind) {
            (Function::Sum, FieldKind::Integer { .. }) => sql.either("::text", ""),
            _ => sql.readable(&self.shown),
        };
    }
}

/// A sum of whole numbers that came as a text, because it may be larger than they are, as the
/// number that it is if it is none too large.
fn whole<'d>(field: &Field, datum: &'d Datum) -> Cow<'d, Datum> {
    let number = match (&field.kind, datum) {
        (FieldKind::Integer { .. }, Datum::Text(text)) => text.parse().ok(),
        _ => None,
    };
    number.map_or(Cow::Borrowed(datum), |number| Cow::Owned(Datum::Integer(number)))
}

/// A key of `group_by`: a field, or a part of a moment such as `created_at__year`.
fn group<'a>(granted: &Granted<'a>, key: &str) -> Result<Group<'a>, Failure> {
    let (name, part) = match granted.open_field(key) {
        Some(_) => (key, None),
        None => {
            key.rsplit_once("__").map_or((key, None), |(name, word)| (name, Part::from_word(word)))
        }
    };
    let is_plain = key == name;
    let field = granted.open_field(name).filter(|_| is_plain || part.is_some());
    let field = field.filter(|field| match part {
        None => field.kind.is_ordered(),
        Some(part) => part.fits(&field.kind),
    });
    let field = field.ok_or_else(|| unknown(key))?;
    let shown = match part {
        None => field.clone(),
        Some(part) => part.of(field),
    };
    Ok(Group { name: key.to_owned(), field, part, shown })
}

fn unknown(name: &str) -> Failure {
    let name: String = name.chars().take(64).collect();
    Failure::new(format!("Invalid aggregate — unknown field '{name}'"))
}

/// A column of the result.
fn result(kind: FieldKind) -> Field {
    Field {
        name: String::new(),
        column: Ident::literal("result"),
        kind,
        stored: Stored::Native,
        sql_type: SqlType::NONE,
        is_nullable: true,
        has_default: false,
        is_generated: true,
        choices: Vec::new(),
        is_readable: true,
        is_writable: false,
        is_redacted: false,
        is_searchable: false,
        description: String::new(),
    }
}
