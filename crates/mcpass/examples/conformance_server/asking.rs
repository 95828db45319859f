//! Questions to the client in the middle of a call: requests of our own up to 2025-11-25, results
//! that want a second round from 2026-07-28 on. The questions are the same.

use rmcp::ErrorData;
use rmcp::model::{
    CallToolResponse, ClientCapabilities, InputRequests, InputRequiredResult, InputResponses,
    ServerRequest,
};
use serde_json::{Value, json};

use crate::content::{text, typed};
use crate::fixture::{Call, member};

/// Under which name the answer to the one question of a call comes.
const ANSWER: &str = "answer";

/// Asks the question of the tool and answers with what the client said.
pub(crate) async fn call(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let question = question_of(call)?;
    require(&question, &call.capabilities())?;
    let answer = if call.is_modern() {
        match answer_to(&question, call.request.input_responses.as_ref(), ANSWER) {
            Some(answer) => answer.clone(),
            None => return Ok(ask(&[(ANSWER, question)], None)?.into()),
        }
    } else {
        let request: ServerRequest = typed(question)?;
        let answer = call.context.peer.send_request(request).await.map_err(|error| {
            ErrorData::internal_error(format!("the client gave no answer: {error}"), None)
        })?;
        serde_json::to_value(answer)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?
    };
    let said = match call.request.name.as_ref() {
        "test_sampling" => format!("LLM response: {}", member(&answer, "/content/text")),
        "test_elicitation" => format!("User response: {}", choice(&answer)),
        _ => format!("Elicitation completed: {}", choice(&answer)),
    };
    Ok(text(said).into())
}

fn question_of(call: &Call<'_>) -> Result<Value, ErrorData> {
    let name_and_email = || {
        json!({
            "username": { "type": "string", "description": "User's response" },
            "email": { "type": "string", "description": "User's email address" },
        })
    };
    Ok(match call.request.name.as_ref() {
        "test_sampling" => sampling(call.argument("prompt")?, 100),
        "test_elicitation" => {
            elicitation(call.argument("message")?, &name_and_email(), &["username", "email"])
        }
        "test_elicitation_sep1034_defaults" => {
            elicitation("Please review the defaults", &fields_with_defaults(), &[])
        }
        "test_elicitation_sep1330_enums" => elicitation("Please choose", &every_enumeration(), &[]),
        _ => elicitation("Please say who you are", &name_and_email(), &["username"]),
    })
}

/// A default for every kind of field (SEP-1034).
fn fields_with_defaults() -> Value {
    let states = ["active", "inactive", "pending"];
    json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": { "type": "string", "enum": states, "default": "active" },
        "verified": { "type": "boolean", "default": true },
    })
}

/// Every kind of enumeration (SEP-1330).
fn every_enumeration() -> Value {
    let options = ["option1", "option2", "option3"];
    let titled = json!([
        { "const": "value1", "title": "First Option" },
        { "const": "value2", "title": "Second Option" },
        { "const": "value3", "title": "Third Option" },
    ]);
    json!({
        "untitledSingle": { "type": "string", "enum": options },
        "titledSingle": { "type": "string", "oneOf": titled },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled } },
    })
}

/// A form for the user.
pub(crate) fn elicitation(message: &str, properties: &Value, required: &[&str]) -> Value {
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    json!({
        "method": "elicitation/create",
        "params": { "mode": "form", "message": message, "requestedSchema": schema },
    })
}

/// A question to the client's model.
pub(crate) fn sampling(prompt: &str, max_tokens: u32) -> Value {
    let message = json!({ "role": "user", "content": { "type": "text", "text": prompt } });
    json!({
        "method": "sampling/createMessage",
        "params": { "messages": [message], "maxTokens": max_tokens },
    })
}

/// A question for the client's roots.
pub(crate) fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}

/// A result that asks `questions`, and gives `state` to bring back.
pub(crate) fn ask(
    questions: &[(&str, Value)],
    state: Option<String>,
) -> Result<InputRequiredResult, ErrorData> {
    let requests = questions
        .iter()
        .map(|(key, question)| Ok(((*key).to_owned(), typed(question.clone())?)))
        .collect::<Result<InputRequests, ErrorData>>()?;
    Ok(InputRequiredResult::new(Some(requests), state))
}

/// What the client said to `question`, if it has the shape of an answer to it.
pub(crate) fn answer_to<'a>(
    question: &Value,
    responses: Option<&'a InputResponses>,
    key: &str,
) -> Option<&'a Value> {
    let answer = responses?.get(key)?;
    let is_answer = match member(question, "/method") {
        "elicitation/create" => answer["action"].is_string(),
        "sampling/createMessage" => answer["content"].is_object() || answer["content"].is_array(),
        _ => answer["roots"].is_array(),
    };
    is_answer.then_some(answer)
}

/// Whether the client can be asked `question`.
pub(crate) fn can_be_asked(question: &Value, client: &ClientCapabilities) -> bool {
    require(question, client).is_ok()
}

/// Refuses to ask what the client has not declared.
pub(crate) fn require(question: &Value, client: &ClientCapabilities) -> Result<(), ErrorData> {
    let (has, needed) = match member(question, "/method") {
        "elicitation/create" => (client.elicitation.is_some(), "elicitation"),
        "sampling/createMessage" => (client.sampling.is_some(), "sampling"),
        _ => (client.roots.is_some(), "roots"),
    };
    if has { Ok(()) } else { Err(missing(needed)) }
}

/// The error of a client that does not declare the capability `needed`.
pub(crate) fn missing(needed: &str) -> ErrorData {
    match typed(json!({ needed: {} })) {
        Ok(needed) => ErrorData::missing_required_client_capability(needed),
        Err(error) => error,
    }
}

fn choice(answer: &Value) -> String {
    format!("action={}, content={}", member(answer, "/action"), answer["content"])
}
