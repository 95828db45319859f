//! The one pass over a message.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{ClientInfo, EnvelopeError, Kind, MAX_ID, MAX_METHOD, Message, Meta, Reference};
use crate::json::{self, Text};
use crate::methods::Method;

/// Reads `text`, which is not too deep.
pub(super) fn message(text: &str) -> Result<Message<'_>, EnvelopeError> {
    match text.trim_start_matches([' ', '\t', '\n', '\r']).as_bytes().first() {
        Some(b'{') => {}
        other => return Err(not_an_object(text, other.copied())),
    }
    let mut draft = Draft::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Reader { draft: &mut draft, level: Level::Message }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    match read {
        Ok(()) => draft.finish(text),
        Err(error) => Err(draft.explain(&error)),
    }
}

/// Something else than an object: a batch, another value, or no JSON at all.
fn not_an_object(text: &str, first: Option<u8>) -> EnvelopeError {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) if first == Some(b'[') => EnvelopeError::Batch,
        Ok(_) => EnvelopeError::NotAnObject,
        Err(error) => not_json(&error),
    }
}

fn not_json(error: &serde_json::Error) -> EnvelopeError {
    // The text of a syntax error names what was expected, never what was sent; its tail is the
    // position, which is told apart.
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    EnvelopeError::NotJson { line: error.line(), column: error.column(), message }
}

/// An object that is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Level {
    Client,
    Message,
    Meta,
    Params,
    Reference,
}

impl Level {
    /// The keys that are read there. Those before the count decide what is asked for, so another
    /// letter case of them is refused.
    const fn keys(self) -> (&'static [&'static str], usize) {
        match self {
            Self::Client => (&["name", "version"], 0),
            Self::Message => (
                &[
                    "jsonrpc",
                    "id",
                    "method",
                    "params",
                    "result",
                    "error",
                    "name",
                    "uri",
                    "arguments",
                ],
                9,
            ),
            Self::Meta => (
                &[
                    "io.modelcontextprotocol/protocolVersion",
                    "io.modelcontextprotocol/clientCapabilities",
                    "io.modelcontextprotocol/clientInfo",
                ],
                0,
            ),
            Self::Params => (
                &[
                    "name",
                    "uri",
                    "ref",
                    "taskId",
                    "_meta",
                    "arguments",
                    "notifications",
                    "cursor",
                    "protocolVersion",
                    "clientInfo",
                    "requestId",
                ],
                7,
            ),
            Self::Reference => (&["type", "name", "uri"], 3),
        }
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Draft<'a> {
    jsonrpc: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    has_params: bool,
    has_result: bool,
    flat: Named<'a>,
    named: Named<'a>,
    task_id: Option<Cow<'a, str>>,
    cursor: Option<Cow<'a, str>>,
    asked_version: Option<Cow<'a, str>>,
    request_id: Option<&'a RawValue>,
    subscription: Option<&'a RawValue>,
    reference: ReferenceDraft<'a>,
    client: ClientInfo<'a>,
    meta: Meta<'a>,
    /// Whether the client being read is the one in `_meta`.
    in_meta: bool,
    /// What is being read, for an error of type.
    place: &'static str,
    fault: Option<EnvelopeError>,
}

#[derive(Debug, Default)]
struct Named<'a> {
    name: Option<Cow<'a, str>>,
    uri: Option<Cow<'a, str>>,
    arguments: Option<&'a RawValue>,
}

#[derive(Debug, Default)]
struct ReferenceDraft<'a> {
    kind: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    uri: Option<Cow<'a, str>>,
}

impl<'a> Draft<'a> {
    fn explain(self, error: &serde_json::Error) -> EnvelopeError {
        match (self.fault, error.classify()) {
            (Some(fault), _) => fault,
            (None, Category::Data) => EnvelopeError::WrongType(self.place),
            (None, _) => not_json(error),
        }
    }

    fn finish(mut self, text: &'a str) -> Result<Message<'a>, EnvelopeError> {
        if self.jsonrpc.is_some_and(|raw| json::text(raw).as_deref() != Some("2.0")) {
            return Err(EnvelopeError::WrongVersion);
        }
        let is_bare = self.jsonrpc.is_none();
        if self.id.is_some_and(|id| !is_id(id.get())) {
            return Err(EnvelopeError::BadId);
        }
        let method = self.method.map(read_method).transpose()?;
        let known = method.as_deref().map_or(Method::Other, Method::parse);
        let kind = self.kind(is_bare, known)?;
        if is_bare {
            self.take_flat()?;
        }
        let reference = self.reference.finish();
        let Named { name, uri, arguments } = self.named;
        Ok(Message {
            text,
            kind,
            id: self.id,
            method: method.unwrap_or_default(),
            known,
            is_bare,
            name,
            uri,
            task_id: self.task_id,
            cursor: self.cursor,
            reference,
            arguments,
            request_id: self.request_id,
            subscription: self.subscription,
            asked_version: self.asked_version,
            client: self.client,
            meta: self.meta,
        })
    }

    fn kind(&self, is_bare: bool, known: Method) -> Result<Kind, EnvelopeError> {
        match (self.method.is_some(), self.has_result) {
            (true, true) => {
                Err(EnvelopeError::Ambiguous("it has both a `method` and a `result` or `error`"))
            }
            (false, false) => Err(EnvelopeError::NoMethod),
            (false, true) => Ok(Kind::Response),
            (true, false) if self.id.is_some() => Ok(Kind::Request),
            (true, false) if is_bare && !known.is_notification() => Ok(Kind::Request),
            (true, false) => Ok(Kind::Notification),
        }
    }

    /// A bare message may name its tool outside of `params`, but not in both places.
    fn take_flat(&mut self) -> Result<(), EnvelopeError> {
        let flat = std::mem::take(&mut self.flat);
        let is_flat = flat.name.is_some() || flat.uri.is_some() || flat.arguments.is_some();
        if is_flat && self.has_params {
            return Err(EnvelopeError::Ambiguous(
                "it has `name`, `uri` or `arguments` next to `params`",
            ));
        }
        if is_flat {
            self.named = flat;
        }
        Ok(())
    }
}

impl<'a> ReferenceDraft<'a> {
    fn finish(self) -> Option<Reference<'a>> {
        match self.kind.as_deref() {
            Some("ref/prompt") => self.name.map(Reference::Prompt),
            Some("ref/resource") => self.uri.map(Reference::Resource),
            _ => None,
        }
    }
}

fn read_method(raw: &RawValue) -> Result<Cow<'_, str>, EnvelopeError> {
    json::text(raw)
        .filter(|method| (1..=MAX_METHOD).contains(&method.len()))
        .ok_or(EnvelopeError::BadMethod)
}

/// A string, or digits without fraction and exponent.
fn is_id(raw: &str) -> bool {
    raw.len() <= MAX_ID
        && (raw.starts_with('"')
            || raw.strip_prefix('-').unwrap_or(raw).bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads one object into the draft.
struct Reader<'s, 'a> {
    draft: &'s mut Draft<'a>,
    level: Level,
}

impl<'de> DeserializeSeed<'de> for Reader<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// `null` is what some clients send for nothing.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let (keys, deciding) = self.level.keys();
        let mut seen = 0_u32;
        while let Some(Text(key)) = map.next_key()? {
            let Some((bit, &known)) = (0_u32..).zip(keys).find(|(_, known)| **known == key) else {
                if let Some(meant) = keys.iter().take(deciding).find(|meant| folds_to(&key, meant))
                {
                    let key = key.chars().take(64).collect();
                    return self.fail(EnvelopeError::AmbiguousKey { key, meant });
                }
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen & (1 << bit) != 0 {
                return self.fail(EnvelopeError::DuplicateKey(known));
            }
            seen |= 1 << bit;
            self.member(known, &mut map)?;
        }
        Ok(())
    }
}

impl<'de> Reader<'_, 'de> {
    fn fail<E: Error>(&mut self, fault: EnvelopeError) -> Result<(), E> {
        self.draft.fault = Some(fault);
        Err(E::custom("refused"))
    }

    fn member<A: MapAccess<'de>>(
        &mut self,
        key: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let deeper = match (self.level, key) {
            (Level::Message, "params") => {
                self.draft.has_params = true;
                Some((Level::Params, "params"))
            }
            (Level::Params, "_meta") => Some((Level::Meta, "params._meta")),
            _ => None,
        };
        if let Some((level, place)) = deeper {
            let outside = std::mem::replace(&mut self.draft.place, place);
            map.next_value_seed(Reader { draft: self.draft, level })?;
            self.draft.place = outside;
            return Ok(());
        }
        let value: &'de RawValue = map.next_value()?;
        match self.take(key, value) {
            Ok(()) => Ok(()),
            Err(fault) => self.fail(fault),
        }
    }

    fn take(&mut self, key: &'static str, value: &'de RawValue) -> Result<(), EnvelopeError> {
        match self.level {
            Level::Message => self.take_of_message(key, value),
            Level::Params => self.take_of_params(key, value),
            Level::Meta => self.take_of_meta(key, value),
            Level::Client => {
                let client = if self.draft.in_meta {
                    &mut self.draft.meta.client
                } else {
                    &mut self.draft.client
                };
                // What a client says of itself decides nothing, so what cannot be read is left.
                *(if key == "name" { &mut client.name } else { &mut client.version }) =
                    json::text(value);
                Ok(())
            }
            Level::Reference => {
                let reference = &mut self.draft.reference;
                let field = match key {
                    "type" => &mut reference.kind,
                    "name" => &mut reference.name,
                    _ => &mut reference.uri,
                };
                *field = string(value, key)?;
                Ok(())
            }
        }
    }

    fn take_of_message(
        &mut self,
        key: &'static str,
        value: &'de RawValue,
    ) -> Result<(), EnvelopeError> {
        let draft = &mut *self.draft;
        match key {
            "jsonrpc" => draft.jsonrpc = Some(value),
            "id" => draft.id = Some(value),
            "method" => draft.method = Some(value),
            "name" => draft.flat.name = string(value, key)?,
            "uri" => draft.flat.uri = string(value, key)?,
            "arguments" => draft.flat.arguments = Some(value),
            _ => draft.has_result = true,
        }
        Ok(())
    }

    fn take_of_params(
        &mut self,
        key: &'static str,
        value: &'de RawValue,
    ) -> Result<(), EnvelopeError> {
        let draft = &mut *self.draft;
        match key {
            "name" => draft.named.name = string(value, key)?,
            "uri" => draft.named.uri = string(value, key)?,
            "taskId" => draft.task_id = string(value, key)?,
            "cursor" => draft.cursor = string(value, key)?,
            "protocolVersion" => draft.asked_version = string(value, key)?,
            "arguments" => draft.named.arguments = Some(value),
            "requestId" => draft.request_id = Some(value),
            "notifications" => draft.subscription = Some(value),
            "clientInfo" => return self.inner(Level::Client, value),
            _ => return self.inner(Level::Reference, value),
        }
        Ok(())
    }

    fn take_of_meta(
        &mut self,
        key: &'static str,
        value: &'de RawValue,
    ) -> Result<(), EnvelopeError> {
        let meta = &mut self.draft.meta;
        if key.ends_with("/protocolVersion") {
            meta.has_protocol_version = true;
            meta.protocol_version = string(value, key)?;
        } else if key.ends_with("/clientCapabilities") {
            meta.has_client_capabilities = json::is_object(value);
        } else {
            self.draft.in_meta = true;
            let read = self.inner(Level::Client, value);
            self.draft.in_meta = false;
            return read;
        }
        Ok(())
    }

    /// Reads a small object whose bytes are at hand. Anything but an object says nothing.
    fn inner(&mut self, level: Level, value: &'de RawValue) -> Result<(), EnvelopeError> {
        if !json::is_object(value) {
            return Ok(());
        }
        let mut deserializer = serde_json::Deserializer::from_str(value.get());
        let read = Reader { draft: self.draft, level }.deserialize(&mut deserializer);
        read.map_err(|error| self.draft.fault.take().unwrap_or_else(|| not_json(&error)))
    }
}

/// The text of a string; nothing for another kind of value.
fn string<'a>(
    value: &'a RawValue,
    key: &'static str,
) -> Result<Option<Cow<'a, str>>, EnvelopeError> {
    match json::text(value) {
        Some(text) => Ok(Some(text)),
        None if value.get().starts_with('"') => Err(EnvelopeError::UnreadableText(key)),
        None => Ok(None),
    }
}

/// Whether a decoder that folds case takes `key` for `known`, which is ASCII. Two letters outside
/// of ASCII fold into it: U+017F (long s) and U+212A (Kelvin sign).
fn folds_to(key: &str, known: &str) -> bool {
    let mut theirs = key.chars().map(|c| match c {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        c => c.to_ascii_lowercase(),
    });
    let mut ours = known.chars().map(|c| c.to_ascii_lowercase());
    key.len() >= known.len() && ours.all(|c| theirs.next() == Some(c)) && theirs.next().is_none()
}
