//! What check constraints say of columns.

use crate::database::model::{Check, Choice, Field, FieldKind};

/// Takes the choices of a column from a check that lists them, as
/// `status IN ('draft', 'published')` or PostgreSQL's
/// `((status)::text = ANY ((ARRAY['draft'::character varying, …])::text[]))`.
pub(super) fn choices(fields: &mut [Field], checks: &[Check]) {
    for field in fields.iter_mut().filter(|field| matches!(field.kind, FieldKind::Text { .. })) {
        let found = checks.iter().find_map(|check| listed(&check.expression, &field.name));
        if let Some(values) = found {
            let choice = |value: String| Choice { value: value.clone().into(), label: value };
            field.choices = values.into_iter().map(choice).collect();
        }
    }
}

fn listed(expression: &str, column: &str) -> Option<Vec<String>> {
    let mut rest = strip_parentheses(expression.trim());
    rest = column_at(rest, column)?;
    rest = rest.strip_prefix("::text").unwrap_or(rest).trim_start();
    let lower = rest.to_ascii_lowercase();
    let list = if lower.starts_with("in") {
        rest.get(2..)?.trim_start().strip_prefix('(')?.strip_suffix(')')?
    } else {
        let rest = rest.strip_prefix('=')?.trim_start();
        let from = rest.strip_prefix("ANY")?.trim_start().trim_start_matches('(');
        let from = from.strip_prefix("ARRAY[")?;
        from.get(..from.rfind(']').and_then(|end| closing(from, end))?)?
    };
    literals(list)
}

/// The end of the array that begins a text whose last `]` is at `last`: `text[]` may follow it.
fn closing(text: &str, last: usize) -> Option<usize> {
    let head = text.get(..last)?;
    match head.strip_suffix("text[").or_else(|| head.strip_suffix("character varying[")) {
        Some(before) => before.rfind(']'),
        None => Some(last),
    }
}

/// What follows the column's name, which may be quoted and in parentheses.
fn column_at<'a>(text: &'a str, column: &str) -> Option<&'a str> {
    let (text, close) = match text.strip_prefix('(') {
        Some(inner) => (inner, ")"),
        None => (text, ""),
    };
    let quoted = format!("\"{column}\"");
    let rest = match text.strip_prefix(&quoted) {
        Some(rest) => rest,
        None => text
            .strip_prefix(column)
            .filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))?,
    };
    Some(rest.trim_start().strip_prefix(close)?.trim_start())
}

/// Without the parentheses that stand around all of it.
fn strip_parentheses(mut text: &str) -> &str {
    loop {
        let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        match inner.filter(|inner| is_balanced(inner)) {
            Some(inner) => text = inner.trim(),
            None => return text,
        }
    }
}

fn is_balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    for c in text.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// The texts of a list of literals, each perhaps with a cast; nothing if anything else is in it.
fn literals(list: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut rest = list.trim();
    loop {
        rest = rest.trim_start_matches('(').strip_prefix('\'')?;
        let mut value = String::new();
        loop {
            let end = rest.find('\'')?;
            value.push_str(rest.get(..end)?);
            rest = rest.get(end + 1..)?;
            match rest.strip_prefix('\'') {
                Some(after) => {
                    value.push('\'');
                    rest = after;
                }
                None => break,
            }
        }
        values.push(value);
        let (cast, after) = rest.split_once(',').unwrap_or((rest, ""));
        let cast = cast.trim_start_matches(')').trim();
        if !(cast.is_empty() || cast.starts_with("::")) {
            return None;
        }
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(values);
        }
    }
}

/// The check constraints in the text of SQLite's `CREATE TABLE`, which it keeps as written.
pub(super) fn of_create_table(sql: &str) -> Vec<Check> {
    let tokens = tokens(sql);
    let is = |at: usize, word: &str| {
        tokens.get(at).is_some_and(|(_, token)| token.eq_ignore_ascii_case(word))
    };
    let checks = (0..tokens.len()).filter(|at| is(*at, "check") && is(at + 1, "("));
    let check = |at: usize| {
        let name = at.checked_sub(1).filter(|before| *before > 0 && is(before - 1, "constraint"));
        let name = name.and_then(|before| tokens.get(before));
        let inner = tokens.get(at + 2..)?;
        let (from, _) = tokens.get(at + 1)?;
        let end = closing_parenthesis(inner)?;
        Some(Check {
            name: name.map(|(_, name)| name.trim_matches('"').to_owned()),
            expression: sql.get(from + 1..end)?.trim().to_owned(),
        })
    };
    checks.filter_map(check).collect()
}

/// Where the parenthesis is that closes one before these tokens.
fn closing_parenthesis(tokens: &[(usize, &str)]) -> Option<usize> {
    let mut depth = 1_u32;
    for (at, token) in tokens {
        match *token {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(*at);
        }
    }
    None
}

/// Words, quoted texts and single signs, and where they are; comments are left out.
fn tokens(sql: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '\'' | '"' | '`' => rest.get(1..).and_then(|t| t.find(c)).map_or(rest.len(), |n| n + 2),
            '[' => rest.find(']').map_or(rest.len(), |n| n + 1),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |n| n + 2),
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        let at = sql.len() - rest.len();
        let (token, after) = rest.split_at(end);
        let is_comment = token.starts_with("--") || token.starts_with("/*");
        if !is_comment && !token.trim().is_empty() {
            tokens.push((at, token));
        }
        rest = after;
    }
    tokens
}
