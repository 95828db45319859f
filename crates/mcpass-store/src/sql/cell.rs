//! A row of the access log, value by value, in the order of its columns.
//!
//! Both databases get the same values, whichever way they are handed over.

use std::net::IpAddr;

use mcpass_domain::{AccessRow, Admission, Hint, Outcome, Reason};

use super::codec::to_column;

/// One value. That of a column which may be NULL has a type even then, because PostgreSQL asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    /// As text. Most rows have the address of the row before, so it is formatted where it is used.
    Address(IpAddr),
    Bytes(Option<&'a [u8]>),
    Flag(Option<bool>),
    Number(Option<i64>),
    Text(Option<&'a str>),
}

/// All columns of `COLUMNS`, and then `done_seq`.
pub(super) fn of_row<'a>(
    row: &'a AccessRow,
    done_seq: Option<i64>,
    put: &mut (impl FnMut(Cell<'a>) + ?Sized),
) {
    of_admission(&row.admission, put);
    put(Cell::Text(Some(row.state.as_str())));
    of_outcome(row.outcome.as_ref(), put);
    put(Cell::Number(done_seq));
}

fn of_admission<'a>(admission: &'a Admission<'static>, put: &mut (impl FnMut(Cell<'a>) + ?Sized)) {
    fn number<'a>(number: i64) -> Cell<'a> {
        Cell::Number(Some(number))
    }
    fn text(text: &str) -> Cell<'_> {
        Cell::Text(Some(text))
    }
    put(Cell::Bytes(Some(admission.id.as_bytes())));
    put(number(admission.at.as_micros()));
    put(text(admission.surface.as_str()));
    put(Cell::Bytes(admission.token.as_ref().map(|id| id.as_bytes().as_slice())));
    put(Cell::Bytes(admission.family.as_ref().map(|id| id.as_bytes().as_slice())));
    put(text(&admission.token_name));
    put(Cell::Text(admission.hint.as_ref().map(Hint::as_str)));
    put(text(&admission.user));
    put(Cell::Address(admission.remote_ip));
    put(text(&admission.user_agent));
    put(or_null(&admission.client_name));
    put(or_null(&admission.client_version));
    put(text(&admission.server));
    put(text(&admission.method));
    put(text(&admission.target_kind));
    put(text(&admission.target));
    put(text(admission.reason.as_str()));
    put(or_null(&admission.detail));
    put(number(i64::from(admission.cost)));
    put(number(to_column(admission.request_bytes)));
    put(or_null(&admission.session));
    put(text(&admission.rpc_id));
    put(or_null(&admission.trace_id));
    put(or_null(&admission.arguments));
}

/// The columns from `http_status` on, all of them NULL where there is no outcome.
pub(super) fn of_outcome<'a>(
    outcome: Option<&'a Outcome>,
    put: &mut (impl FnMut(Cell<'a>) + ?Sized),
) {
    let number = |of: fn(&Outcome) -> Option<i64>| Cell::Number(outcome.and_then(of));
    put(number(|outcome| Some(i64::from(outcome.http_status))));
    put(number(|outcome| outcome.rpc_code));
    put(Cell::Flag(outcome.map(|outcome| outcome.is_error)));
    put(Cell::Text(outcome.and_then(|outcome| outcome.failure).map(Reason::as_str)));
    put(number(|outcome| Some(to_column(outcome.response_bytes))));
    put(number(|outcome| outcome.response_chars.map(to_column)));
    put(number(|outcome| Some(to_column(outcome.duration_us))));
    put(number(|outcome| outcome.upstream_us.map(to_column)));
}

fn or_null(text: &str) -> Cell<'_> {
    Cell::Text(Some(text).filter(|text| !text.is_empty()))
}
