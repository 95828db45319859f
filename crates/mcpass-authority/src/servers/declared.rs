//! Servers that the configuration file declares.

use mcpass_domain::Server;
use mcpass_store::Change;

use super::{check, namespaces};
use crate::api::ApiError;
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::store_failed;
use crate::hooks::Update;
use crate::show;
use crate::turn::{Plan, Turn};

/// How many servers were changed to agree with the configuration file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DeclaredChanges {
    /// Servers that are new, or were added by hand before and are declared now.
    pub added: usize,
    /// Servers whose declaration changed.
    pub changed: usize,
    /// Servers that are declared no more.
    pub removed: usize,
}

impl Authority {
    /// Makes the store agree with the servers that the configuration file declares, in one
    /// commit, with audit rows by `system:config`.
    ///
    /// A server that was added by hand under a declared name becomes the declared one: the file
    /// is what the operator wrote last and on purpose. Names, addresses and switches count; the
    /// given `created_at` and `version` do not.
    ///
    /// # Errors
    /// When a declaration cannot be used, or two have the same name.
    pub async fn sync_declared(&self, servers: Vec<Server>) -> Result<DeclaredChanges, ApiError> {
        let declared = Declared(servers);
        let ctx = Context::system("config");
        self.change(&ctx, Action::ChangeServer, declared, |turn, declared| {
            Box::pin(sync(turn, &declared.0))
        })
        .await
    }
}

/// Passes through without its text: the file holds references, checked one by one.
struct Declared(Vec<Server>);

impl serde::Serialize for Declared {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(show::server))
    }
}

async fn sync(turn: &mut Turn, declared: &[Server]) -> Result<DeclaredChanges, ApiError> {
    let stored = turn.core.store.server_list().await.map_err(store_failed)?;
    let mut plan = Plan::default();
    let mut done = DeclaredChanges::default();
    let mut all: Vec<Server> =
        stored.iter().filter(|server| !server.is_declared).cloned().collect();

    for wanted in declared {
        check(wanted.kind.clone()).map_err(|error| in_file(error, wanted))?;
        let wanted = Server { is_declared: true, ..wanted.clone() };
        if all.iter().any(|server| server.name == wanted.name && server.is_declared) {
            let message = format!("the configuration declares the server {} twice", wanted.name);
            return Err(ApiError::new("server.exists", message));
        }
        let before = stored.iter().find(|server| server.name == wanted.name);
        let wanted = match before {
            Some(before) => {
                Server { created_at: before.created_at, version: before.version, ..wanted }
            }
            None => Server { created_at: turn.now, version: 0, ..wanted },
        };
        declare(turn, &mut plan, &mut done, before, &wanted)?;
        all.retain(|server| server.name != wanted.name);
        all.push(wanted);
    }
    for (at, wanted) in all.iter().enumerate().filter(|(_, one)| one.is_declared) {
        let (before, after) = all.split_at(at);
        let others: Vec<Server> = before.iter().chain(after.iter().skip(1)).cloned().collect();
        namespaces::check(wanted, &others).map_err(|error| in_file(error, wanted))?;
    }
    let gone = stored.iter().filter(|server| {
        server.is_declared && !declared.iter().any(|wanted| wanted.name == server.name)
    });
    for server in gone {
        let before = show::record(&show::server(server));
        let audit = turn.audit("server.remove", &server.name, Some(&before), None, "")?;
        plan.change(Change::ServerDelete(server.name.clone(), server.version), audit);
        done.removed += 1;
    }

    if !plan.is_empty() {
        all.sort_by(|a, b| a.name.cmp(&b.name));
        plan.publish(Update::Servers(all));
        turn.commit(plan).await?;
    }
    Ok(done)
}

fn declare(
    turn: &Turn,
    plan: &mut Plan,
    done: &mut DeclaredChanges,
    before: Option<&Server>,
    wanted: &Server,
) -> Result<(), ApiError> {
    let new = show::record(&show::server(wanted));
    let old = before.map(|before| show::record(&show::server(before)));
    match before {
        Some(before) if before == wanted => return Ok(()),
        Some(before) if before.is_declared => done.changed += 1,
        _ => done.added += 1,
    }
    let (action, change) = if before.is_some() {
        ("server.edit", Change::ServerUpdate(wanted.clone()))
    } else {
        ("server.add", Change::ServerInsert(wanted.clone()))
    };
    let audit = turn.audit(action, &wanted.name, old.as_ref(), Some(&new), "")?;
    plan.change(change, audit);
    Ok(())
}

fn in_file(error: ApiError, server: &Server) -> ApiError {
    let message = format!("[server.{}]: {}", server.name, error.message);
    ApiError { message, ..error }
}
