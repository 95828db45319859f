//! What a validate call asks.

use std::net::IpAddr;

use mcpass_domain::{Ask, Target, ToolClass};
use serde_json::{Map, Value};

/// Cost of one call at most; beyond every `per_minute` there is.
const MAX_COST: u64 = 60_000_000;
/// Characters of a `request_id` at most.
const MAX_REQUEST_ID: usize = 200;
const MEMBERS: &[&str] = &[
    "token",
    "permission",
    "server",
    "tool",
    "tool_class",
    "cost",
    "client_ip",
    "request_id",
    "consume",
];

/// A question about a token.
pub(super) struct Question {
    /// The token, as the caller got it. Never printed.
    pub(super) token: String,
    asked: Asked,
    /// The class of the tool, for servers that mcpass does not know.
    pub(super) class: Option<ToolClass>,
    /// What to count against the limits.
    pub(super) cost: u32,
    /// Where the caller's client is.
    pub(super) client_ip: Option<IpAddr>,
    /// The same question again gives the same reply.
    pub(super) request_id: Option<String>,
    /// False only looks.
    pub(super) consume: bool,
}

enum Asked {
    /// Validity and limits only.
    Nothing,
    /// `server.name`, split at the first dot.
    Permission {
        server: String,
        name: String,
    },
    Tool {
        server: String,
        tool: String,
    },
}

/// What is wrong with a question. Names members, never values: one of them is a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum BadQuestion {
    #[error("`{0}` must be {1}")]
    Member(&'static str, &'static str),
    #[error("the body must be a JSON object with `token`")]
    NotAnObject,
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    #[error("give either `permission` or `server` and `tool`")]
    TwoQuestions,
    #[error(
        "there is a member that is not known here; known are token, permission, server, tool, \
         tool_class, cost, client_ip, request_id, consume"
    )]
    UnknownMember,
}

impl Question {
    /// Reads a question.
    pub(super) fn read(body: &[u8]) -> Result<Self, BadQuestion> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| BadQuestion::NotJson { line: error.line(), column: error.column() })?;
        let Value::Object(members) = value else {
            return Err(BadQuestion::NotAnObject);
        };
        if members.keys().any(|key| !MEMBERS.contains(&key.as_str())) {
            return Err(BadQuestion::UnknownMember);
        }
        let token = text(&members, "token")?.ok_or(BadQuestion::Member("token", "a string"))?;
        let (permission, server, tool) =
            (text(&members, "permission")?, text(&members, "server")?, text(&members, "tool")?);
        let asked = match (permission, server, tool) {
            (None, None, None) => Asked::Nothing,
            (Some(permission), None, None) => {
                let (server, name) = permission
                    .split_once('.')
                    .filter(|(server, name)| !server.is_empty() && !name.is_empty())
                    .ok_or(BadQuestion::Member("permission", "`server.name`"))?;
                Asked::Permission { server: server.to_owned(), name: name.to_owned() }
            }
            (None, Some(server), Some(tool)) => Asked::Tool { server, tool },
            (None, Some(_), None) => {
                return Err(BadQuestion::Member("tool", "given with `server`"));
            }
            (None, None, Some(_)) => {
                return Err(BadQuestion::Member("server", "given with `tool`"));
            }
            (Some(_), ..) => return Err(BadQuestion::TwoQuestions),
        };
        let client_ip = text(&members, "client_ip")?
            .map(|text| text.parse())
            .transpose()
            .map_err(|_| BadQuestion::Member("client_ip", "an IP address"))?;
        Ok(Self {
            token,
            asked,
            class: class(&members)?,
            cost: cost(&members)?,
            client_ip,
            request_id: request_id(&members)?,
            consume: flag(&members)?,
        })
    }

    /// The server or namespace asked about; empty for validity alone.
    pub(super) fn server(&self) -> &str {
        match &self.asked {
            Asked::Nothing => "",
            Asked::Permission { server, .. } | Asked::Tool { server, .. } => server,
        }
    }

    /// The tool asked about, if it is one.
    pub(super) fn tool(&self) -> Option<&str> {
        match self.target() {
            Target::Tool(name) => Some(name),
            _ => None,
        }
    }

    /// Whether a refusal may be answered by a tool error.
    pub(super) const fn is_tool(&self) -> bool {
        matches!(self.asked, Asked::Tool { .. })
    }

    /// What is asked for.
    pub(super) fn target(&self) -> Target<'_> {
        match &self.asked {
            Asked::Nothing => Target::Server,
            Asked::Permission { server, name }
                if server == mcpass_domain::permission::MANAGEMENT =>
            {
                Target::Permission(name)
            }
            Asked::Permission { name, .. } => Target::from_name(name),
            Asked::Tool { tool, .. } => Target::Tool(tool),
        }
    }

    /// The question to the token's grants, if there is one.
    pub(super) fn ask(&self, class: Option<ToolClass>) -> Option<Ask<'_>> {
        match self.asked {
            Asked::Nothing => None,
            _ => Some(Ask { server: self.server(), target: self.target(), class }),
        }
    }
}

fn text(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, BadQuestion> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(BadQuestion::Member(name, "a string")),
    }
}

fn class(members: &Map<String, Value>) -> Result<Option<ToolClass>, BadQuestion> {
    Ok(match text(members, "tool_class")?.as_deref() {
        None => None,
        Some("read") => Some(ToolClass::Read),
        Some("write") => Some(ToolClass::Write),
        Some("destructive") => Some(ToolClass::Destructive),
        Some(_) => return Err(BadQuestion::Member("tool_class", "read, write or destructive")),
    })
}

fn cost(members: &Map<String, Value>) -> Result<u32, BadQuestion> {
    let bad = BadQuestion::Member("cost", "an integer from 0 to 60000000");
    match members.get("cost") {
        None | Some(Value::Null) => Ok(1),
        Some(value) => {
            let cost = value.as_u64().filter(|cost| *cost <= MAX_COST).ok_or(bad)?;
            u32::try_from(cost).map_err(|_| bad)
        }
    }
}

fn request_id(members: &Map<String, Value>) -> Result<Option<String>, BadQuestion> {
    let id = text(members, "request_id")?;
    match &id {
        Some(id) if id.is_empty() || id.chars().count() > MAX_REQUEST_ID => {
            Err(BadQuestion::Member("request_id", "a string of 1 to 200 characters"))
        }
        _ => Ok(id),
    }
}

fn flag(members: &Map<String, Value>) -> Result<bool, BadQuestion> {
    match members.get("consume") {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(consume)) => Ok(*consume),
        Some(_) => Err(BadQuestion::Member("consume", "true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(body: &str) -> String {
        Question::read(body.as_bytes()).err().unwrap().to_string()
    }

    #[test]
    fn questions() {
        let read = |body: &str| Question::read(body.as_bytes()).ok().unwrap();
        let plain = read(r#"{"token":"t"}"#);
        assert!(plain.ask(None).is_none() && plain.consume && plain.cost == 1);
        let tool = read(r#"{"token":"t","server":"a","tool":"b.c","cost":0,"consume":false}"#);
        assert_eq!(tool.ask(None).unwrap().to_string(), "a.b.c");
        assert!(!tool.consume && tool.cost == 0);
        let uri = read(r#"{"token":"t","permission":"a.resource:x:y","client_ip":"::1"}"#);
        assert_eq!(uri.target(), Target::Resource("x:y"));
    }

    #[test]
    fn bad_questions_name_the_member_and_never_the_value() {
        let secret = "mcp_secret";
        for (body, expected) in [
            ("", "not JSON"),
            ("[]", "object"),
            ("{}", "`token` must be"),
            (r#"{"token":1}"#, "`token` must be"),
            (r#"{"token":"mcp_secret","extra":1}"#, "known are"),
            (r#"{"token":"mcp_secret","cost":-1}"#, "`cost`"),
            (r#"{"token":"mcp_secret","cost":"mcp_secret"}"#, "`cost`"),
            (r#"{"token":"mcp_secret","cost":9223372036854775808}"#, "`cost`"),
            (r#"{"token":"mcp_secret","permission":"nodot"}"#, "`permission`"),
            (r#"{"token":"mcp_secret","server":"a"}"#, "`tool`"),
            (r#"{"token":"mcp_secret","permission":"a.b","tool":"c"}"#, "either"),
            (r#"{"token":"mcp_secret","client_ip":"here"}"#, "`client_ip`"),
            (r#"{"token":"mcp_secret","request_id":""}"#, "`request_id`"),
            (r#"{"token":"mcp_secret","consume":1}"#, "`consume`"),
            (r#"{"token":"mcp_secret","tool_class":"x"}"#, "`tool_class`"),
        ] {
            let error = bad(body);
            assert!(error.contains(expected) && !error.contains(secret), "{body}: {error}");
        }
    }
}
