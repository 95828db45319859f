//! What can be said of a server on the command line.

use std::collections::BTreeMap;

use clap::ArgAction;
use mcpass_authority::api::{DatabaseEdit, ServerAdd, ServerEdit};

use super::super::nothing_to_change;
use super::models;
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "\
Examples:
  mcpass server add github --url https://mcp.example.com/mcp \\
    --header 'Authorization: Bearer ${env:GITHUB_KEY}'
  mcpass server add everything --url http://127.0.0.1:3001/mcp
  mcpass server add files --stdio -- npx -y @modelcontextprotocol/server-filesystem /srv/files
  mcpass server add search --stdio --env 'API_KEY=${env:SEARCH_KEY}' -- python3 -m search_server
  mcpass server add shop --database sqlite:shop.db
  mcpass server add crm --database 'postgres://mcpass:${env:CRM_PASSWORD}@db/crm' --tools compact
  mcpass server add workspace --workspace

Credentials are kept by reference: ${env:NAME} or ${file:PATH}, as the server process sees them.",
    group = clap::ArgGroup::new("kind").required(true).args(["url", "stdio", "database", "workspace"])
)]
pub(super) struct Add {
    /// a-z, then a-z, 0-9, `_` and `-`, 32 characters at most; also the namespace of permissions
    name: String,
    /// The MCP endpoint (Streamable HTTP)
    #[arg(long)]
    url: Option<String>,
    /// A program that speaks MCP on its standard input and output, after `--`
    #[arg(long, requires = "command")]
    stdio: bool,
    /// A database whose tables become tools: sqlite:PATH or postgres://…
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    #[command(flatten)]
    offer: Offer,
    /// The built-in product workspace: features, user stories, test cases, checklists
    #[arg(long)]
    workspace: bool,
    /// How a workspace lists its tools: underscore, or slash [default: underscore]
    #[arg(long, value_name = "FORM", requires = "workspace")]
    tool_names: Option<String>,
    /// A header for each request, `Name: value`; may be repeated
    #[arg(long = "header", value_name = "HEADER", requires = "url")]
    headers: Vec<String>,
    /// How long connecting may take [default: 5s]
    #[arg(long, value_name = "TIME", requires = "url")]
    connect_timeout: Option<String>,
    /// How long the first byte of an answer may take [default: 2m]
    #[arg(long, value_name = "TIME", requires = "url")]
    first_byte_timeout: Option<String>,
    /// Connections at most [default: 4096]
    #[arg(long, value_name = "N", requires = "url")]
    max_connections: Option<u32>,
    /// Trust these certificate authorities instead of the operating system's (PEM)
    #[arg(long = "ca", value_name = "FILE", requires = "url")]
    ca_file: Option<String>,
    /// mcpass's own certificate, for a server that asks for one (PEM)
    #[arg(long = "client-cert", value_name = "FILE", requires_all = ["url", "client_key"])]
    client_certificate: Option<String>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["url", "client_certificate"])]
    client_key: Option<String>,
    /// A variable of the program's environment, `NAME=value`; NAME alone hands mcpass's own on, by
    /// reference; may be repeated
    #[arg(long = "env", value_name = "VARIABLE", requires = "stdio")]
    environment: Vec<String>,
    /// Where the program runs [default: where mcpass does]
    #[arg(long, value_name = "DIR", requires = "stdio")]
    folder: Option<String>,
    /// A process of its own for each token
    #[arg(long, requires = "stdio")]
    per_token: bool,
    /// How long the program may take until it answers its first message [default: 30s]
    #[arg(long, value_name = "TIME", requires = "stdio")]
    start_timeout: Option<String>,
    /// How long the first message of an answer may take [default: 2m]
    #[arg(long, value_name = "TIME", requires = "stdio")]
    answer_timeout: Option<String>,
    /// End a process that nobody used for so long, or never [default: 10m]
    #[arg(long, value_name = "TIME", requires = "stdio")]
    idle: Option<String>,
    /// The program of --stdio and its arguments
    #[arg(last = true, requires = "stdio")]
    command: Vec<String>,
}

/// How a database is offered.
#[derive(Debug, clap::Args)]
pub(super) struct Offer {
    /// Namespace of the permissions, instead of the server's name; of a Django project, an app to
    /// offer, instead of all; may be repeated
    #[arg(long = "app", value_name = "APP")]
    apps: Vec<String>,
    /// Tools for each model (full), or one set of tools with the model as an argument (compact)
    /// [default: full]
    #[arg(long, value_name = "FORM")]
    tools: Option<String>,
    /// Record changes in a table `mcpass_history` of that database, in their own transaction;
    /// otherwise mcpass's own database keeps them
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true",
          require_equals = true)]
    with_history: Option<bool>,
    /// Never write anything
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true",
          require_equals = true)]
    read_only: Option<bool>,
    /// How long a statement may take [default: 5s]
    #[arg(long, value_name = "TIME")]
    statement_timeout: Option<String>,
    /// Rows of a list at most [default: 1000]
    #[arg(long, value_name = "N")]
    max_rows: Option<u32>,
    /// Connections for reads, and on PostgreSQL as many for writes [default: 8]
    #[arg(long, value_name = "N")]
    pool: Option<u32>,
    /// A PostgreSQL schema to look into, instead of those of the search path; may be repeated
    #[arg(long = "schema", value_name = "NAME")]
    schemas: Vec<String>,
    /// Settings of models (TOML): `[models.NAME]` with fields, row scopes, actions; an empty one
    /// removes them
    #[arg(long, value_name = "FILE")]
    models: Option<String>,
}

impl Offer {
    fn request(self) -> Result<DatabaseEdit, Failure> {
        let given = |names: Vec<String>| (!names.is_empty()).then_some(names);
        let (models, expose) = match self.models {
            Some(path) => models::read(&path)?,
            None => (None, None),
        };
        Ok(DatabaseEdit {
            apps: given(self.apps),
            tools: self.tools,
            with_history: self.with_history,
            read_only: self.read_only,
            expose,
            statement_timeout: self.statement_timeout,
            max_rows: self.max_rows,
            max_bytes: None,
            pool: self.pool,
            schemas: given(self.schemas),
            models,
        })
    }
}

/// A SQLite file is meant from here, and so is not the server's to find.
fn database(url: Option<String>) -> Result<Option<String>, Failure> {
    let Some(url) = url else { return Ok(None) };
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    match path {
        Some(path) if !path.is_empty() && !path.starts_with('/') && !path.starts_with("${") => {
            Ok(Some(format!("sqlite:{}", absolute(path)?)))
        }
        _ => Ok(Some(url)),
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mcpass server edit github --header 'X-Tenant: acme' --remove-header x-old
  mcpass server edit github --ca ''
  mcpass server edit shop --tools compact --models shop.toml
  mcpass server edit files --folder /srv -- npx -y @modelcontextprotocol/server-filesystem /srv

An empty file or folder removes it.")]
pub(super) struct Edit {
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
    /// Connections at most
    #[arg(long, value_name = "N")]
    max_connections: Option<u32>,
    /// Trust these certificate authorities instead of the operating system's (PEM)
    #[arg(long = "ca", value_name = "FILE")]
    ca_file: Option<String>,
    /// mcpass's own certificate (PEM)
    #[arg(long = "client-cert", value_name = "FILE")]
    client_certificate: Option<String>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE")]
    client_key: Option<String>,
    /// A variable of the program's environment, instead of one of the same name; may be repeated
    #[arg(long = "env", value_name = "VARIABLE")]
    environment: Vec<String>,
    /// A variable no more; may be repeated
    #[arg(long = "remove-env", value_name = "NAME")]
    remove_environment: Vec<String>,
    /// Where the program runs
    #[arg(long, value_name = "DIR")]
    folder: Option<String>,
    /// Whether each token gets a process of its own
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    per_token: Option<bool>,
    /// How long the program may take until it answers its first message
    #[arg(long, value_name = "TIME")]
    start_timeout: Option<String>,
    /// How long the first message of an answer may take
    #[arg(long, value_name = "TIME")]
    answer_timeout: Option<String>,
    /// End a process that nobody used for so long, or never
    #[arg(long, value_name = "TIME")]
    idle: Option<String>,
    /// How a workspace lists its tools: underscore or slash
    #[arg(long, value_name = "FORM")]
    tool_names: Option<String>,
    /// Another database
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    #[command(flatten)]
    offer: Offer,
    /// Another program and its arguments
    #[arg(last = true)]
    command: Vec<String>,
}

impl Add {
    pub(super) fn request(self) -> Result<ServerAdd, Failure> {
        Ok(ServerAdd {
            name: self.name,
            url: self.url,
            headers: headers(&self.headers)?,
            connect_timeout: self.connect_timeout,
            first_byte_timeout: self.first_byte_timeout,
            max_connections: self.max_connections,
            ca_file: whole(self.ca_file)?,
            client_certificate: whole(self.client_certificate)?,
            client_key: whole(self.client_key)?,
            command: command(self.command)?,
            environment: environment(&self.environment),
            folder: whole(self.folder)?,
            per_token: self.per_token,
            start_timeout: self.start_timeout,
            answer_timeout: self.answer_timeout,
            idle: self.idle,
            workspace: self.workspace,
            tool_names: self.tool_names,
            database: database(self.database)?,
            offer: self.offer.request()?,
        })
    }
}

impl Edit {
    pub(super) fn request(self) -> Result<ServerEdit, Failure> {
        let unchanged = ServerEdit { name: self.name.clone(), ..ServerEdit::default() };
        let request = ServerEdit {
            name: self.name,
            url: self.url,
            set_headers: headers(&self.headers)?,
            remove_headers: self.remove_headers,
            connect_timeout: self.connect_timeout,
            first_byte_timeout: self.first_byte_timeout,
            max_connections: self.max_connections,
            ca_file: whole(self.ca_file)?,
            client_certificate: whole(self.client_certificate)?,
            client_key: whole(self.client_key)?,
            command: command(self.command)?,
            set_environment: environment(&self.environment),
            remove_environment: self.remove_environment,
            folder: whole(self.folder)?,
            per_token: self.per_token,
            start_timeout: self.start_timeout,
            answer_timeout: self.answer_timeout,
            idle: self.idle,
            tool_names: self.tool_names,
            database: database(self.database)?,
            offer: self.offer.request()?,
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

/// `NAME` alone is short for `NAME=${env:NAME}`.
fn environment(texts: &[String]) -> BTreeMap<String, String> {
    let one = |text: &String| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (text.clone(), format!("${{env:{text}}}")),
    };
    texts.iter().map(one).collect()
}

/// A program's path is meant from here, and so is not the server's to find. A bare name is.
fn command(mut words: Vec<String>) -> Result<Vec<String>, Failure> {
    if let Some(program) = words.first_mut()
        && program.contains('/')
    {
        *program = absolute(program)?;
    }
    Ok(words)
}

/// The same for files and folders; an empty one stays empty.
fn whole(path: Option<String>) -> Result<Option<String>, Failure> {
    path.map(|path| if path.is_empty() { Ok(path) } else { absolute(&path) }).transpose()
}

fn absolute(path: &str) -> Result<String, Failure> {
    let fail = |why: &str| Failure::usage(format!("the path `{path}` cannot be used: {why}"));
    match std::path::absolute(path) {
        Ok(path) => path.into_os_string().into_string().map_err(|_| fail("it is not UTF-8")),
        Err(error) => Err(fail(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_without_a_value_is_handed_on_by_reference() {
        let all = environment(&["KEY".to_owned(), "A=b=c".to_owned(), "EMPTY=".to_owned()]);
        let expected = [("A", "b=c"), ("EMPTY", ""), ("KEY", "${env:KEY}")];
        assert!(all.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
    }

    #[test]
    fn paths_are_meant_from_here_and_names_are_not() {
        let here = std::env::current_dir().unwrap();
        let words = |program: &str| command(vec![program.to_owned(), "./x".to_owned()]).unwrap();
        assert_eq!(words("npx"), ["npx", "./x"]);
        let program = here.join("server.py");
        assert_eq!(words("./server.py"), [program.to_str().unwrap(), "./x"]);
        assert_eq!(words("/bin/x"), ["/bin/x", "./x"]);
        assert_eq!(whole(Some(String::new())).unwrap().as_deref(), Some(""));
        assert_eq!(whole(None).unwrap(), None);
    }
}
