//! `serve --demo`: two built-in servers and two tokens that show what a token is for.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;

use mcpass_authority::api::{TokenCreate, TokenList, TokenRevoke, UserCreate, UserRef};
use mcpass_authority::{Authority, Context};
use mcpass_domain::{Server, ServerKind, ServerName, Timestamp, WorkspaceSettings};

use crate::config::{Config, Origin};
use crate::data::DataFolder;
use crate::failure::Failure;
use mcpass_web::snippets;

use super::wiring::BuiltIns;

/// The notebook's name, and the user's.
const NAME: &str = "demo";
/// Who signs in to the console.
const ADMIN: &str = "demo-admin";
/// The workspace's name.
const WORKSPACE: &str = mcpass_models::workspace::areas::SERVER;
const READER: &str = "demo reader";
const WRITER: &str = "demo writer";

/// The built-in servers, as the configuration would declare them.
pub(super) fn servers() -> Result<[Server; 2], Failure> {
    let server = |name, kind| -> Result<Server, Failure> {
        Ok(Server {
            name: server_name(name)?,
            kind,
            is_enabled: true,
            is_declared: true,
            created_at: Timestamp::default(),
            version: 0,
        })
    };
    let workspace = ServerKind::Workspace(WorkspaceSettings::default());
    Ok([server(NAME, ServerKind::Demo)?, server(WORKSPACE, workspace)?])
}

fn server_name(name: &str) -> Result<ServerName, Failure> {
    name.parse().map_err(|error| Failure::new(format!("{error}")))
}

/// Sees to it that the workspace has something in it.
pub(super) async fn fill(built_ins: &BuiltIns) -> Result<(), Failure> {
    let workspace = built_ins.workspace(&server_name(WORKSPACE)?, WorkspaceSettings::default());
    workspace.seed(NAME).await.map_err(|error| Failure::unavailable(error.to_string()))
}

/// Issues fresh tokens and says how to use them. Those of an earlier start end: nobody can read
/// them any more.
pub(super) async fn greeting(
    authority: &Authority,
    url: &str,
    config: &Config,
    folder: &DataFolder,
) -> Result<String, Failure> {
    let ctx = Context::system(NAME);
    prepare(authority, &ctx).await?;
    let console = console(authority, &ctx).await?;
    let reading = ["@read", "resource:*", "prompt:*"];
    let both = |names: &[&str]| {
        let servers = [NAME, WORKSPACE].into_iter();
        let all =
            servers.flat_map(|server| names.iter().map(move |name| format!("{server}.{name}")));
        all.collect::<Vec<_>>()
    };
    let reader = issue(authority, &ctx, READER, both(&reading)).await?;
    let writer = issue(authority, &ctx, WRITER, both(&["*"])).await?;

    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n{console}\nTwo tokens, shown only now:\n  reader  {}  sees the reading tools\n  writer  {}  sees \
         all tools\n\nServers: {NAME} (a notebook), {WORKSPACE} (a product workspace).\n\nPaste the first line into a shell, then whatever fits your client.\n\n",
        reader.token.expose(),
        writer.token.expose(),
    );
    text.push_str(&snippets::render(&snippets::all(url, Some(writer.token.expose()))));
    let _ = write!(
        text,
        "\nIn another terminal\n{}  export MCPASS_DATA={}\n  mcpass log --follow\n  mcpass token \
         list\n  mcpass token revoke {} --reason 'just looking'\n\nEnd with Ctrl-C.",
        own_path_line(),
        folder.path().display(),
        writer.id,
    );
    if config.data.origin == Origin::Default {
        text.push_str(" The demo keeps nothing: its data goes with it.");
    }
    text.push('\n');
    Ok(text)
}

/// What a shell needs to find this program as `mcpass`: nothing, or one line.
fn own_path_line() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    path_line(&program, &std::env::var_os("PATH").unwrap_or_default())
}

/// `cargo run` starts a program that no shell finds by its name.
fn path_line(program: &Path, path: &OsStr) -> String {
    let is_found = std::env::split_paths(path).any(|folder| folder.join("mcpass").is_file());
    match program.parent() {
        Some(folder) if !is_found => format!("  export PATH=\"{}:$PATH\"\n", folder.display()),
        _ => String::new(),
    }
}

async fn prepare(authority: &Authority, ctx: &Context) -> Result<(), Failure> {
    let users = authority.user_list(ctx).await?;
    if !users.iter().any(|user| user.name == NAME) {
        let request = UserCreate { name: NAME.to_owned(), ..UserCreate::default() };
        authority.user_create(ctx, request).await?;
    }
    let request = TokenList {
        user: Some(NAME.to_owned()),
        state: Some("active".to_owned()),
        limit: Some(1_000),
        ..TokenList::default()
    };
    for token in authority.token_list(ctx, request).await?.items {
        if [READER, WRITER].contains(&token.facts.name.as_str()) {
            let request = TokenRevoke {
                id: token.id.to_string(),
                reason: "the demo was started again".to_owned(),
                ..TokenRevoke::default()
            };
            authority.token_revoke(ctx, request).await?;
        }
    }
    Ok(())
}

/// Sees to it that somebody can sign in, and says how. The password of an earlier start ends:
/// nobody can read it any more.
async fn console(authority: &Authority, ctx: &Context) -> Result<String, Failure> {
    let users = authority.user_list(ctx).await?;
    if !users.iter().any(|user| user.name == ADMIN) {
        let request =
            UserCreate { name: ADMIN.to_owned(), superuser: true, ..UserCreate::default() };
        authority.user_create(ctx, request).await?;
    }
    let password = authority.password_generate(ctx, UserRef { user: ADMIN.to_owned() }).await?;
    let url = authority.public_url().unwrap_or_default();
    Ok(format!(
        "Console  {url}/\n  sign in as {ADMIN}, password {}, shown only now\n",
        password.expose()
    ))
}

async fn issue(
    authority: &Authority,
    ctx: &Context,
    name: &str,
    permissions: Vec<String>,
) -> Result<mcpass_authority::api::IssuedToken, Failure> {
    let request = TokenCreate {
        name: name.to_owned(),
        user: NAME.to_owned(),
        permissions,
        note: "issued by serve --demo".to_owned(),
        ..TokenCreate::default()
    };
    Ok(authority.token_create(ctx, request).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_that_does_not_know_mcpass_is_told_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("mcpass");
        let line = path_line(&program, OsStr::new("/nowhere:/nowhere/else"));
        assert_eq!(line, format!("  export PATH=\"{}:$PATH\"\n", folder.path().display()));
        std::fs::write(&program, "").unwrap();
        assert_eq!(path_line(&program, folder.path().as_os_str()), "");
    }
}
