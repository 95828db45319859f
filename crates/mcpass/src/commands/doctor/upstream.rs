//! What servers need of this machine: credentials, files for TLS, programs, folders.
//!
//! All of it is looked at from here. The server process may have another environment.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use mcpass_domain::server::{HttpUpstream, StdioUpstream};
use mcpass_domain::{DatabaseServer, ServerKind, ServerName};
use mcpass_gateway::upstream::credentials::{self, Secrets};
use mcpass_gateway::upstream::tls::Tls;
use mcpass_models::database::settings::DatabaseSettings;

use super::Finding;
use crate::config::Environment;

const AREA: &str = "servers";
const MEND_CREDENTIALS: &str =
    "set it where the server runs; this looks at the environment of this shell";

/// What one server needs, found or not.
pub(super) fn check(
    name: &ServerName,
    kind: &ServerKind,
    environment: &Environment,
) -> Vec<Finding> {
    match kind {
        ServerKind::Database(database) => vec![self::database(name, database, environment)],
        ServerKind::Demo | ServerKind::Workspace(_) => Vec::new(),
        ServerKind::Http(http) => {
            [headers(name, http, environment), files(name, http)].into_iter().flatten().collect()
        }
        ServerKind::Stdio(stdio) => {
            let found = [
                Some(program(name, stdio, environment)),
                variables(name, &stdio.environment, environment),
                folder(name, stdio),
            ];
            found.into_iter().flatten().collect()
        }
    }
}

/// Credentials, and the file of a SQLite database.
fn database(name: &ServerName, database: &DatabaseServer, environment: &Environment) -> Finding {
    let url = match credentials::database_url(&database.url, &Here(environment)) {
        Ok(url) => url,
        Err(error) => return credentials_missing(name, &error.to_string()),
    };
    if let Err(error) = DatabaseSettings::try_from(database) {
        let mend = format!("mcpass server edit {name} --models FILE");
        return Finding::broken(AREA, format!("`{name}`: {error}"), mend);
    }
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    match path.map(|path| path.split('?').next().unwrap_or(path)) {
        Some(path) if !Path::new(path).is_file() => Finding::broken(
            AREA,
            format!("the database of `{name}` is not there: {path}"),
            format!("name another one: mcpass server edit {name} --database sqlite:PATH"),
        ),
        Some(path) => Finding::ok(AREA, format!("the database of `{name}` is {path}")),
        None => Finding::ok(AREA, format!("the database URL of `{name}` can be had")),
    }
}

fn headers(name: &ServerName, http: &HttpUpstream, environment: &Environment) -> Option<Finding> {
    if http.headers.is_empty() {
        return None;
    }
    Some(match credentials::resolve(&http.headers, &Here(environment)) {
        Ok(_) => credentials_found(name),
        Err(error) => credentials_missing(name, &error.to_string()),
    })
}

fn credentials_found(name: &ServerName) -> Finding {
    Finding::ok(AREA, format!("the credentials of `{name}` can be read"))
}

fn credentials_missing(name: &ServerName, why: &str) -> Finding {
    let text = format!("the credentials of `{name}` cannot be read from here: {why}");
    Finding::broken(AREA, text, MEND_CREDENTIALS)
}

/// Certificates and keys, read as the gateway reads them.
fn files(name: &ServerName, http: &HttpUpstream) -> Option<Finding> {
    if http.ca_file.is_none() && http.client_identity.is_none() {
        return None;
    }
    Some(match Tls::new(http) {
        Ok(_) => Finding::ok(AREA, format!("the certificates of `{name}` can be read")),
        Err(error) => Finding::broken(
            AREA,
            format!("the certificates of `{name}` cannot be used from here: {error}"),
            "name files that are there and that the account of the server process can read",
        ),
    })
}

fn program(name: &ServerName, stdio: &StdioUpstream, environment: &Environment) -> Finding {
    let program = &stdio.program;
    match find_program(stdio, environment) {
        Some(path) => Finding::ok(AREA, format!("the program of `{name}` is {}", path.display())),
        None => Finding::broken(
            AREA,
            format!("the program of `{name}` is not found from here: `{program}`"),
            format!(
                "install it, or name it by its whole path: mcpass server edit {name} -- \
                 /path/to/{} …",
                program.rsplit('/').next().unwrap_or(program)
            ),
        ),
    }
}

/// A bare name is looked up as the child's start does it: in the `PATH` that it is given, or else
/// in that of mcpass.
fn find_program(stdio: &StdioUpstream, environment: &Environment) -> Option<PathBuf> {
    if stdio.program.contains('/') {
        return Some(PathBuf::from(&stdio.program)).filter(|path| is_program(path));
    }
    let own = environment.text("PATH").ok().flatten();
    let path = stdio.environment.get("PATH").map(String::as_str).or(own)?;
    std::env::split_paths(path)
        .map(|folder| folder.join(&stdio.program))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn variables(
    name: &ServerName,
    templates: &BTreeMap<String, String>,
    environment: &Environment,
) -> Option<Finding> {
    if templates.is_empty() {
        return None;
    }
    Some(match credentials::environment(templates, &Here(environment)) {
        Ok(_) => credentials_found(name),
        Err(error) => credentials_missing(name, &error.to_string()),
    })
}

fn folder(name: &ServerName, stdio: &StdioUpstream) -> Option<Finding> {
    let folder = stdio.folder.as_deref().filter(|folder| !Path::new(folder).is_dir())?;
    Some(Finding::broken(
        AREA,
        format!("the folder of `{name}` is not there: {folder}"),
        format!("make it, or name another one: mcpass server edit {name} --folder DIR"),
    ))
}

/// The environment of this process, and the file system.
#[derive(Debug)]
struct Here<'a>(&'a Environment);

impl Secrets for Here<'_> {
    fn env(&self, name: &str) -> Option<String> {
        self.0.text(name).ok().flatten().map(str::to_owned)
    }

    fn file(&self, path: &str) -> std::io::Result<String> {
        std::fs::read_to_string(path)
    }
}
