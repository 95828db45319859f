//! Results that are always the same, resources and prompts, with the words that the suites ask for.

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock, GetPromptResult, JsonObject, ReadResourceResult};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A red image of one pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// A sound without samples.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// For how long clients may keep lists and resources, in milliseconds.
pub(crate) const TTL_MS: u64 = 60_000;

/// A result with one text.
pub(crate) fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// Reads one of the SDK's types from the JSON that it stands for.
pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| {
        ErrorData::internal_error(format!("the fixture's own JSON is wrong: {error}"), None)
    })
}

/// What `tool` answers, if it answers the same to everybody.
pub(crate) fn result_of(tool: &str) -> Option<Result<CallToolResult, ErrorData>> {
    let content = match tool {
        "test_simple_text" => {
            json!([{ "type": "text", "text": "This is a simple text response for testing." }])
        }
        "test_image_content" => json!([image()]),
        "test_audio_content" => {
            json!([{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }])
        }
        "test_embedded_resource" => json!([resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )]),
        "test_multiple_content_types" => json!([
            { "type": "text", "text": "Multiple content types test:" },
            image(),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ]),
        "json_schema_2020_12_tool" => {
            json!([{ "type": "text", "text": "The schema is what matters here." }])
        }
        "test_error_handling" => {
            let text = "This tool intentionally returns an error for testing";
            return Some(Ok(CallToolResult::error(vec![ContentBlock::text(text)])));
        }
        _ => return None,
    };
    Some(typed(json!({ "resultType": "complete", "content": content })))
}

/// What reading `uri` gives; nothing if there is no such resource.
pub(crate) fn resource_at(uri: &str) -> Option<Result<ReadResourceResult, ErrorData>> {
    let content = match uri {
        "test://static-text" => json!({
            "uri": uri,
            "mimeType": "text/plain",
            "text": "This is the content of the static text resource.",
        }),
        "test://static-binary" => json!({ "uri": uri, "mimeType": "image/png", "blob": PNG }),
        "test://watched-resource" => json!({
            "uri": uri,
            "mimeType": "text/plain",
            "text": "This is the content of the watched resource.",
        }),
        _ => {
            let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
            let is_one_segment = !id.is_empty() && !id.contains('/');
            let text =
                json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            is_one_segment.then(
                || json!({ "uri": uri, "mimeType": "application/json", "text": text.to_string() }),
            )?
        }
    };
    Some(typed(json!({
        "resultType": "complete",
        "contents": [content],
        "ttlMs": TTL_MS,
        "cacheScope": "public",
    })))
}

/// The prompt `name`, unless it needs more than its arguments; nothing if there is no such prompt.
pub(crate) fn prompt(
    name: &str,
    arguments: &JsonObject,
) -> Option<Result<GetPromptResult, ErrorData>> {
    let contents = match name {
        "test_simple_prompt" => {
            vec![json!({ "type": "text", "text": "This is a simple prompt for testing." })]
        }
        "test_prompt_with_arguments" => {
            let (first, second) = match (argument(arguments, "arg1"), argument(arguments, "arg2")) {
                (Ok(first), Ok(second)) => (first, second),
                (Err(error), _) | (_, Err(error)) => return Some(Err(error)),
            };
            let text = format!("Prompt with arguments: arg1='{first}', arg2='{second}'");
            vec![json!({ "type": "text", "text": text })]
        }
        "test_prompt_with_embedded_resource" => {
            let uri = match argument(arguments, "resourceUri") {
                Ok(uri) => uri,
                Err(error) => return Some(Err(error)),
            };
            let text = "Embedded resource content for testing.";
            vec![
                resource(uri, "text/plain", text),
                json!({ "type": "text", "text": "Please process the embedded resource above." }),
            ]
        }
        "test_prompt_with_image" => {
            vec![image(), json!({ "type": "text", "text": "Please analyze the image above." })]
        }
        _ => return None,
    };
    let messages: Vec<Value> =
        contents.into_iter().map(|content| json!({ "role": "user", "content": content })).collect();
    Some(typed(json!({ "resultType": "complete", "messages": messages })))
}

/// A required text among the arguments of a tool or a prompt.
pub(crate) fn argument<'a>(arguments: &'a JsonObject, name: &str) -> Result<&'a str, ErrorData> {
    arguments
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| ErrorData::invalid_params(format!("the argument `{name}` is missing"), None))
}

fn image() -> Value {
    json!({ "type": "image", "data": PNG, "mimeType": "image/png" })
}

fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({ "type": "resource", "resource": { "uri": uri, "mimeType": mime_type, "text": text } })
}
