//! The members that a result has in the modern era: `resultType`, `ttlMs`, `cacheScope`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::ListError;
use crate::headers::Era;
use crate::json::{self, Members};
use crate::splice::{Patch, span};

/// How a result is adapted to the client that gets it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Adapt {
    /// The client's era. A modern one gets the members that a legacy server leaves out.
    pub client: Era,
    /// Whether the method's results carry `ttlMs` and `cacheScope`
    /// ([`crate::Method::is_cacheable`]).
    pub is_cacheable: bool,
    /// `ttlMs` at most, in milliseconds.
    pub max_ttl_ms: u64,
}

/// Adapts any result inside of a whole JSON-RPC answer. What depends on the token must not be
/// shared between tokens, so a `cacheScope` becomes `private` wherever there is one, and `ttlMs`
/// is bounded. An answer without a result object is given back as it is.
///
/// # Errors
/// When one of the members stands twice.
pub fn adapt<'a>(text: &'a str, adapt: &Adapt) -> Result<Cow<'a, str>, ListError> {
    let Ok(message) = Members::read(text) else {
        return Ok(Cow::Borrowed(text));
    };
    let result = message.find("result").map_err(|_| ListError::Twice("result"))?;
    let Some(result) = result.map(|member| member.value).filter(|raw| json::is_object(raw)) else {
        return Ok(Cow::Borrowed(text));
    };
    let members = Members::read(result.get()).map_err(|_| ListError::NotAList("result"))?;
    let mut patch = Patch::default();
    edits(text, result.get(), &members, adapt, &mut patch)?;
    Ok(if patch.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(patch.apply(text)?) })
}

/// The changes that [`adapt`] makes to the result whose members these are.
pub(super) fn edits(
    text: &str,
    result: &str,
    members: &Members<'_>,
    adapt: &Adapt,
    patch: &mut Patch,
) -> Result<(), ListError> {
    let find = |key: &'static str| match members.find(key) {
        Ok(found) => Ok(found.map(|member| member.value)),
        Err(_) => Err(ListError::Twice(key)),
    };
    let (scope, ttl, kind) = (find("cacheScope")?, find("ttlMs")?, find("resultType")?);
    if let Some(scope) = scope.filter(|raw| raw.get() != r#""private""#) {
        patch.replace(span(text, scope), r#""private""#);
    }
    if let Some(ttl) = ttl.filter(|raw| !is_within(raw, adapt.max_ttl_ms)) {
        patch.replace(span(text, ttl), adapt.max_ttl_ms.to_string());
    }
    if adapt.client == Era::Legacy {
        return Ok(());
    }
    let mut missing = Vec::new();
    if kind.is_none() {
        missing.push(r#""resultType":"complete""#.to_owned());
    }
    let is_complete =
        kind.is_none_or(|raw| json::text(raw).as_deref().is_some_and(|kind| kind == "complete"));
    if adapt.is_cacheable && is_complete {
        // Nothing is known of how long it holds, so a client has to ask again.
        missing.extend(ttl.is_none().then(|| r#""ttlMs":0"#.to_owned()));
        missing.extend(scope.is_none().then(|| r#""cacheScope":"private""#.to_owned()));
    }
    patch.append(text, result, members, &missing.join(","));
    Ok(())
}

fn is_within(ttl: &RawValue, max: u64) -> bool {
    serde_json::from_str::<u64>(ttl.get()).is_ok_and(|ttl| ttl <= max)
}
