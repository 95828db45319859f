//! Why a token may do something or not.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use mcpass_domain::permission::{MANAGEMENT, MAX_LENGTH, Verdict};
use mcpass_domain::{Ask, CidrList, Denial, Reason, Server, Subject, Target, Timestamp, ToolClass};

use crate::api::{ApiError, CheckPermissions, Explain, Explanation, PermissionCheck};
use crate::failure::store_failed;
use crate::turn::Turn;
use crate::{parse, show};

mod database;

const CLASSES: [ToolClass; 3] = [ToolClass::Destructive, ToolClass::Read, ToolClass::Write];

/// One thing that a token might be asked for: `server.tool`, never a pattern.
#[derive(Debug)]
pub(super) struct Question {
    server: String,
    name: String,
}

impl Question {
    pub(super) fn read(field: &str, text: &str) -> Result<Self, ApiError> {
        let fail = |why: &str| {
            let shown: String = text.chars().take(80).collect();
            Err(ApiError::invalid(field, format!("`{shown}` cannot be asked for: {why}"))
                .with_hint("write `server.tool`, `server.resource:URI` or `server.prompt:NAME`"))
        };
        if text.len() > MAX_LENGTH {
            return fail("it is longer than 512 bytes");
        }
        let Some((server, name)) = text.split_once('.') else {
            return fail("it has no dot between the server and the name");
        };
        if server.is_empty() || name.is_empty() {
            return fail("something is missing before or after the dot");
        }
        // A URI may hold a star; a tool's name does not, so there it means a pattern.
        let is_pattern =
            matches!(Target::from_name(name), Target::Tool(tool) if tool.contains('*'));
        if is_pattern || server.contains(['*', '!']) || name.starts_with('@') {
            return fail("it is a pattern; ask for one thing");
        }
        Ok(Self { server: server.to_owned(), name: name.to_owned() })
    }

    pub(super) fn ask(&self, class: Option<ToolClass>) -> Ask<'_> {
        let target = if self.server == MANAGEMENT {
            Target::Permission(&self.name)
        } else {
            Target::from_name(&self.name)
        };
        Ask { server: &self.server, target, class }
    }

    /// What is known of the tool, if it is one.
    fn known_class(&self, turn: &Turn, servers: &[Server]) -> Option<ToolClass> {
        if database::is_namespace(servers, &self.server) {
            return Some(ToolClass::of_codename(&self.name));
        }
        match self.ask(None).target {
            Target::Tool(tool) => turn.core.options.tools.as_ref()?.class(&self.server, tool),
            _ => None,
        }
    }

    /// What is known of the tool; a tool of which nothing is known counts as destructive.
    pub(super) fn class_or_destructive(
        &self,
        turn: &Turn,
        servers: &[Server],
    ) -> Option<ToolClass> {
        self.known_class(turn, servers).or(Some(ToolClass::Destructive))
    }
}

pub(super) async fn explain(turn: &mut Turn, request: &Explain) -> Result<Explanation, ApiError> {
    let question = Question::read("permission", &request.permission)?;
    let class = request.class.as_deref().map(parse::tool_class).transpose()?;
    let address = request.ip.as_deref().map(address).transpose()?;
    let subject = subject(turn, &request.id).await?;
    let servers = turn.core.store.server_list().await.map_err(store_failed)?;
    Ok(answer(turn, &subject, &servers, &question, (class, address)))
}

pub(super) async fn check(
    turn: &mut Turn,
    request: &CheckPermissions,
) -> Result<PermissionCheck, ApiError> {
    let questions: Result<Vec<_>, _> =
        request.permissions.iter().map(|text| Question::read("permissions", text)).collect();
    let questions = questions?;
    let subject = subject(turn, &request.id).await?;
    let servers = turn.core.store.server_list().await.map_err(store_failed)?;
    let check = |question| answer(turn, &subject, &servers, question, (None, None));
    let checks = questions.iter().map(check).collect();
    Ok(PermissionCheck {
        token: subject.token,
        state: subject.state(turn.now).as_str().to_owned(),
        effective_permissions: show::effective(&subject),
        checks,
    })
}

async fn subject(turn: &mut Turn, id: &str) -> Result<Arc<Subject>, ApiError> {
    let token = turn.token(id).await?;
    turn.learn(std::slice::from_ref(&token)).await?;
    Ok(turn.world.subject(&token))
}

fn address(text: &str) -> Result<IpAddr, ApiError> {
    text.trim().parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        ApiError::invalid("ip", format!("`{shown}` is not an address"))
            .with_hint("write one such as 10.0.0.1 or 2001:db8::1")
    })
}

/// The phases of a decision, by the same types that decide requests.
fn answer(
    turn: &Turn,
    subject: &Arc<Subject>,
    servers: &[Server],
    question: &Question,
    (class, address): (Option<ToolClass>, Option<IpAddr>),
) -> Explanation {
    let needed = database::needed(servers, &question.server, &question.name);
    let allowed =
        needed.iter().find(|one| subject.allows(&one.ask(Some(ToolClass::of_codename(&one.name)))));
    let question = allowed.or(needed.first()).unwrap_or(question);
    let known = class.or_else(|| question.known_class(turn, servers));
    let by_class = by_class(subject, question, known);
    let assumed = known.or(Some(ToolClass::Destructive));
    let ask = question.ask(assumed);
    let decided = match decide(subject, &ask, address, turn.now) {
        // A server that is not there is not there for anybody, whatever is granted.
        decided if is_standing(&decided) || serves(servers, &question.server) => decided,
        _ => Err(Reason::UnknownServer.into()),
    };
    Explanation {
        allowed: decided.is_ok(),
        reason: decided.as_ref().err().map_or(Reason::Allowed, |denial| denial.reason).to_string(),
        grant: match &decided {
            Ok(grant) => Some(grant.clone()),
            Err(denial) => deciding_denial(subject, &ask, denial),
        },
        permission: ask.to_string(),
        token: subject.token,
        text: sentence(&ask, &decided, !by_class.is_empty(), turn.now, subject),
        class: known.map(|class| class.as_str().to_owned()),
        by_class,
    }
}

/// The grant that gives what is asked, or the refusal.
fn decide(
    subject: &Arc<Subject>,
    ask: &Ask<'_>,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<String, Denial> {
    let admitted = match address {
        Some(address) => subject.admit(now, address),
        // Without an address the network is left out of the question.
        None => {
            let anywhere = Subject { networks: CidrList::default(), ..Subject::clone(subject) };
            Arc::new(anywhere).admit(now, IpAddr::V4(Ipv4Addr::UNSPECIFIED))
        }
    };
    admitted?.explain(ask)
}

/// Whether the decision fell before the server was looked at.
fn is_standing(decided: &Result<String, Denial>) -> bool {
    decided.as_ref().is_err_and(|denial| denial.reason != Reason::InsufficientPermissions)
}

/// Whether there is such a server. Management is there always.
fn serves(servers: &[Server], name: &str) -> bool {
    name == MANAGEMENT
        || servers
            .iter()
            .any(|server| server.is_enabled && (server.name.as_str() == name || server.owns(name)))
}

/// The answer for each class, where they differ and the class is not known.
fn by_class(
    subject: &Subject,
    question: &Question,
    known: Option<ToolClass>,
) -> BTreeMap<String, bool> {
    let is_tool = matches!(question.ask(None).target, Target::Tool(_));
    if known.is_some() || !is_tool || !subject.needs_class(&question.server) {
        return BTreeMap::new();
    }
    let answers: BTreeMap<_, _> = CLASSES
        .iter()
        .map(|class| (class.as_str().to_owned(), subject.allows(&question.ask(Some(*class)))))
        .collect();
    let first = answers.values().next().copied();
    if answers.values().all(|answer| Some(*answer) == first) { BTreeMap::new() } else { answers }
}

/// The denial that decided, if one did and not the lack of a grant.
fn deciding_denial(subject: &Subject, ask: &Ask<'_>, denial: &Denial) -> Option<String> {
    if denial.reason != Reason::InsufficientPermissions {
        return None;
    }
    let sets = [Some(&subject.grants), subject.cap.as_ref()];
    sets.into_iter().flatten().find_map(|grants| match grants.ask(ask) {
        Verdict::Deny(grant) => Some(format!("{} ({})", grant.permission, grant.source)),
        Verdict::Allow(_) | Verdict::Silent => None,
    })
}

fn sentence(
    ask: &Ask<'_>,
    decided: &Result<String, Denial>,
    depends_on_class: bool,
    now: Timestamp,
    subject: &Subject,
) -> String {
    let text = match decided {
        Ok(grant) => format!("{ask} is allowed by {grant}"),
        Err(denial) => match (denial.reason, &denial.detail) {
            (Reason::InsufficientPermissions, Some(detail)) => {
                format!("{ask} is refused: {detail}")
            }
            (Reason::OwnerInactive, _) => {
                format!("every request is refused: the user {} is not active", subject.user)
            }
            (Reason::ForbiddenNetwork, _) => {
                format!("it may be used only from {}", subject.networks)
            }
            (Reason::UnknownServer, _) => {
                format!("there is no enabled server `{}`", ask.server)
            }
            (reason, _) => {
                let state = subject.state(now);
                if state.refusal().is_some() {
                    format!("every request is refused: the token is {}", state.as_str())
                } else {
                    format!("{ask} is refused: {reason}")
                }
            }
        },
    };
    if depends_on_class {
        format!("{text}; this depends on the tool's annotations, which are not known here")
    } else {
        text
    }
}
