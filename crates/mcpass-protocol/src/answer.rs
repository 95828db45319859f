//! One message from an upstream, read for what the gateway has to know of it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{self, Members};

#[cfg(test)]
mod tests;

/// What a message from an upstream is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AnswerKind {
    /// An error in answer to a request.
    Error,
    /// A notification from the server.
    Notification,
    /// A request from the server, such as sampling or a ping.
    Request,
    /// A result in answer to a request.
    Result,
}

/// One JSON-RPC message from an upstream, borrowed from its bytes.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    text: &'a str,
    /// What it is.
    pub kind: AnswerKind,
    /// The id as it was sent; `None` in a notification and where it is null.
    pub id: Option<&'a RawValue>,
    /// The method of a request or notification.
    pub method: Option<Cow<'a, str>>,
    /// The result as it was sent.
    pub result: Option<&'a RawValue>,
    /// The code of an error, if it is an integer.
    pub error_code: Option<i64>,
    /// Whether it is an error, or a result with `isError: true`.
    pub is_error: bool,
    /// `result.resultType` (modern era); absent means `complete`.
    pub result_type: Option<Cow<'a, str>>,
}

impl<'a> Answer<'a> {
    /// Reads one message.
    ///
    /// # Errors
    /// When it is not one JSON-RPC message, or says the same thing twice.
    pub fn parse(body: &'a [u8]) -> Result<Self, AnswerError> {
        let text = std::str::from_utf8(body).map_err(|_| AnswerError::NotUtf8)?;
        if json::is_too_deep(body) {
            return Err(AnswerError::TooDeep);
        }
        let members = Members::read(text).map_err(|_| AnswerError::NotAnObject)?;
        let find = |key: &'static str| match members.find(key) {
            Ok(found) => Ok(found.map(|member| member.value)),
            Err(_) => Err(AnswerError::DuplicateKey(key)),
        };
        let method = find("method")?.map(|raw| json::text(raw).ok_or(AnswerError::BadMethod));
        let method = method.transpose()?;
        let id = find("id")?.filter(|raw| raw.get() != "null");
        let (mut result, mut error) = (find("result")?, find("error")?);
        if result.is_some() && error.is_some() {
            // Some servers send the other one as null.
            result = result.filter(|raw| raw.get() != "null");
            error = error.filter(|raw| raw.get() != "null");
        }
        let kind = match (&method, result, error) {
            (Some(_), None, None) if id.is_some() => AnswerKind::Request,
            (Some(_), None, None) => AnswerKind::Notification,
            (None, Some(_), None) => AnswerKind::Result,
            (None, None, Some(_)) => AnswerKind::Error,
            _ => return Err(AnswerError::NotOneThing),
        };
        let mut answer = Self {
            text,
            kind,
            id,
            method,
            result,
            error_code: error.and_then(error_code),
            is_error: error.is_some(),
            result_type: None,
        };
        answer.read_result()?;
        Ok(answer)
    }

    fn read_result(&mut self) -> Result<(), AnswerError> {
        let Some(result) = self.result.filter(|result| json::is_object(result)) else {
            return Ok(());
        };
        let head: ResultHead<'a> =
            serde_json::from_str(result.get()).map_err(|_| AnswerError::BadResult)?;
        self.is_error = head.is_error.is_some_and(|raw| raw.get() == "true");
        self.result_type = head.result_type.and_then(json::text);
        Ok(())
    }

    /// The message as it was sent.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Unicode characters of the result's JSON text: what `max_context` bounds.
    pub fn result_chars(&self) -> u64 {
        let chars = self.result.map_or(0, |result| result.get().chars().count());
        u64::try_from(chars).unwrap_or(u64::MAX)
    }

    /// Whether the result has more than `limit` characters. 0 means no limit.
    pub fn is_larger_than(&self, limit: u64) -> bool {
        // A character has at least one byte, so most results need no counting.
        let bytes = self.result.map_or(0, |result| result.get().len());
        limit > 0 && u64::try_from(bytes).unwrap_or(u64::MAX) > limit && self.result_chars() > limit
    }

    /// Whether this ends the request with the given id: a result or error that carries it,
    /// compared as values, so that `"a"` and `"\u0061"` are the same.
    pub fn answers(&self, id: &RawValue) -> bool {
        let is_answer = matches!(self.kind, AnswerKind::Result | AnswerKind::Error);
        is_answer && self.id.is_some_and(|ours| same_id(ours, id))
    }

    /// Whether the server wants something more from the client before it can finish
    /// (`resultType: "input_required"`), or has turned the call into a task.
    pub fn is_complete(&self) -> bool {
        self.result_type.as_deref().is_none_or(|kind| kind == "complete")
    }
}

#[derive(serde::Deserialize)]
struct ResultHead<'a> {
    #[serde(borrow, rename = "isError")]
    is_error: Option<&'a RawValue>,
    #[serde(borrow, rename = "resultType")]
    result_type: Option<&'a RawValue>,
}

fn error_code(error: &RawValue) -> Option<i64> {
    let members = Members::read(error.get()).ok()?;
    serde_json::from_str(members.find("code").ok()??.value.get()).ok()
}

fn same_id(one: &RawValue, other: &RawValue) -> bool {
    one.get() == other.get()
        || json::text(one).is_some_and(|one| json::text(other).is_some_and(|other| one == other))
}

/// Why what an upstream sent is not a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// A method that is no text.
    #[error("`method` is not a string")]
    BadMethod,
    /// `isError` or `resultType` stands twice.
    #[error("`result` cannot be read without doubt")]
    BadResult,
    /// A key that stands twice.
    #[error("the key `{0}` stands twice")]
    DuplicateKey(&'static str),
    /// No JSON object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// None or several of method, result and error.
    #[error("it is neither a result, an error, a request nor a notification")]
    NotOneThing,
    /// Arrays and objects nest too deep.
    #[error("it nests deeper than {} levels", json::MAX_DEPTH)]
    TooDeep,
}
