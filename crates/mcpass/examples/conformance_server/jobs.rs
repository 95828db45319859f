//! Calls that become tasks (the extension `io.modelcontextprotocol/tasks`, SEP-2663).

use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{
    CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult,
};
use rmcp::task_manager::{TaskContext, TaskExit, TaskOptions};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::asking::elicitation;
use crate::content::{text, typed};
use crate::fixture::{Call, member};
use crate::rounds::{Plan, Step, ask_for};

/// How often clients should look, in milliseconds.
const POLL_INTERVAL_MS: u64 = 100;
/// How long a task that does nothing in particular takes.
const SHORT: Duration = Duration::from_millis(100);

/// The work of a task.
enum Job {
    Compute(Duration),
    Fail,
    Break,
    ConfirmDelete(String),
    AskTwice,
    Greet(String),
}

/// Starts the task of the tool. Clients that do not know tasks get the result of `slow_compute`
/// itself, and of everything else an error.
pub(crate) async fn call(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let job = match call.request.name.as_ref() {
        "slow_compute" => Job::Compute(seconds_of(call)?),
        "failing_job" => Job::Fail,
        "protocol_error_job" => Job::Break,
        "confirm_delete" => Job::ConfirmDelete(call.argument("filename")?.to_owned()),
        "multi_input" => Job::AskTwice,
        _ => match ask_name(call)? {
            Step::Ask(question) => return Ok(question.into()),
            Step::Done(name) => Job::Greet(name),
        },
    };
    if !call.capabilities().supports_tasks() {
        let Job::Compute(time) = job else { return Err(tasks_needed()) };
        sleep(time).await;
        return Ok(computed(time).into());
    }
    let options = TaskOptions::new().with_poll_interval_ms(POLL_INTERVAL_MS);
    let tasks = &call.fixture.world.tasks;
    let task = tasks.spawn(options, |context| Box::pin(job.run(context)));
    Ok(CreateTaskResult::new(task).into())
}

fn tasks_needed() -> ErrorData {
    let needed = ClientCapabilities::builder().enable_tasks().build();
    ErrorData::missing_required_client_capability(needed)
}

fn seconds_of(call: &Call<'_>) -> Result<Duration, ErrorData> {
    let seconds = call.request.arguments.as_ref().and_then(|all| all.get("seconds")?.as_u64());
    seconds.filter(|&seconds| seconds <= 60).map(Duration::from_secs).ok_or_else(|| {
        ErrorData::invalid_params("`seconds` has to be a whole number from 0 to 60", None)
    })
}

/// The round before the task: nothing of it may show in the task itself.
fn ask_name(call: &Call<'_>) -> Result<Step, ErrorData> {
    let plan = Plan::of_one("user_name", ask_for("What is your name?", "name"), |answers| {
        answers.first().map_or("", |answer| member(answer, "/content/name")).to_owned()
    });
    let responses = call.request.input_responses.as_ref();
    let state = call.request.request_state.as_deref();
    let world = &call.fixture.world;
    plan.advance(world, &call.request.name, responses, state, &call.capabilities())
}

impl Job {
    async fn run(self, context: TaskContext) -> Result<CallToolResult, TaskExit> {
        match self {
            Self::Compute(time) => {
                tokio::select! {
                    () = context.cancelled() => Err(TaskExit::Cancelled),
                    () = sleep(time) => Ok(computed(time)),
                }
            }
            Self::Fail => {
                sleep(SHORT).await;
                Ok(CallToolResult::error(vec![ContentBlock::text("The job has failed.")]))
            }
            Self::Break => {
                sleep(SHORT).await;
                Err(ErrorData::internal_error("The job broke off.", None).into())
            }
            Self::ConfirmDelete(file) => {
                let message = format!("Delete {file}?");
                let answer = request(&context, "confirm", &message).await?;
                let verb = if answer.pointer("/content/confirm") == Some(&true.into()) {
                    "Deleted"
                } else {
                    "Kept"
                };
                Ok(text(format!("{verb} {file}.")))
            }
            Self::AskTwice => {
                let first = request(&context, "first", "The first?");
                let second = request(&context, "second", "The second?");
                let (first, second) = tokio::try_join!(first, second)?;
                let action = |answer| member(answer, "/action").to_owned();
                Ok(text(format!("Answers: {}, {}", action(&first), action(&second))))
            }
            Self::Greet(name) => Ok(text(format!("Hello, {name}!"))),
        }
    }
}

async fn request(context: &TaskContext, key: &str, message: &str) -> Result<Value, TaskExit> {
    let properties = json!({ "confirm": { "type": "boolean" } });
    let question = typed(elicitation(message, &properties, &["confirm"]))?;
    context.request_input(key, question).await
}

fn computed(time: Duration) -> CallToolResult {
    text(format!("Computed for {} s.", time.as_secs()))
}
