//! A token's page.

use askama::Template;
use axum::extract::{Path, State};
use mcpass_authority::api::{
    AccessView, ApiError, AuditList, EffectivePermission, Explain, Explanation, FamilyMember,
    LogFilter, LogList, TokenDetails, TokenRef, TokenUsage,
};
use mcpass_domain::Timestamp;

use super::hours;
use crate::console::asked::Asked;
use crate::console::audit;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::Fields;
use crate::console::form::Form;
use crate::console::frame::{Frame, Section};
use crate::console::log;
use crate::console::show::{Badge, Meter, Strip, When, chars, count, several};
use crate::console::{Console, page};

/// Requests and changes that are shown.
const FEW: u32 = 10;

#[derive(Template)]
#[template(path = "tokens/one.html")]
pub(super) struct Page {
    frame: Frame,
    id: String,
    token: TokenDetails,
    state: Badge,
    /// Who created it, by name where that is known.
    created_by: String,
    /// Whether it can still be changed.
    is_live: bool,
    /// What took its place, if something did.
    replaced: Option<Replaced>,
    times: Times,
    secrets: Vec<Secret>,
    limits: [(&'static str, String); 3],
    meters: Vec<Meter>,
    strip: Strip,
    today: String,
    requests: Vec<log::Row>,
    changes: Vec<audit::Row>,
    sees_audit: bool,
    /// Whether groups have pages for the viewer.
    sees_groups: bool,
    /// The form of its properties, if they are being edited.
    pub(super) form: Option<Form>,
    question: Form,
    explanation: Option<Explanation>,
}

/// When what happened to it.
#[derive(Debug)]
struct Times {
    created: When,
    expires: Option<When>,
    used: Option<When>,
    revoked: Option<When>,
}

/// The secret that took a token's place.
#[derive(Debug)]
struct Replaced {
    id: String,
    hint: String,
    at: When,
    /// Whether it is the one to rotate, and the old one so is not.
    is_followed: bool,
}

/// Another secret of the family.
#[derive(Debug)]
struct Secret {
    id: String,
    hint: String,
    state: Badge,
    created: When,
    used: Option<When>,
    used_ip: String,
    today: String,
    /// The log with its requests alone.
    log: String,
    is_this: bool,
}

pub(super) async fn show(
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let token = find(&console, &asked, &id).await?;
    let mut template = template(&console, &asked, token).await?;
    if asked.query.has("edit") && template.is_live {
        template.form = Some(Form::new(super::edit::fields(&template.token)));
    }
    page(&template)
}

pub(super) async fn find(
    console: &Console,
    asked: &Asked,
    id: &str,
) -> Result<TokenDetails, Fault> {
    let request = TokenRef { id: id.to_owned() };
    Ok(console.authority().token_show(asked.ctx()?, request).await?)
}

pub(super) async fn template(
    console: &Console,
    asked: &Asked,
    token: TokenDetails,
) -> Result<Page, Fault> {
    let now = console.now();
    let id = token.id.to_string();
    let sees_audit = asked.viewer()?.may("mcpass.view_audit");
    let changes = if sees_audit { changes(console, asked, &id).await? } else { Vec::new() };
    let (question, explanation) = explain(console, asked, &id).await?;
    let facts = &token.facts;
    let limits = facts.limits;
    let created_by = audit::who(console, asked, &facts.created_by).await?;
    let request = TokenRef { id: id.clone() };
    let usage = console.authority().token_usage(asked.ctx()?, request).await?;
    let meters = usage.windows.iter().map(|window| Meter {
        label: if window.window == "hour" { "This hour" } else { "This minute" },
        used: u64::from(window.used),
        limit: u64::from(window.limit),
    });
    Ok(Page {
        meters: meters.collect(),
        strip: hours::strip(&usage, now),
        today: several(
            usage.secrets.iter().map(|secret| secret.requests_today).sum::<u64>(),
            "request",
        ),
        frame: asked.frame(Section::Tokens, facts.name.clone()),
        state: Badge::token(facts, now),
        created_by,
        is_live: is_live(&facts.state),
        replaced: replaced(&token, now),
        times: Times {
            created: When::new(facts.created_at, now),
            expires: facts.expires_at.map(|at| When::new(at, now)),
            used: facts.last_used_at.map(|at| When::new(at, now)),
            revoked: facts.revoked_at.map(|at| When::new(at, now)),
        },
        secrets: token.family_members.iter().map(|one| secret(one, (&id, &usage), now)).collect(),
        limits: [
            ("Calls a minute", count(limits.per_minute)),
            ("Calls an hour", count(limits.per_hour)),
            (
                "Largest result",
                match limits.max_context {
                    0 => "no limit".to_owned(),
                    most => chars(most),
                },
            ),
        ],
        requests: requests(console, asked, &token, now).await?,
        changes,
        sees_audit,
        sees_groups: asked.viewer()?.may("mcpass.view_group"),
        form: None,
        question,
        explanation,
        id,
        token,
    })
}

fn is_live(state: &str) -> bool {
    matches!(state, "active" | "disabled")
}

/// The next one of its family, if that took its place.
fn replaced(token: &TokenDetails, now: Timestamp) -> Option<Replaced> {
    let at = token.facts.rotated_at?;
    let next = token.family_members.iter().skip_while(|member| member.id != token.id).nth(1)?;
    Some(Replaced {
        id: next.id.to_string(),
        hint: next.hint.clone(),
        at: When::new(at, now),
        is_followed: is_live(&next.state),
    })
}

/// The newest requests of its family, with the secret that each used if there are several.
async fn requests(
    console: &Console,
    asked: &Asked,
    token: &TokenDetails,
    now: Timestamp,
) -> Result<Vec<log::Row>, Fault> {
    let members = &token.family_members;
    let request = LogList {
        filter: LogFilter { family: Some(token.id.to_string()), ..LogFilter::default() },
        limit: Some(FEW),
        ..LogList::default()
    };
    let found = console.authority().log_list(asked.ctx()?, request).await?;
    let row = |access: &AccessView| {
        let used = members.iter().find(|one| members.len() > 1 && access.token == Some(one.id));
        let secret = used.map(|one| format!("{}…", one.hint)).unwrap_or_default();
        log::Row { secret, ..log::Row::new(access, now) }
    };
    Ok(found.items.iter().map(row).collect())
}

async fn changes(console: &Console, asked: &Asked, id: &str) -> Result<Vec<audit::Row>, Fault> {
    let request =
        AuditList { object: Some(id.to_owned()), limit: Some(FEW), ..AuditList::default() };
    let found = console.authority().audit_list(asked.ctx()?, request).await?;
    let now = console.now();
    let names = audit::names(console, asked).await?;
    Ok(found.items.iter().map(|change| audit::Row::new(change, &names, now)).collect())
}

/// The answer to the question in the address, if there is one.
async fn explain(
    console: &Console,
    asked: &Asked,
    id: &str,
) -> Result<(Form, Option<Explanation>), Fault> {
    let query = asked.query.only(&["permission", "ip"]);
    let Some(permission) = query.some("permission") else {
        return Ok((Form::new(query), None));
    };
    let request =
        Explain { id: id.to_owned(), permission, ip: query.some("ip"), ..Explain::default() };
    match console.authority().explain(asked.ctx()?, request).await {
        Ok(explanation) => Ok((Form::new(query), Some(explanation))),
        Err(error) if error.code == ApiError::INVALID => Ok((Form::refused(query, &error), None)),
        Err(error) => Err(error.into()),
    }
}

fn secret(member: &FamilyMember, (this, usage): (&str, &TokenUsage), now: Timestamp) -> Secret {
    let id = member.id.to_string();
    let used = usage.secrets.iter().find(|one| one.id == member.id);
    Secret {
        hint: member.hint.clone(),
        state: Badge::member(member, now),
        created: When::new(member.created_at, now),
        used: member.last_used_at.map(|at| When::new(at, now)),
        used_ip: member.last_used_ip.clone().unwrap_or_default(),
        today: used.map(|used| count(used.requests_today)).unwrap_or_default(),
        log: Fields::from([("token", id.as_str())]).after("/log"),
        is_this: id == this,
        id,
    }
}

impl Page {
    /// The secret that is rotated instead of this one.
    fn newer(&self) -> Option<&str> {
        let next = self.replaced.as_ref().filter(|next| next.is_followed)?;
        Some(&next.id)
    }

    /// The log with the requests of its family.
    fn log(&self) -> String {
        let filter = if self.secrets.len() > 1 { "family" } else { "token" };
        Fields::from([(filter, self.id.as_str())]).after("/log")
    }

    /// The audit log of this token.
    fn audit(&self) -> String {
        Fields::from([("object", self.id.as_str())]).after("/audit")
    }

    /// A form for another token like this one.
    fn copy(&self) -> String {
        let facts = &self.token.facts;
        Fields::from([("user", facts.user.as_str())])
            .and("permission", &facts.permissions)
            .and("group", &facts.groups)
            .after("/tokens/new")
    }

    /// The page of the group that a permission comes from, if it has one for the viewer.
    fn comes_from(&self, permission: &EffectivePermission) -> String {
        match permission.group().filter(|_| self.sees_groups) {
            Some(group) => format!("/groups/{}", crate::console::fields::segment(group)),
            None => String::new(),
        }
    }

    fn is_pattern(permission: &EffectivePermission) -> bool {
        permission.permission.contains('*') || permission.permission.contains(".@")
    }
}
