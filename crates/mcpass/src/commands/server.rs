//! `mcpass server`

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Subcommand;
use mcpass_authority::api::{ServerAdd, ServerEdit, ServerRef, ServerView};

use super::{answer, nothing_to_change};
use crate::config::Span;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Text, Tone};
use crate::times;

/// `mcpass server …`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put an MCP server behind mcpass
    Add(Add),
    /// List all servers
    #[command(after_help = "Example:\n  mcpass server list", visible_alias = "ls")]
    List,
    /// Show a server
    #[command(after_help = "Example:\n  mcpass server show github")]
    Show(Name),
    /// Change a server that the configuration file does not declare
    Edit(Edit),
    /// Remove a server; permissions that name it stay and mean nothing
    #[command(after_help = "Example:\n  mcpass server remove github", visible_alias = "rm")]
    Remove(Name),
    /// Switch a server on
    #[command(after_help = "Example:\n  mcpass server enable github")]
    Enable(Name),
    /// Switch a server off: requests are answered as if it were not there
    #[command(after_help = "Example:\n  mcpass server disable github")]
    Disable(Name),
}

#[derive(Debug, clap::Args)]
struct Name {
    /// The server's name
    name: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "\
Examples:
  mcpass server add github --url https://mcp.example.com/mcp \\
    --header 'Authorization: Bearer ${env:GITHUB_KEY}'
  mcpass server add everything --url http://127.0.0.1:3001/mcp

Credentials are kept by reference: ${env:NAME} or ${file:PATH}, as the server process sees them.",
    group = clap::ArgGroup::new("kind").required(true).args(["url", "stdio", "database"])
)]
struct Add {
    /// a-z, then a-z, 0-9, `_` and `-`, 32 characters at most; also the namespace of permissions
    name: String,
    /// The MCP endpoint (Streamable HTTP)
    #[arg(long)]
    url: Option<String>,
    /// A command that speaks MCP on its standard input and output, after `--`
    #[arg(long, requires = "command")]
    stdio: bool,
    /// A database whose tables become tools
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A header for each request, `Name: value`; may be repeated
    #[arg(long = "header", value_name = "HEADER", requires = "url")]
    headers: Vec<String>,
    /// How long connecting may take [default: 5s]
    #[arg(long, value_name = "TIME", requires = "url")]
    connect_timeout: Option<String>,
    /// How long the first byte of an answer may take [default: 2m]
    #[arg(long, value_name = "TIME", requires = "url")]
    first_byte_timeout: Option<String>,
    /// The command of --stdio
    #[arg(last = true, requires = "stdio")]
    command: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  mcpass server edit github --header 'X-Tenant: acme' --remove-header x-old"
)]
struct Edit {
    /// The server's name
    name: String,
    /// Another MCP endpoint
    #[arg(long)]
    url: Option<String>,
    /// A header for each request, `Name: value`, instead of one of the same name; may be repeated
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// A header no more; may be repeated
    #[arg(long = "remove-header", value_name = "NAME")]
    remove_headers: Vec<String>,
    /// How long connecting may take
    #[arg(long, value_name = "TIME")]
    connect_timeout: Option<String>,
    /// How long the first byte of an answer may take
    #[arg(long, value_name = "TIME")]
    first_byte_timeout: Option<String>,
}

/// Does what was typed.
///
/// # Errors
/// When the authority refuses it, or cannot be reached.
pub(crate) async fn run(args: Args, context: &mut Context) -> Result<(), Failure> {
    let server = match args.action {
        Action::Add(add) => answer!(context, ServerAdd(add.request()?) => Server),
        Action::List => return list(context).await,
        Action::Show(Name { name }) => answer!(context, ServerShow(ServerRef { name }) => Server),
        Action::Edit(edit) => answer!(context, ServerEdit(edit.request()?) => Server),
        Action::Enable(Name { name }) => {
            answer!(context, ServerEnable(ServerRef { name }) => Server)
        }
        Action::Disable(Name { name }) => {
            answer!(context, ServerDisable(ServerRef { name }) => Server)
        }
        Action::Remove(Name { name }) => {
            let server = answer!(context, ServerRemove(ServerRef { name }) => Server);
            if !context.output.is_json() {
                return context.output.line(format!("Removed the server {}", server.name));
            }
            server
        }
    };
    show(context, &server)
}

impl Add {
    fn request(self) -> Result<ServerAdd, Failure> {
        let Some(url) = self.url else {
            let kind = if self.stdio { "--stdio" } else { "--database" };
            return Err(Failure::new(format!("this build of mcpass has no {kind} servers yet"))
                .with_hint(
                    "it has servers that speak MCP over Streamable HTTP: mcpass server add NAME \
                     --url URL",
                ));
        };
        Ok(ServerAdd {
            name: self.name,
            url,
            headers: headers(&self.headers)?,
            connect_timeout: self.connect_timeout,
            first_byte_timeout: self.first_byte_timeout,
        })
    }
}

impl Edit {
    fn request(self) -> Result<ServerEdit, Failure> {
        let unchanged = ServerEdit { name: self.name.clone(), ..ServerEdit::default() };
        let request = ServerEdit {
            name: self.name,
            url: self.url,
            set_headers: headers(&self.headers)?,
            remove_headers: self.remove_headers,
            connect_timeout: self.connect_timeout,
            first_byte_timeout: self.first_byte_timeout,
        };
        if request == unchanged {
            return Err(nothing_to_change("server edit"));
        }
        Ok(request)
    }
}

/// What is wrong with a header is said without its value, which may be a credential.
fn headers(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let one = |text: &String| {
        let (name, value) = text.split_once(':').ok_or_else(|| {
            Failure::usage("a header has no colon").with_hint("write it as `Name: value`")
        })?;
        Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    texts.iter().map(one).collect()
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let servers = answer!(context, ServerList => Servers);
    if context.output.is_json() {
        return context.output.json(&servers);
    }
    let rows = servers.iter().map(|server| {
        vec![
            server.name.as_str().into(),
            server.kind.as_str().into(),
            state(server),
            server.url.as_str().into(),
            origin(server).into(),
        ]
    });
    let empty = "No servers yet. Add one: mcpass server add NAME --url URL";
    context.output.table(&["name", "kind", "state", "url", "from"], rows.collect(), empty)
}

fn state(server: &ServerView) -> Text {
    if server.is_enabled {
        Text::toned("enabled", Tone::Good)
    } else {
        Text::toned("disabled", Tone::Dim)
    }
}

fn origin(server: &ServerView) -> &'static str {
    match server.kind.as_str() {
        "demo" => "serve --demo",
        _ if server.is_declared => "configuration file",
        _ => "database",
    }
}

fn show(context: &Context, server: &ServerView) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.json(server);
    }
    let headers: Vec<String> =
        server.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let timeout = |millis: u64| match millis {
        0 => String::new(),
        millis => Span(Duration::from_millis(millis)).to_string(),
    };
    context.output.fields(vec![
        ("name", server.name.as_str().into()),
        ("kind", server.kind.as_str().into()),
        ("state", state(server)),
        ("url", server.url.as_str().into()),
        ("headers", headers.join("; ").into()),
        ("connect timeout", timeout(server.connect_timeout_ms).into()),
        ("first byte timeout", timeout(server.first_byte_timeout_ms).into()),
        ("from", origin(server).into()),
        ("added", times::exact(server.created_at, context.now()).into()),
    ])
}
