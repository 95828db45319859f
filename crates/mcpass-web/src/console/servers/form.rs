//! The form of a server, to and from what the authority takes.

use std::collections::BTreeMap;

use mcpass_authority::api::{
    ApiError, DatabaseEdit, DatabaseView, KindView, ServerAdd, ServerEdit, ServerView,
};

use crate::console::fields::Fields;
use crate::console::form::{Unreadable, VERSION};

/// What the form of a new server begins with.
pub(super) fn fresh() -> Fields {
    Fields::from([("kind", "http"), ("name", ""), ("url", ""), ("headers", ""), ("command", "")])
}

/// What the form of a server begins with that there is.
pub(super) fn of(server: &ServerView) -> Fields {
    let name = ("name", server.name.as_str());
    let lines = |map: &BTreeMap<String, String>, between: &str| {
        map.iter()
            .map(|(name, text)| format!("{name}{between}{text}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let fields = match &server.kind {
        KindView::Http(http) => Fields::from([
            name,
            ("kind", "http"),
            ("url", &http.url),
            ("headers", &lines(&http.headers, ": ")),
            ("ca_file", http.ca_file.as_deref().unwrap_or_default()),
        ]),
        KindView::Stdio(stdio) => {
            let fields = Fields::from([
                name,
                ("kind", "stdio"),
                ("command", &stdio.command.join("\n")),
                ("environment", &lines(&stdio.environment, "=")),
                ("folder", stdio.folder.as_deref().unwrap_or_default()),
            ]);
            if stdio.per_token { fields.with("per_token", "yes") } else { fields }
        }
        KindView::Workspace(workspace) => {
            Fields::from([name, ("kind", "workspace"), ("tool_names", &workspace.tool_names)])
        }
        KindView::Database(database) => of_database(name, database),
        KindView::Demo => Fields::from([name, ("kind", "demo")]),
    };
    fields.with(VERSION, &server.edition())
}

fn of_database(name: (&str, &str), database: &DatabaseView) -> Fields {
    let mut fields = Fields::from([
        name,
        ("kind", "database"),
        ("database", &database.database),
        ("tools", &database.tools),
        ("models", &database.models),
    ]);
    for (field, is_set) in
        [("read_only", database.read_only), ("with_history", database.with_history)]
    {
        fields = fields.with(field, if is_set { "yes" } else { "" });
    }
    fields
}

/// The server that a form adds, as far as it could be read.
pub(super) fn add(form: &Fields, unreadable: &mut Unreadable) -> ServerAdd {
    let mut request = ServerAdd { name: form.text("name").to_owned(), ..ServerAdd::default() };
    match form.text("kind") {
        "stdio" => {
            request.command = unreadable.or(command(form), no_command());
            request.environment = unreadable.or(pairs(form, "environment", '='), no_pairs());
            request.folder = form.some("folder");
            request.per_token = form.has("per_token");
        }
        "database" => {
            request.database = Some(form.text("database").to_owned());
            request.offer = offer(form);
        }
        "workspace" => {
            request.workspace = true;
            request.tool_names = form.some("tool_names");
        }
        _ => {
            request.url = Some(form.text("url").to_owned());
            request.headers = unreadable.or(pairs(form, "headers", ':'), no_pairs());
            request.ca_file = form.some("ca_file");
        }
    }
    request
}

/// The change that a form makes to a server, as far as it could be read.
pub(super) fn edit(form: &Fields, server: &ServerView, unreadable: &mut Unreadable) -> ServerEdit {
    let mut request = ServerEdit { name: server.name.clone(), ..ServerEdit::default() };
    let gone = |before: &BTreeMap<String, String>, after: &BTreeMap<String, String>| {
        before.keys().filter(|name| !after.contains_key(*name)).cloned().collect()
    };
    match &server.kind {
        KindView::Http(http) => {
            request.url = Some(form.text("url").to_owned());
            request.set_headers = unreadable.or(pairs(form, "headers", ':'), no_pairs());
            request.remove_headers = gone(&http.headers, &request.set_headers);
            request.ca_file = Some(form.text("ca_file").to_owned());
        }
        KindView::Stdio(stdio) => {
            request.command = unreadable.or(command(form), no_command());
            request.set_environment = unreadable.or(pairs(form, "environment", '='), no_pairs());
            request.remove_environment = gone(&stdio.environment, &request.set_environment);
            request.folder = Some(form.text("folder").to_owned());
            request.per_token = Some(form.has("per_token"));
        }
        KindView::Workspace(_) => request.tool_names = form.some("tool_names"),
        KindView::Database(_) => {
            request.database = form.some("database");
            request.offer = offer(form);
        }
        KindView::Demo => {}
    }
    request
}

/// A command that no server has.
fn no_command() -> Vec<String> {
    vec![String::new()]
}

/// Pairs that no server has: neither a header nor a variable is called so.
fn no_pairs() -> BTreeMap<String, String> {
    BTreeMap::from([("=".to_owned(), String::new())])
}

/// How a database is offered. What the form does not show stays.
fn offer(form: &Fields) -> DatabaseEdit {
    DatabaseEdit {
        tools: form.some("tools"),
        read_only: Some(form.has("read_only")),
        with_history: Some(form.has("with_history")),
        models: form.some("models"),
        ..DatabaseEdit::default()
    }
}

/// A program and its arguments, one to a line: nothing needs quoting.
fn command(form: &Fields) -> Result<Vec<String>, ApiError> {
    let lines = form.text("command").lines().map(|line| line.trim_end_matches('\r').to_owned());
    let command: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    if command.is_empty() {
        return Err(ApiError::invalid("command", "name the program to start"));
    }
    Ok(command)
}

/// Names and texts, one pair to a line.
fn pairs(
    form: &Fields,
    field: &'static str,
    between: char,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut pairs = BTreeMap::new();
    for line in form.text(field).lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((name, text)) = line.split_once(between) else {
            return Err(ApiError::invalid(field, format!("a line has no `{between}`")));
        };
        let (name, text) = (name.trim().to_owned(), text.trim().to_owned());
        if pairs.contains_key(&name) {
            return Err(ApiError::invalid(field, format!("`{name}` is there twice")));
        }
        pairs.insert(name, text);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_headers_and_commands() {
        let form = Fields::from([
            ("kind", "http"),
            ("name", "x"),
            ("url", "https://x/"),
            ("headers", "Authorization: Bearer ${env:A}\r\n\r\nX-Y: a:b"),
        ]);
        let add = |form: &Fields| add(form, &mut Unreadable::default());
        let request = add(&form);
        assert_eq!(request.headers["Authorization"], "Bearer ${env:A}");
        assert_eq!(request.headers["X-Y"], "a:b");
        let form = Fields::from([("kind", "stdio"), ("command", "npx\r\n-y\r\na b")]);
        assert_eq!(add(&form).command, ["npx", "-y", "a b"]);
        let form = Fields::from([("kind", "stdio"), ("command", " ")]);
        assert_eq!(command(&form).unwrap_err().field.as_deref(), Some("command"));
        for bad in ["no colon", "A: b\nA: c"] {
            let form = Fields::from([("headers", bad)]);
            let error = pairs(&form, "headers", ':').unwrap_err();
            assert_eq!(error.field.as_deref(), Some("headers"), "{bad}");
        }
    }
}
