//! Random sequences of operations against a simple model of token states. After each of them the
//! gateway knows exactly what the store says.

use mcpass_authority::api::{
    GroupEdit, TokenCreate, TokenEdit, TokenRevoke, TokenRotate, UserEdit,
};
use mcpass_domain::{Clock, TokenId};
use proptest::prelude::*;

use crate::harness::{HOUR, Harness, by_id, named, operator, texts};

#[derive(Clone, Debug)]
enum Step {
    Advance(u32),
    Create { hours: Option<u32> },
    Disable(usize),
    EditEnd { at: usize, hours: Option<u32> },
    EditGrants { at: usize, tool: u8 },
    EditGroup { tool: u8 },
    Enable(usize),
    Restart,
    Revoke { at: usize, family: bool },
    Rotate { at: usize, overlap: u32 },
    SwitchUser(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let hours = || prop_oneof![1 => Just(None), 3 => (1_u32..60).prop_map(Some)];
    let at = || 0_usize..8;
    let step = prop_oneof![
        3 => (1_u32..30).prop_map(Step::Advance),
        4 => hours().prop_map(|hours| Step::Create { hours }),
        2 => at().prop_map(Step::Disable),
        2 => (at(), hours()).prop_map(|(at, hours)| Step::EditEnd { at, hours }),
        2 => (at(), any::<u8>()).prop_map(|(at, tool)| Step::EditGrants { at, tool }),
        1 => any::<u8>().prop_map(|tool| Step::EditGroup { tool }),
        2 => at().prop_map(Step::Enable),
        1 => Just(Step::Restart),
        1 => (at(), any::<bool>()).prop_map(|(at, family)| Step::Revoke { at, family }),
        4 => (at(), 0_u32..20).prop_map(|(at, overlap)| Step::Rotate { at, overlap }),
        1 => any::<bool>().prop_map(Step::SwitchUser),
    ];
    prop::collection::vec(step, 1..30)
}

/// A token in the model. Times are hours since the start.
#[derive(Clone, Debug)]
struct Modelled {
    id: TokenId,
    family: usize,
    created: u32,
    end: Option<u32>,
    is_on: bool,
    is_revoked: bool,
    is_rotated: bool,
    tool: Option<u8>,
}

impl Modelled {
    fn state(&self, now: u32) -> &'static str {
        if self.is_revoked {
            "revoked"
        } else if self.end.is_some_and(|end| end <= now) {
            "expired"
        } else if self.is_on {
            "active"
        } else {
            "disabled"
        }
    }

    fn is_live(&self, now: u32) -> bool {
        matches!(self.state(now), "active" | "disabled")
    }
}

#[derive(Debug)]
struct Model {
    tokens: Vec<Modelled>,
    now: u32,
    user_is_active: bool,
    families: usize,
}

/// What an operation answers: done, or the code of the refusal.
type Answer = Result<(), String>;

fn refuse(code: &str) -> Answer {
    Err(code.to_owned())
}

impl Model {
    /// What has to come of switching a token on or off.
    fn switch(&mut self, at: usize, is_on: bool) -> Answer {
        match self.tokens[at].state(self.now) {
            "revoked" => refuse("token.revoked"),
            "expired" => refuse("token.expired"),
            _ => {
                self.tokens[at].is_on = is_on;
                Ok(())
            }
        }
    }

    fn edit_end(&mut self, at: usize, end: Option<u32>) -> Answer {
        let token = &mut self.tokens[at];
        if token.is_revoked {
            return refuse("token.revoked");
        }
        let is_later = match (end, token.end) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(new), Some(old)) => new > old,
        };
        if token.is_rotated && is_later {
            return refuse("token.rotated");
        }
        token.end = end;
        Ok(())
    }

    fn edit_grants(&mut self, at: usize, tool: u8) -> Answer {
        if self.tokens[at].is_revoked {
            return refuse("token.revoked");
        }
        if self.tokens[at].tool == Some(tool) {
            return Ok(());
        }
        let (family, now) = (self.tokens[at].family, self.now);
        let outlives = |(other, token): (usize, &Modelled)| {
            other != at && token.family == family && token.is_live(now)
        };
        if !self.tokens[at].is_live(now) && self.tokens.iter().enumerate().any(outlives) {
            return refuse("token.outlived");
        }
        for (other, token) in self.tokens.iter_mut().enumerate() {
            if other == at || token.family == family && token.is_live(now) {
                token.tool = Some(tool);
            }
        }
        Ok(())
    }

    fn revoke(&mut self, at: usize, family: bool) {
        let revoked = self.tokens[at].family;
        for (other, token) in self.tokens.iter_mut().enumerate() {
            if other == at || family && token.family == revoked {
                token.is_revoked = true;
            }
        }
    }

    /// Whether a rotation has to be refused.
    fn may_rotate(&self, at: usize) -> Answer {
        let token = &self.tokens[at];
        let is_other_live = self.tokens.iter().enumerate().any(|(other, member)| {
            other != at && member.family == token.family && member.is_live(self.now)
        });
        match (token.state(self.now), is_other_live) {
            (_, true) if token.is_rotated => refuse("token.already_rotated"),
            ("active", true) => refuse("token.rotation_in_progress"),
            ("active", false) if !self.user_is_active => refuse("user.inactive"),
            ("active", false) => Ok(()),
            (state, _) => refuse(&format!("token.{state}")),
        }
    }

    fn rotate(&mut self, at: usize, overlap: u32, id: TokenId) {
        let now = self.now;
        let old = self.tokens[at].clone();
        let end = old.end.map(|end| now + (end - old.created));
        self.tokens.push(Modelled { id, created: now, end, is_rotated: false, ..old.clone() });
        let cut = now + overlap;
        self.tokens[at].end = Some(old.end.map_or(cut, |end| end.min(cut)));
        self.tokens[at].is_rotated = true;
    }
}

fn code<T>(answer: Result<T, mcpass_authority::api::ApiError>) -> Answer {
    answer.map(drop).map_err(|error| error.code)
}

fn text(hours: Option<u32>) -> String {
    hours.map_or_else(|| "never".to_owned(), |hours| format!("{hours}h"))
}

/// Takes a step in both worlds; answers what each of them says.
async fn take(harness: &Harness, model: &mut Model, step: &Step) -> (Answer, Answer) {
    let (authority, ctx) = (&harness.authority, operator());
    let pick = |at: usize| (!model.tokens.is_empty()).then(|| at % model.tokens.len());
    let done = (Ok(()), Ok(()));
    match *step {
        Step::Advance(hours) => {
            harness.clock.advance(HOUR * hours);
            model.now += hours;
            done
        }
        Step::Restart => {
            harness.gateway.forget();
            (code(authority.publish_all().await), Ok(()))
        }
        Step::SwitchUser(active) => {
            model.user_is_active = active;
            let request =
                UserEdit { user: "ana".to_owned(), active: Some(active), ..UserEdit::default() };
            (code(authority.user_edit(&ctx, request).await), Ok(()))
        }
        Step::EditGroup { tool } => {
            let permissions = Some(vec![format!("group.t{tool}")]);
            let request = GroupEdit { group: "g".to_owned(), permissions, ..GroupEdit::default() };
            (code(authority.group_edit(&ctx, request).await), Ok(()))
        }
        Step::Create { hours } => create(harness, model, hours).await,
        Step::Rotate { at, overlap } => match pick(at) {
            Some(at) => rotate(harness, model, at, overlap).await,
            None => done,
        },
        Step::Disable(at) | Step::Enable(at) => {
            let Some(at) = pick(at) else { return done };
            let is_on = matches!(step, Step::Enable(_));
            let id = by_id(model.tokens[at].id);
            let answer = if is_on {
                authority.token_enable(&ctx, id).await
            } else {
                authority.token_disable(&ctx, id).await
            };
            (code(answer), model.switch(at, is_on))
        }
        Step::EditEnd { at, hours } => {
            let Some(at) = pick(at) else { return done };
            let id = model.tokens[at].id.to_string();
            let request = TokenEdit { id, expires: Some(text(hours)), ..TokenEdit::default() };
            let end = hours.map(|hours| model.now + hours);
            (code(authority.token_edit(&ctx, request).await), model.edit_end(at, end))
        }
        Step::EditGrants { at, tool } => {
            let Some(at) = pick(at) else { return done };
            let id = model.tokens[at].id.to_string();
            let permissions = Some(vec![format!("demo.t{tool}")]);
            let request = TokenEdit { id, permissions, ..TokenEdit::default() };
            (code(authority.token_edit(&ctx, request).await), model.edit_grants(at, tool))
        }
        Step::Revoke { at, family } => {
            let Some(at) = pick(at) else { return done };
            let id = model.tokens[at].id.to_string();
            let request = TokenRevoke { id, reason: String::new(), family };
            let answer = code(authority.token_revoke(&ctx, request).await);
            model.revoke(at, family);
            (answer, Ok(()))
        }
    }
}

async fn create(harness: &Harness, model: &mut Model, hours: Option<u32>) -> (Answer, Answer) {
    let request = TokenCreate { expires: Some(text(hours)), groups: texts(&["g"]), ..named("ana") };
    let answer = harness.authority.token_create(&operator(), request).await;
    if !model.user_is_active {
        return (code(answer), refuse("user.inactive"));
    }
    if let Ok(issued) = &answer {
        model.tokens.push(Modelled {
            id: issued.id,
            family: model.families,
            created: model.now,
            end: hours.map(|hours| model.now + hours),
            is_on: true,
            is_revoked: false,
            is_rotated: false,
            tool: None,
        });
        model.families += 1;
    }
    (code(answer), Ok(()))
}

async fn rotate(harness: &Harness, model: &mut Model, at: usize, overlap: u32) -> (Answer, Answer) {
    let id = model.tokens[at].id.to_string();
    let request = TokenRotate { id, overlap: Some(format!("{overlap}h")) };
    let answer = harness.authority.token_rotate(&operator(), request).await;
    let expected = model.may_rotate(at);
    if let (Ok(issued), Ok(())) = (&answer, &expected) {
        model.rotate(at, overlap, issued.id);
    }
    (code(answer), expected)
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let harness = Harness::memory();
    harness.user("ana").await;
    harness.group("g", &["group.t0"]).await;
    let start = harness.clock.now();
    let mut model = Model { tokens: Vec::new(), now: 0, user_is_active: true, families: 0 };
    for step in steps {
        let audit = harness.audit().await.len();
        let (answer, expected) = take(&harness, &mut model, &step).await;
        prop_assert_eq!(&answer, &expected, "{:?}", step);
        if answer.is_err() {
            prop_assert_eq!(harness.audit().await.len(), audit, "a refusal changes nothing");
        }
        for token in &model.tokens {
            let facts = harness.show(token.id).await.facts;
            prop_assert_eq!(facts.state.as_str(), token.state(model.now), "{:?}", step);
            let end = token.end.map(|end| start.saturating_add(HOUR * end));
            prop_assert_eq!(facts.expires_at, end, "{:?}", step);
            let permissions: Vec<_> =
                token.tool.iter().map(|tool| format!("demo.t{tool}")).collect();
            prop_assert_eq!(facts.permissions, permissions, "{:?}", step);
            prop_assert_eq!(facts.user_active, model.user_is_active);
        }
        harness.assert_published().await;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn the_gateway_always_knows_what_the_store_says(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps))?;
    }
}
