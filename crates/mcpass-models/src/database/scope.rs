//! Row scopes: which rows exist for a caller.
//!
//! A scope is a condition in SQL that an operator wrote into the settings, such as
//! `tenant_id = 4 AND owner = :user`. It is the only SQL that comes from outside of this program,
//! and from its operator alone. `:user` and `:token` become parameters.

use crate::local::Caller;

#[cfg(test)]
mod tests;

/// A condition that rows have to meet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scope(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Sql(String),
    User,
    Token,
}

impl Part {
    /// The value of a parameter for this caller.
    pub(super) fn value<'a>(&self, caller: &Caller<'a>) -> Option<&'a str> {
        match self {
            Self::Sql(_) => None,
            Self::User => Some(caller.user),
            Self::Token => Some(caller.token),
        }
    }
}

/// A condition that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidScope {
    /// Nothing stands in it.
    #[error("a row scope is empty; write a condition in SQL, or leave `where` out")]
    Empty,
    /// It could end the statement or hide what follows.
    #[error("a row scope holds {0}, which would reach beyond it; write one condition in SQL")]
    Reaches(&'static str),
    /// A parameter that there is none of.
    #[error("a row scope names the parameter `:{0}`; there are `:user` and `:token`")]
    UnknownParameter(String),
    /// Quotes or parentheses that are not closed.
    #[error("a row scope leaves {0} open")]
    Unclosed(&'static str),
}

impl Scope {
    /// Reads a condition. What is quoted is left alone.
    ///
    /// # Errors
    /// When it is empty, not closed, or names an unknown parameter; and when it holds `;`, a
    /// comment or a dollar quote, with which it would reach beyond its place.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.trim().is_empty() {
            return Err(InvalidScope::Empty);
        }
        let mut parts = Vec::new();
        let mut sql = String::new();
        let mut depth = 0_u32;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let next = rest.peek().copied();
            match c {
                '\'' | '"' => {
                    sql.push(c);
                    loop {
                        let inner = rest.next().ok_or(InvalidScope::Unclosed("a quote"))?;
                        if matches!(inner, '\\' | '\0') {
                            return Err(InvalidScope::Reaches("a backslash or zero in quotes"));
                        }
                        sql.push(inner);
                        if inner == c {
                            break;
                        }
                    }
                    continue;
                }
                ';' => return Err(InvalidScope::Reaches("`;`")),
                '$' => return Err(InvalidScope::Reaches("`$`")),
                '?' => return Err(InvalidScope::Reaches("`?`")),
                '`' | '[' => return Err(InvalidScope::Reaches("a quote that is not of SQL")),
                '\0' => return Err(InvalidScope::Reaches("a zero character")),
                '\\' => return Err(InvalidScope::Reaches("a backslash")),
                '-' if next == Some('-') => return Err(InvalidScope::Reaches("a comment")),
                '/' if next == Some('*') => return Err(InvalidScope::Reaches("a comment")),
                '(' => depth += 1,
                ')' => {
                    let outer = depth.checked_sub(1);
                    depth = outer.ok_or(InvalidScope::Reaches("a `)` too many"))?;
                }
                ':' if next == Some(':') => {
                    sql.push_str("::");
                    rest.next();
                    continue;
                }
                ':' => {
                    let mut name = String::new();
                    while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                        name.push(c);
                    }
                    parts.push(Part::Sql(std::mem::take(&mut sql)));
                    parts.push(match name.as_str() {
                        "user" => Part::User,
                        "token" => Part::Token,
                        _ => return Err(InvalidScope::UnknownParameter(name)),
                    });
                    continue;
                }
                _ => {}
            }
            sql.push(c);
        }
        if depth > 0 {
            return Err(InvalidScope::Unclosed("a parenthesis"));
        }
        parts.push(Part::Sql(sql));
        Ok(Self(parts))
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }
}
