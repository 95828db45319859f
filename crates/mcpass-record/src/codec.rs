//! Records as bytes.
//!
//! Reasons are written by name, so that journals of an older version stay readable when reasons
//! are added. Texts are cut to their [`cap`], so that a record always fits; what is cut ends in an
//! ellipsis.

use std::borrow::Cow;
use std::net::IpAddr;

use mcpass_domain::{
    Admission, FamilyId, Hint, Outcome, Reason, RequestId, Surface, Timestamp, TokenId, redact,
};

/// One record of a journal.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "entries live in one reused vector, then in rows")]
pub enum Entry {
    /// A request was decided.
    Admission(Admission<'static>),
    /// A request was answered.
    Outcome(Outcome),
}

/// Bytes of each text at most. A longer one is cut at a character and ends in `…`.
pub mod cap {
    /// 100 characters of any script.
    pub const TOKEN_NAME: usize = 400;
    /// As a token's name.
    pub const USER: usize = 400;
    /// Longer ones are padding or attacks.
    pub const USER_AGENT: usize = 512;
    /// `clientInfo.name`.
    pub const CLIENT_NAME: usize = 128;
    /// `clientInfo.version`.
    pub const CLIENT_VERSION: usize = 64;
    /// Twice the longest valid server name; clients may ask for anything.
    pub const SERVER: usize = 64;
    /// The JSON-RPC method.
    pub const METHOD: usize = 128;
    /// One of a few words.
    pub const TARGET_KIND: usize = 32;
    /// Tool names are short, resource URIs need not be.
    pub const TARGET: usize = 2048;
    /// For the operator.
    pub const DETAIL: usize = 512;
    /// `Mcp-Session-Id`.
    pub const SESSION: usize = 256;
    /// The JSON-RPC id as sent.
    pub const RPC_ID: usize = 256;
    /// 32 hexadecimal digits, if it is valid.
    pub const TRACE_ID: usize = 64;
    /// Redacted arguments.
    pub const ARGUMENTS: usize = 16 << 10;
}

// The high half is the version of the fields, the low half the kind.
const ADMISSION: u8 = 0x11;
const OUTCOME: u8 = 0x12;

const TOKEN: u8 = 1;
const FAMILY: u8 = 1 << 1;
const HINT: u8 = 1 << 2;
const IPV6: u8 = 1 << 3;

const RPC_CODE: u8 = 1;
const IS_ERROR: u8 = 1 << 1;
const FAILURE: u8 = 1 << 2;
const CHARS: u8 = 1 << 3;
const UPSTREAM: u8 = 1 << 4;

/// Appends an admission.
pub(crate) fn put_admission(to: &mut Vec<u8>, admission: &Admission<'_>) {
    record(to, ADMISSION, |to| {
        to.extend_from_slice(admission.id.as_bytes());
        to.extend_from_slice(&admission.at.as_micros().to_le_bytes());
        to.push(match admission.surface {
            Surface::Mcp => 0,
            Surface::Validate => 1,
            Surface::Api => 2,
        });
        to.push(
            flag(TOKEN, admission.token.is_some())
                | flag(FAMILY, admission.family.is_some())
                | flag(HINT, admission.hint.is_some())
                | flag(IPV6, admission.remote_ip.is_ipv6()),
        );
        if let Some(token) = &admission.token {
            to.extend_from_slice(token.as_bytes());
        }
        if let Some(family) = &admission.family {
            to.extend_from_slice(family.as_bytes());
        }
        if let Some(hint) = &admission.hint {
            to.extend_from_slice(hint.as_str().as_bytes());
        }
        match admission.remote_ip {
            IpAddr::V4(ip) => to.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => to.extend_from_slice(&ip.octets()),
        }
        put_reason(to, admission.reason);
        to.extend_from_slice(&admission.cost.to_le_bytes());
        to.extend_from_slice(&admission.request_bytes.to_le_bytes());
        put_text(to, &admission.token_name, cap::TOKEN_NAME);
        put_text(to, &admission.user, cap::USER);
        put_text(to, &admission.user_agent, cap::USER_AGENT);
        put_text(to, &admission.client_name, cap::CLIENT_NAME);
        put_text(to, &admission.client_version, cap::CLIENT_VERSION);
        put_text(to, &admission.server, cap::SERVER);
        put_text(to, &admission.method, cap::METHOD);
        put_text(to, &admission.target_kind, cap::TARGET_KIND);
        put_text(to, &admission.target, cap::TARGET);
        put_text(to, &admission.detail, cap::DETAIL);
        put_text(to, &admission.session, cap::SESSION);
        put_text(to, &admission.rpc_id, cap::RPC_ID);
        put_text(to, &admission.trace_id, cap::TRACE_ID);
        put_text(to, &admission.arguments, cap::ARGUMENTS);
    });
}

/// Appends an outcome.
pub(crate) fn put_outcome(to: &mut Vec<u8>, outcome: &Outcome) {
    record(to, OUTCOME, |to| {
        to.extend_from_slice(outcome.id.as_bytes());
        to.push(
            flag(RPC_CODE, outcome.rpc_code.is_some())
                | flag(IS_ERROR, outcome.is_error)
                | flag(FAILURE, outcome.failure.is_some())
                | flag(CHARS, outcome.response_chars.is_some())
                | flag(UPSTREAM, outcome.upstream_us.is_some()),
        );
        to.extend_from_slice(&outcome.http_status.to_le_bytes());
        to.extend_from_slice(&outcome.response_bytes.to_le_bytes());
        to.extend_from_slice(&outcome.duration_us.to_le_bytes());
        if let Some(code) = outcome.rpc_code {
            to.extend_from_slice(&code.to_le_bytes());
        }
        if let Some(failure) = outcome.failure {
            put_reason(to, failure);
        }
        if let Some(chars) = outcome.response_chars {
            to.extend_from_slice(&chars.to_le_bytes());
        }
        if let Some(upstream) = outcome.upstream_us {
            to.extend_from_slice(&upstream.to_le_bytes());
        }
    });
}

/// Reads the records of a group into `entries`; answers how many of them this version does not
/// know. Their lengths are known, so the others are not lost.
pub(crate) fn read_group(records: &[u8], entries: &mut Vec<Entry>) -> u64 {
    let mut bytes = Bytes(records);
    let mut unknown = 0;
    while !bytes.0.is_empty() {
        let Some((kind, body)) = bytes.record() else { return unknown + 1 };
        let entry = match kind {
            ADMISSION => body.admission().map(Entry::Admission),
            OUTCOME => body.outcome().map(Entry::Outcome),
            _ => None,
        };
        match entry {
            Some(entry) => entries.push(entry),
            None => unknown += 1,
        }
    }
    unknown
}

fn record(to: &mut Vec<u8>, kind: u8, fields: impl FnOnce(&mut Vec<u8>)) {
    to.push(kind);
    let at = to.len();
    to.extend_from_slice(&[0; 4]);
    let start = to.len();
    fields(to);
    let length = u32::try_from(to.len() - start).unwrap_or(u32::MAX);
    if let Some(field) = to.get_mut(at..start) {
        field.copy_from_slice(&length.to_le_bytes());
    }
}

const fn flag(bit: u8, is_set: bool) -> u8 {
    if is_set { bit } else { 0 }
}

fn put_reason(to: &mut Vec<u8>, reason: Reason) {
    let name = reason.as_str();
    to.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    to.extend_from_slice(name.as_bytes());
}

fn put_text(to: &mut Vec<u8>, text: &str, cap: usize) {
    // Whatever a client sends can be recorded, and it may send a token in any place.
    let text = &redact::mask(text);
    let (kept, end) = cut(text, cap);
    let length = u16::try_from(kept.len() + end.len()).unwrap_or(u16::MAX);
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(kept.as_bytes());
    to.extend_from_slice(end.as_bytes());
}

/// What is kept of a text, and what it ends in if something was cut off.
fn cut(text: &str, cap: usize) -> (&str, &'static str) {
    const ELLIPSIS: &str = "…";
    if text.len() <= cap {
        return (text, "");
    }
    let end = text.floor_char_boundary(cap.saturating_sub(ELLIPSIS.len()));
    (text.get(..end).unwrap_or_default(), ELLIPSIS)
}

/// Bytes still to be read. Every method answers `None` where they are not what it expects.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn record(&mut self) -> Option<(u8, Self)> {
        let [kind] = self.array()?;
        let length = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        Some((kind, Self(self.slice(length)?)))
    }

    fn admission(mut self) -> Option<Admission<'static>> {
        let id = RequestId::from_bytes(self.array()?);
        let at = Timestamp::from_micros(i64::from_le_bytes(self.array()?));
        let surface = match self.array()? {
            [0] => Surface::Mcp,
            [1] => Surface::Validate,
            [2] => Surface::Api,
            [_] => return None,
        };
        let [flags] = self.array()?;
        let has = |bit| flags & bit != 0;
        let admission = Admission {
            id,
            at,
            surface,
            token: if has(TOKEN) { Some(TokenId::from_bytes(self.array()?)) } else { None },
            family: if has(FAMILY) { Some(FamilyId::from_bytes(self.array()?)) } else { None },
            hint: if has(HINT) { Some(Hint::of(&self.array::<12>()?)) } else { None },
            remote_ip: if has(IPV6) {
                IpAddr::from(self.array::<16>()?)
            } else {
                IpAddr::from(self.array::<4>()?)
            },
            reason: self.reason()?,
            cost: u32::from_le_bytes(self.array()?),
            request_bytes: self.number()?,
            token_name: self.text()?,
            user: self.text()?,
            user_agent: self.text()?,
            client_name: self.text()?,
            client_version: self.text()?,
            server: self.text()?,
            method: self.text()?,
            target_kind: self.text()?,
            target: self.text()?,
            detail: self.text()?,
            session: self.text()?,
            rpc_id: self.text()?,
            trace_id: self.text()?,
            arguments: self.text()?,
        };
        self.0.is_empty().then_some(admission)
    }

    fn outcome(mut self) -> Option<Outcome> {
        let id = RequestId::from_bytes(self.array()?);
        let [flags] = self.array()?;
        let has = |bit| flags & bit != 0;
        let outcome = Outcome {
            id,
            is_error: has(IS_ERROR),
            http_status: u16::from_le_bytes(self.array()?),
            response_bytes: self.number()?,
            duration_us: self.number()?,
            rpc_code: if has(RPC_CODE) { Some(i64::from_le_bytes(self.array()?)) } else { None },
            failure: if has(FAILURE) { Some(self.reason()?) } else { None },
            response_chars: if has(CHARS) { Some(self.number()?) } else { None },
            upstream_us: if has(UPSTREAM) { Some(self.number()?) } else { None },
        };
        self.0.is_empty().then_some(outcome)
    }

    fn reason(&mut self) -> Option<Reason> {
        let [length] = self.array()?;
        Reason::parse(std::str::from_utf8(self.slice(length.into())?).ok()?)
    }

    fn text(&mut self) -> Option<Cow<'static, str>> {
        let length = u16::from_le_bytes(self.array()?);
        let text = std::str::from_utf8(self.slice(length.into())?).ok()?;
        Some(if text.is_empty() { Cow::Borrowed("") } else { Cow::Owned(text.to_owned()) })
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(slice)
    }
}

#[cfg(test)]
pub(crate) mod tests;
