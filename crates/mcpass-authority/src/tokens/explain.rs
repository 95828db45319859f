//! Why a token may do something or not.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use mcpass_domain::permission::{MANAGEMENT, Verdict};
use mcpass_domain::{Ask, CidrList, Denial, Reason, Subject, Timestamp, ToolClass};

use crate::api::{ApiError, CheckPermissions, Explain, Explanation, PermissionCheck};
use crate::turn::Turn;
use crate::{parse, show};

mod database;
mod wanted;

pub(super) use self::wanted::{Known, Question, Wanted};

const CLASSES: [ToolClass; 3] = [ToolClass::Destructive, ToolClass::Read, ToolClass::Write];

pub(super) async fn explain(turn: &mut Turn, request: &Explain) -> Result<Explanation, ApiError> {
    let question = Question::read("permission", &request.permission)?;
    let class = request.class.as_deref().map(parse::tool_class).transpose()?;
    let address = request.ip.as_deref().map(address).transpose()?;
    let subject = subject(turn, &request.id).await?;
    let wanted = Known::read(turn).await?.wanted(turn, question).await.known_to(turn, &subject);
    Ok(answer(turn, &subject, &wanted, (class, address)))
}

pub(super) async fn check(
    turn: &mut Turn,
    request: &CheckPermissions,
) -> Result<PermissionCheck, ApiError> {
    parse::at_most("permissions", &request.permissions)?;
    let questions: Result<Vec<_>, _> =
        request.permissions.iter().map(|text| Question::read("permissions", text)).collect();
    let questions = questions?;
    let subject = subject(turn, &request.id).await?;
    let mut known = Known::read(turn).await?;
    let mut checks = Vec::new();
    for question in questions {
        let wanted = known.wanted(turn, question).await.known_to(turn, &subject);
        checks.push(answer(turn, &subject, &wanted, (None, None)));
        // Each looks through all permissions of the token, and others wait for the same thread.
        tokio::task::yield_now().await;
    }
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
    wanted: &Wanted,
    (class, address): (Option<ToolClass>, Option<IpAddr>),
) -> Explanation {
    let known = class.or(wanted.class);
    let by_class = by_class(subject, wanted, known);
    let asks = wanted.asks(known.or(Some(ToolClass::Destructive)));
    let decided = match decide(subject, &asks, address, turn.now) {
        // A server that is not there is not there for anybody, whatever is granted.
        decided if is_standing(&decided) || wanted.is_served => decided,
        _ => Err(Reason::UnknownServer.into()),
    };
    let deciding = asks.iter().find(|ask| subject.allows(ask)).or(asks.first());
    let permission = wanted.shown(deciding);
    Explanation {
        allowed: decided.is_ok(),
        reason: decided.as_ref().err().map_or(Reason::Allowed, |denial| denial.reason).to_string(),
        grant: match (&decided, deciding) {
            (Ok(grant), _) => Some(grant.clone()),
            (Err(denial), Some(ask)) => deciding_denial(subject, ask, denial),
            (Err(_), None) => None,
        },
        token: subject.token,
        text: sentence(&permission, wanted, &decided, !by_class.is_empty(), turn.now, subject),
        permission,
        listed: wanted.is_listed,
        class: known.map(|class| class.as_str().to_owned()),
        by_class,
    }
}

/// The grant that gives what is asked, or the refusal.
fn decide(
    subject: &Arc<Subject>,
    asks: &[Ask<'_>],
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
    admitted?.explain_any(asks)
}

/// Whether the decision fell before the server was looked at.
fn is_standing(decided: &Result<String, Denial>) -> bool {
    decided.as_ref().is_err_and(|denial| denial.reason != Reason::InsufficientPermissions)
}

/// The answer for each class, where they differ and the class is not known.
fn by_class(
    subject: &Subject,
    wanted: &Wanted,
    known: Option<ToolClass>,
) -> BTreeMap<String, bool> {
    if known.is_some() || !wanted.may_need_class(subject) {
        return BTreeMap::new();
    }
    let answers: BTreeMap<_, _> = CLASSES
        .iter()
        .map(|class| (class.as_str().to_owned(), wanted.is_allowed(subject, *class)))
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
    permission: &str,
    wanted: &Wanted,
    decided: &Result<String, Denial>,
    depends_on_class: bool,
    now: Timestamp,
    subject: &Subject,
) -> String {
    let text = match decided {
        Ok(grant) => format!("{permission} is allowed by {grant}"),
        Err(denial) => match (denial.reason, &denial.detail) {
            (Reason::InsufficientPermissions, Some(detail)) => {
                format!("{permission} is refused: {detail}")
            }
            (Reason::OwnerInactive, _) => {
                format!("every request is refused: the user {} is not active", subject.user)
            }
            (Reason::ForbiddenNetwork, _) => {
                format!("it may be used only from {}", subject.networks)
            }
            (Reason::UnknownServer, _) => {
                format!("there is no enabled server `{}`", wanted.question.server)
            }
            (reason, _) => {
                let state = subject.state(now);
                if state.refusal().is_some() {
                    format!("every request is refused: the token is {}", state.as_str())
                } else {
                    format!("{permission} is refused: {reason}")
                }
            }
        },
    };
    if wanted.is_listed == Some(false) {
        let but = if decided.is_ok() { "but" } else { "and" };
        match wanted.question.server.as_str() {
            MANAGEMENT => format!("{text}, {but} mcpass knows no such permission"),
            server => format!("{text}, {but} `{server}` lists no such tool now"),
        }
    } else if depends_on_class {
        format!("{text}; this depends on the tool's annotations, which are not known here")
    } else {
        text
    }
}
