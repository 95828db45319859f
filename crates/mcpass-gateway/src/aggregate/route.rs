//! Which server a message at `/mcp` is for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use mcpass_domain::{Denial, Reason, Subject, Target};
use mcpass_protocol::{Kind, ListKind, Message, Method};

use super::lists::{Viewer, each};
use super::names::{self, SEPARATOR};
use crate::mcp::Stop;
use crate::mcp::permit::protect;
use crate::sessions::Session;
use crate::shared::Worker;
use crate::trail::Facts;
use crate::upstream::{Upstream, Wanted};

/// How long a list is believed for the question whose resource this is.
const BELIEVED: Duration = Duration::from_mins(1);
/// How soon a resource that nobody listed is looked for again.
const ABSENT: Duration = Duration::from_secs(2);

/// The server that a message at `/mcp` is for, and what it asks for there. No server: mcpass
/// answers itself.
pub async fn locate<'m>(
    worker: &Arc<Worker>,
    subject: &Arc<Subject>,
    session: Option<&Arc<Session>>,
    message: &'m Message<'m>,
    facts: &mut Facts<'m>,
) -> Result<(Option<Arc<Upstream>>, Target<'m>), Stop> {
    let party = session.and_then(|session| session.party.as_ref());
    let viewer = Viewer { worker, subject, party };
    let target = facts.target;
    let (server, inner) = match target {
        Target::Tool(name) => of_name(name, Target::Tool, facts)?,
        Target::Prompt(name) => of_name(name, Target::Prompt, facts)?,
        Target::Resource(uri) => {
            let upstream = owner(viewer, uri).await?;
            facts.server = upstream.name().to_owned().into();
            return Ok((Some(upstream), target));
        }
        Target::Server => {
            of_client(viewer, message, facts).await?;
            return Ok((None, target));
        }
        Target::Method(_) => {
            let task = message.task_id.as_deref().and_then(names::task);
            (task.ok_or_else(|| denied("only `/mcp/{server}` has methods of its own"))?.0, target)
        }
        Target::Permission(_) => return Err(denied("not asked for by messages").into()),
    };
    facts.server = server.into();
    facts.target = inner;
    let upstream = worker.shared.servers.find(server);
    let upstream = upstream.filter(|upstream| upstream.is_open_to(subject));
    Ok((Some(upstream.ok_or_else(|| denied("no such server, or no grant there"))?), inner))
}

fn of_name<'m>(
    name: &'m str,
    with: fn(&'m str) -> Target<'m>,
    facts: &mut Facts<'m>,
) -> Result<(&'m str, Target<'m>), Denial> {
    facts.asked = Some(name.into());
    let (server, inner) =
        name.split_once(SEPARATOR).ok_or_else(|| denied("no server before `__`"))?;
    Ok((server, with(inner)))
}

/// What mcpass takes itself: the record says which server it was for, where it was for one.
async fn of_client<'m>(
    viewer: Viewer<'_>,
    message: &'m Message<'m>,
    facts: &mut Facts<'m>,
) -> Result<(), Stop> {
    if message.kind == Kind::Response
        && let Some((server, _)) = message.id.and_then(names::asker)
    {
        facts.server = server.into();
    }
    if message.known == Method::SubscriptionsListen {
        // All of them or none, as at `/mcp/{server}`.
        for uri in message.subscribed_uris().map_err(|missing| missing.fault())? {
            owner(viewer, &uri).await?;
        }
    }
    Ok(())
}

fn denied(detail: &str) -> Denial {
    let reason = Reason::InsufficientPermissions;
    Denial { reason, exceeded: None, detail: Some(detail.to_owned()) }
}

/// The server whose resource this is: the one that lists it, or has a template that fits it. If
/// several do, the first by its name. Where none does and only one may be asked, that one knows
/// best.
pub(super) async fn owner(viewer: Viewer<'_>, uri: &str) -> Result<Arc<Upstream>, Denial> {
    let mut candidates = viewer.worker.shared.servers.all();
    let wanted = Wanted::any(Target::Resource(uri));
    candidates.retain(|upstream| upstream.allows(viewer.subject, wanted));
    if candidates.len() > 1 {
        // Nothing has been counted yet, and each look may ask all of them.
        protect(&viewer.worker.shared, viewer.subject)?;
        for max_age in [BELIEVED, ABSENT] {
            for kind in [ListKind::Resources, ListKind::ResourceTemplates] {
                if let Some(upstream) = offering(viewer, &candidates, kind, uri, max_age).await {
                    return Ok(upstream);
                }
            }
        }
        return Err(denied("no server offers this resource"));
    }
    candidates.pop().ok_or_else(|| denied("no grant for this resource"))
}

/// The first server that offers the resource in such a list.
async fn offering(
    viewer: Viewer<'_>,
    candidates: &[Arc<Upstream>],
    kind: ListKind,
    uri: &str,
    max_age: Duration,
) -> Option<Arc<Upstream>> {
    let reads = candidates.iter().map(|upstream| {
        let reading = viewer.reading(upstream, kind);
        async move { (upstream, reading.recent(max_age).await) }
    });
    let offers = |pages: &_| {
        let mut is_offered = false;
        each(Some(pages), kind, |list| {
            let mut uris = list.items().iter().filter_map(|item| item.uri.as_deref());
            is_offered |= uris.any(|offered| match kind {
                ListKind::ResourceTemplates => fits_template(offered, uri),
                _ => offered == uri,
            });
        });
        is_offered
    };
    let read = join_all(reads).await;
    let mut offering = read.iter().filter(|(_, pages)| pages.as_ref().is_some_and(offers));
    offering.next().map(|(upstream, _)| Arc::clone(upstream))
}

/// Whether `uri` may have come from a template (RFC 6570): each expression stands for any text.
/// A template itself is offered too: completions name it.
fn fits_template(template: &str, uri: &str) -> bool {
    let mut literals = template.split('{').map(|part| match part.split_once('}') {
        Some((_, literal)) => literal,
        None => part,
    });
    let first = literals.next().unwrap_or_default();
    let Some(mut rest) = uri.strip_prefix(first) else {
        return false;
    };
    let mut literals: Vec<&str> = literals.collect();
    // The last literal stands at the end, wherever else it may be found.
    let Some(last) = literals.pop() else {
        return rest.is_empty();
    };
    for literal in literals {
        match rest.find(literal) {
            Some(at) => rest = rest.get(at + literal.len()..).unwrap_or(""),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_fit_what_they_could_have_made() {
        for (template, uri, fits) in [
            ("note://{id}", "note://7", true),
            ("note://{id}", "file://7", false),
            ("note://{id}", "note://{id}", true),
            ("file:///{path}/meta", "file:///a/b/meta", true),
            ("file:///{path}/meta", "file:///a/meta/b/meta", true),
            ("file:///{path}/meta", "file:///a/b", false),
            ("file:///{path}/meta", "file:///a/meta/b", false),
            ("plain://x", "plain://x", true),
            ("plain://x", "plain://xy", false),
            ("{scheme}://x", "http://x", true),
            ("a{x}b{y}c", "a1b2c", true),
            ("a{x}b{y}c", "a1c2b", false),
        ] {
            assert_eq!(fits_template(template, uri), fits, "{template} {uri}");
        }
    }
}
