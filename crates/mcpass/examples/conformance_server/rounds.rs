//! Calls that need more than one round (2026-07-28, SEP-2322): the server asks in its result, the
//! client calls again with answers and with the state that it was given.

use rmcp::model::{
    CallToolResponse, ClientCapabilities, GetPromptRequestParams, GetPromptResponse,
    InputRequiredResult, InputResponses,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

use crate::asking::{answer_to, ask, can_be_asked, elicitation, require, roots, sampling};
use crate::content::{text, typed};
use crate::fixture::{Call, World, member};

/// The prompt that needs a second round.
pub(crate) const PROMPT: &str = "test_input_required_result_prompt";

const PREFIX: &str = "test_input_required_result_";

/// What is asked in which round, and what is made of the answers to the last one.
pub(crate) struct Plan {
    rounds: Vec<Vec<(&'static str, Value)>>,
    has_state: bool,
    finish: fn(&[&Value]) -> String,
}

/// How far a call has come.
pub(crate) enum Step {
    /// The client has to answer something first.
    Ask(InputRequiredResult),
    /// Everything is answered; this is the text of the result.
    Done(String),
}

/// Whether a tool is one of this module's.
pub(crate) fn knows(tool: &str) -> bool {
    tool.starts_with(PREFIX)
}

/// Calls one of the tools that [`knows`] names.
pub(crate) fn call(call: &Call<'_>) -> Result<CallToolResponse, ErrorData> {
    let name = call.request.name.as_ref();
    let client = call.capabilities();
    let unknown = || ErrorData::invalid_params(format!("Unknown tool: {name}"), None);
    let plan = plan_of(name.trim_start_matches(PREFIX), &client).ok_or_else(unknown)?;
    let responses = call.request.input_responses.as_ref();
    let state = call.request.request_state.as_deref();
    Ok(match plan.advance(&call.fixture.world, name, responses, state, &client)? {
        Step::Ask(question) => question.into(),
        Step::Done(said) => text(said).into(),
    })
}

/// Answers for [`PROMPT`].
pub(crate) fn prompt(
    world: &World,
    request: &GetPromptRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<GetPromptResponse, ErrorData> {
    let properties = json!({ "context": { "type": "string" } });
    let question = elicitation("What context should the prompt use?", &properties, &["context"]);
    let plan = Plan::of_one("user_context", question, |answers| {
        format!(
            "Use this context: {}",
            answers.first().map_or("", |it| member(it, "/content/context"))
        )
    });
    let client = context.client_capabilities().unwrap_or_default();
    let responses = request.input_responses.as_ref();
    let step = plan.advance(world, PROMPT, responses, request.request_state.as_deref(), &client)?;
    Ok(match step {
        Step::Ask(question) => GetPromptResponse::InputRequired(question),
        Step::Done(said) => GetPromptResponse::Complete(typed(json!({
            "resultType": "complete",
            "messages": [{ "role": "user", "content": { "type": "text", "text": said } }],
        }))?),
    })
}

impl Plan {
    /// One question, no state.
    pub(crate) fn of_one(
        key: &'static str,
        question: Value,
        finish: fn(&[&Value]) -> String,
    ) -> Self {
        Self { rounds: vec![vec![(key, question)]], has_state: false, finish }
    }

    /// Finds out what to do next with a call of `name`.
    ///
    /// Answers that are missing or have the wrong shape are asked for again. A state that this
    /// server did not give out for `name` is an error.
    pub(crate) fn advance(
        &self,
        world: &World,
        name: &str,
        responses: Option<&InputResponses>,
        state: Option<&str>,
        client: &ClientCapabilities,
    ) -> Result<Step, ErrorData> {
        let round = match state {
            Some(state) if self.has_state => world.open(name, state)?,
            _ => 0,
        };
        let no_round = || ErrorData::invalid_params("the requestState is of no round", None);
        let questions = self.rounds.get(round).ok_or_else(no_round)?;
        let answers: Option<Vec<&Value>> =
            questions.iter().map(|(key, question)| answer_to(question, responses, key)).collect();
        // Whoever has a state to bring back and does not bring it has to begin again.
        let answers = answers.filter(|_| state.is_some() || !self.has_state);
        let Some(answers) = answers else { return self.ask_round(world, name, round, client) };
        if self.rounds.len() > round + 1 {
            return self.ask_round(world, name, round + 1, client);
        }
        Ok(Step::Done((self.finish)(&answers)))
    }

    fn ask_round(
        &self,
        world: &World,
        name: &str,
        round: usize,
        client: &ClientCapabilities,
    ) -> Result<Step, ErrorData> {
        let questions = self.rounds.get(round).map(Vec::as_slice).unwrap_or_default();
        for (_, question) in questions {
            require(question, client)?;
        }
        let state = self.has_state.then(|| world.seal(name, round));
        Ok(Step::Ask(ask(questions, state)?))
    }
}

fn plan_of(kind: &str, client: &ClientCapabilities) -> Option<Plan> {
    let name = || ("user_name", ask_for("What is your name?", "name"));
    let confirm = || {
        let properties = json!({ "ok": { "type": "boolean" } });
        ("confirm", elicitation("Please confirm", &properties, &["ok"]))
    };
    let hello = |answers: &[&Value]| format!("Hello, {}!", first(answers, "/content/name"));
    let all = |answers: &[&Value]| format!("The answers are {answers:?}");
    let (rounds, has_state, finish): (_, _, fn(&[&Value]) -> String) = match kind {
        "elicitation" => (vec![vec![name()]], false, hello),
        "sampling" => {
            let question = sampling("What is the capital of France?", 100);
            let finish = |answers: &[&Value]| first(answers, "/content/text").to_owned();
            (vec![vec![("capital_question", question)]], false, finish)
        }
        "list_roots" => {
            let finish = |answers: &[&Value]| {
                format!("The first root is {}", first(answers, "/roots/0/uri"))
            };
            (vec![vec![("client_roots", roots())]], false, finish)
        }
        "request_state" => (vec![vec![confirm()]], true, |_| "state-ok".to_owned()),
        "tampered_state" => (vec![vec![confirm()]], true, |_| "The state is genuine.".to_owned()),
        "multiple_inputs" => {
            let greeting = ("greeting", sampling("Generate a greeting", 50));
            (vec![vec![name(), greeting, ("client_roots", roots())]], true, all)
        }
        "multi_round" => {
            let step1 = ("step1", ask_for("Step 1: What is your name?", "name"));
            let step2 = ("step2", ask_for("Step 2: What is your favorite color?", "color"));
            let finish =
                |answers: &[&Value]| format!("{} it is.", first(answers, "/content/color"));
            (vec![vec![step1], vec![step2]], true, finish)
        }
        "capabilities" => {
            let every = vec![
                name(),
                ("greeting", sampling("Generate a greeting", 50)),
                ("client_roots", roots()),
            ];
            let possible = every.into_iter().filter(|(_, question)| can_be_asked(question, client));
            (vec![possible.collect()], false, all)
        }
        _ => return None,
    };
    Some(Plan { rounds, has_state, finish })
}

/// A form with one text.
pub(crate) fn ask_for(message: &str, field: &str) -> Value {
    elicitation(message, &json!({ field: { "type": "string" } }), &[field])
}

fn first<'a>(answers: &[&'a Value], pointer: &str) -> &'a str {
    answers.first().map_or("", |answer| member(answer, pointer))
}
