//! Results of writing, fitted to the caller's context: what was done is done, so that the answer
//! has to fit whatever it holds.

use super::super::access::Writable;
use super::super::errors::Failure;
use super::super::json::array;
use super::super::page::{CAPS, Room};
use super::super::rows::Columns;
use super::create::Written;
use super::scan;
use super::work::Work;

/// A written row as far as the caller may see it: all of it with the right to view, else what the
/// call itself gave.
///
/// # Errors
/// When the database cannot be read.
pub(in crate::database) async fn object(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    written: &Written<'_>,
    room: &mut Room,
) -> Result<String, Failure> {
    if writable.is_seen() {
        return Ok(fit(&written.columns, &written.row, room));
    }
    let columns = Columns::new(writable.granted(), Some(&written.names))?;
    let key = written.columns.key_values(&written.row);
    let row = scan::by_keys(work, &columns, &[key], &[]).await?.into_iter().next();
    Ok(fit(&columns, &row.unwrap_or_default(), room))
}

fn fit(columns: &Columns<'_>, row: &super::super::sql::Row, room: &mut Room) -> String {
    let caps = std::iter::once(None).chain(CAPS.into_iter().map(Some));
    let mut shown = caps.map(|cap| columns.show(row, cap));
    let fitting = shown.find(|shown| room.has(shown, 1));
    // In the end nothing of the row: that it was written is said beside it.
    let key = || Some(columns.show_key(row)).filter(|key| room.has(key, 1));
    let shown = fitting.or_else(key).unwrap_or_else(|| "null".to_owned());
    room.take(&shown, 1);
    shown
}

/// As many of these items as fit, and how many do not.
pub(in crate::database) fn fitting(
    items: &[String],
    depth: usize,
    room: &mut Room,
) -> (String, usize) {
    let count = items.iter().take_while(|item| room.take(item, depth)).count();
    (array(items.get(..count).unwrap_or_default()), items.len() - count)
}
