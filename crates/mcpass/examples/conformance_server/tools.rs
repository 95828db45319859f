//! Which tool is which.

use rmcp::ErrorData;
use rmcp::model::CallToolResponse;

use crate::content::{result_of, text};
use crate::fixture::{Call, Change};
use crate::{asking, jobs, notices, rounds};

/// Calls the tool that the request names.
pub(crate) async fn call(call: Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let name = call.request.name.clone();
    if let Some(result) = result_of(&name) {
        return Ok(result?.into());
    }
    if rounds::knows(&name) {
        return rounds::call(&call);
    }
    match name.as_ref() {
        "test_tool_with_logging" => notices::log(&call, &notices::THREE_STEPS).await,
        "test_logging_tool" => notices::log(&call, &notices::ONE_STEP).await,
        "test_tool_with_progress" => notices::progress(&call).await,
        "test_reconnection" => notices::reconnection(&call).await,
        "test_trigger_tool_change" => Ok(notices::change(&call, Change::Tools)),
        "test_trigger_prompt_change" => Ok(notices::change(&call, Change::Prompts)),
        "test_trigger_resource_update" => {
            let uri = call.argument("uri")?.to_owned();
            Ok(notices::change(&call, Change::Resource(uri)))
        }
        "test_sampling"
        | "test_elicitation"
        | "test_elicitation_sep1034_defaults"
        | "test_elicitation_sep1330_enums"
        | "test_streaming_elicitation" => asking::call(&call).await,
        "test_missing_capability" => {
            if call.capabilities().sampling.is_none() {
                return Err(asking::missing("sampling"));
            }
            Ok(text("The client declares sampling.").into())
        }
        "test_x_mcp_header" => {
            let region = call.argument("region").unwrap_or("nowhere");
            Ok(text(format!("The region is {region}.")).into())
        }
        "greet" => Ok(text(format!("Hello, {}!", call.argument("name")?)).into()),
        "slow_compute"
        | "failing_job"
        | "protocol_error_job"
        | "confirm_delete"
        | "multi_input"
        | "test_tool_with_task" => jobs::call(&call).await,
        _ => Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None)),
    }
}
