use std::path::Path;

use insta::assert_snapshot;
use mcpass_domain::{ServerKind, ToolNames, WorkspaceSettings};

use super::*;

/// A folder with a configuration file, and what it says.
fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcpass.toml");
    std::fs::write(&path, text).unwrap();
    let options = Options { config: Some(path), ..Options::default() };
    let environment = environment.iter().copied().collect();
    Config::load(&options, &environment).map_err(|error| {
        let hint = error.hint.map_or(String::new(), |hint| format!("\nhint: {hint}"));
        format!("{}{hint}", error.message).replace(&folder.path().display().to_string(), "")
    })
}

fn error(text: &str) -> String {
    load(text, &[]).unwrap_err()
}

#[test]
fn an_empty_file_gives_the_documented_defaults() {
    let config = load("", &[]).unwrap();
    let lines: Vec<String> = config
        .decisions()
        .into_iter()
        .map(|(setting, value, origin)| format!("{} = {value} ({origin})", setting.key))
        .collect();
    assert_snapshot!(lines.join("\n"), @r"
    listen = 127.0.0.1:7788 (default)
    data = mcpass-data (default)
    database = sqlite:mcpass-data/mcpass.db (default)
    public_url =  (default)
    cap_to_user = false (default)
    limits.body = 4MiB (default)
    limits.headers = 32KiB (default)
    limits.connections = 10000 (default)
    limits.read_timeout = 30s (default)
    limits.shutdown_grace = 30s (default)
    sign_in.idle = 12h (default)
    sign_in.longest = 7d (default)
    sign_in.passwords = true (default)
    sessions.idle = 1d (default)
    sessions.longest = 7d (default)
    streams.keep_alive = 25s (default)
    streams.silence = 1h (default)
    streams.longest = 1d (default)
    record.sync = process (default)
    record.retention_days = 90 (default)
    record.segment = 64MiB (default)
    network.allowed_hosts =  (default)
    network.allowed_origins =  (default)
    log.level = info (default)
    log.format = text (default)
    ");
}

#[test]
fn every_setting_is_shown_once_in_the_order_of_the_list() {
    let shown: Vec<_> = load("", &[]).unwrap().decisions().into_iter().map(|row| row.0).collect();
    assert_eq!(shown, setting::ALL);
}

#[test]
fn option_before_environment_before_file_before_default() {
    let file = "\nlisten = \"127.0.0.1:1\"\ncap_to_user = true\n[limits]\nbody = \"1MiB\"\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcpass.toml");
    std::fs::write(&path, file).unwrap();
    let environment: Environment =
        [("MCPASS_LISTEN", "127.0.0.1:2"), ("MCPASS_LIMITS_BODY", "2MiB")].into_iter().collect();
    let mut options = Options { config: Some(path.clone()), ..Options::default() };

    let config = Config::load(&options, &environment).unwrap();
    assert_eq!(config.listen.value.0.port(), 2);
    assert_eq!(config.listen.origin, Origin::Variable("MCPASS_LISTEN"));
    assert_eq!(config.limits.body.value, ByteSize::mib(2));
    assert_eq!(config.cap_to_user.origin, Origin::File(path.clone(), 3));

    options.listen = Some("127.0.0.1:3".parse().unwrap());
    let config = Config::load(&options, &environment).unwrap();
    assert_eq!(config.listen.value.0.port(), 3);
    assert_eq!(config.listen.origin, Origin::Option("--listen"));

    let config = Config::load(&options, &Environment::default()).unwrap();
    assert_eq!(config.limits.body.origin, Origin::File(path, 5));
    assert_eq!(config.limits.body.value, ByteSize::mib(1));
}

#[test]
fn an_empty_variable_decides_nothing() {
    let config = load("", &[("MCPASS_LISTEN", "")]).unwrap();
    assert_eq!(config.listen.origin, Origin::Default);
}

#[test]
fn every_variable_of_the_list_decides_its_setting() {
    for setting in setting::ALL {
        let value = match setting.key {
            "listen" => "127.0.0.1:9",
            "data" => "elsewhere",
            "database" => "sqlite:x.db",
            "public_url" => "https://mcp.example.com",
            "cap_to_user" => "true",
            "sign_in.passwords" => "false",
            "record.sync" => "always",
            "record.segment" => "2MiB",
            "record.retention_days" | "limits.connections" => "7",
            "limits.body" | "limits.headers" => "9KiB",
            "limits.read_timeout"
            | "limits.shutdown_grace"
            | "streams.keep_alive"
            | "streams.silence" => "7s",
            "sessions.idle" | "sessions.longest" | "streams.longest" | "sign_in.idle"
            | "sign_in.longest" => "7m",
            "network.allowed_hosts" => "a.example, b.example:80",
            "network.allowed_origins" => "https://a.example",
            "log.level" => "debug",
            "log.format" => "json",
            other => panic!("no value for {other}"),
        };
        // Without passwords there has to be another way.
        let other = "[sign_in.oidc]\nissuer = \"https://id.example.com\"\nclient_id = \"x\"\n";
        let file = if setting.key == "sign_in.passwords" { other } else { "" };
        let config = load(file, &[(setting.variable, value)]).unwrap();
        let decided = config.decisions().into_iter().find(|row| row.0 == *setting).unwrap();
        assert_eq!((decided.1.as_str(), decided.2), (value, Origin::Variable(setting.variable)));
    }
}

#[test]
fn paths_in_the_file_are_taken_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcpass.toml");
    std::fs::write(&path, "data = \"here\"\n").unwrap();
    let options = Options { config: Some(path), ..Options::default() };
    let config = Config::load(&options, &Environment::default()).unwrap();
    assert_eq!(config.data.value, folder.path().join("here"));
    let database = config.database.value.sqlite_path().map(Path::to_owned);
    assert_eq!(database, Some(folder.path().join("here/mcpass.db")));
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let options = Options { config: Some("/nowhere/mcpass.toml".into()), ..Options::default() };
    let error = Config::load(&options, &Environment::default()).unwrap_err().to_string();
    assert!(error.contains("`/nowhere/mcpass.toml` cannot be read"), "{error}");
}

#[test]
fn errors_name_the_place_and_what_is_allowed() {
    assert_snapshot!(error("lsiten = \"127.0.0.1:1\""), @r"
    `/mcpass.toml`, line 1, column 1: unknown key `lsiten`
    hint: here can stand `listen`, `data`, `database`, `public_url`, `cap_to_user`, `limits`, `sign_in`, `sessions`, `streams`, `record`, `network`, `log`, `server`
    ");
    assert_snapshot!(error("\n[limits]\n  bdoy = 1"), @r"
    `/mcpass.toml`, line 3, column 3: unknown key `bdoy`
    hint: here can stand `body`, `headers`, `connections`, `read_timeout`, `shutdown_grace`
    ");
    assert_snapshot!(error("[limits]\nbody = \"4 apples\""), @"`/mcpass.toml`, line 2, column 8: `4 apples` is not a size; write it as 4MiB, 512KiB or 65536");
    assert_snapshot!(error("[record]\nsync = \"fsync\""), @"`/mcpass.toml`, line 2, column 8: `fsync` is not a way to keep the record; there are `process` and `always`");
    assert_snapshot!(error("listen = 7788"), @r#"`/mcpass.toml`, line 1, column 10: invalid type: integer `7788`, expected an address and port such as "127.0.0.1:7788""#);
    assert_snapshot!(error("listen = \"localhost\""), @"`/mcpass.toml`, line 1, column 10: `localhost` is not an address and port; write it as 127.0.0.1:7788 or [::1]:7788");
    assert_snapshot!(error("listen = "), @"`/mcpass.toml`, line 1, column 10: string values must be quoted, expected literal string");
    assert_snapshot!(error("[server.github]\nheaders = {}"), @r#"
    `/mcpass.toml`, line 1, column 9: [server.github] has no `url`, `command`, `database` or `workspace`
    hint: write the MCP endpoint as url = "https://…", or the program that speaks MCP on its standard input and output as command = ["program", "argument"], or database = "sqlite:PATH", or workspace = true for the one that is built in
    "#);
    assert_snapshot!(error("[log]\nlevel = \"inof\""), @"`/mcpass.toml`, line 2, column 9: `inof` is not a log level; there are `error`, `warn`, `info`, `debug`, `trace`, `off`, and filters such as `info,mcpass_gateway=debug`");
}

#[test]
fn values_out_of_range_are_refused_wherever_they_come_from() {
    assert_snapshot!(error("[limits]\nbody = \"1TiB\""), @"`/mcpass.toml`, line 2, column 8: `1TiB` is not a size; write it as 4MiB, 512KiB or 65536");
    assert_snapshot!(error("[limits]\nconnections = 0"), @"`limits.connections` cannot be 0 (/mcpass.toml line 2): it goes from 1 to 1000000");
    assert_snapshot!(load("", &[("MCPASS_LIMITS_BODY", "5GiB")]).unwrap_err(), @"`limits.body` cannot be 5GiB (environment MCPASS_LIMITS_BODY): it goes from 1KiB to 1GiB");
    assert_snapshot!(load("", &[("MCPASS_LISTEN", "nonsense")]).unwrap_err(), @"`MCPASS_LISTEN` cannot be used: `nonsense` is not an address and port; write it as 127.0.0.1:7788 or [::1]:7788");
    assert_snapshot!(error("[network]\nallowed_origins = [\"app.example.com\"]"), @"`/mcpass.toml`, line 2, column 19: `app.example.com` is not an origin; write it as https://app.example.com");
    assert_snapshot!(error("[network]\nallowed_hosts = [\"https://app.example.com/\"]"), @"`/mcpass.toml`, line 2, column 17: `https://app.example.com/` is not a host; write it as mcp.example.com or mcp.example.com:8443");
}

#[test]
fn servers_are_declared_with_references_to_their_credentials() {
    let config = load(
        "[server.github]\nurl = \"https://mcp.example.com/mcp\"\nconnect_timeout = \"2s\"\n\
         [server.github.headers]\nAuthorization = \"Bearer ${env:GITHUB_KEY}\"\nX-Tenant = \"acme\"\n\
         [server.off]\nurl = \"http://127.0.0.1:3001/mcp\"\nenabled = false\n",
        &[],
    )
    .unwrap();
    let names: Vec<_> = config.servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["github", "off"]);
    let mcpass_domain::ServerKind::Http(http) = &config.servers[0].kind else { panic!("not http") };
    assert_eq!(http.headers["authorization"], "Bearer ${env:GITHUB_KEY}");
    assert_eq!(http.headers["x-tenant"], "acme");
    assert_eq!(http.connect_timeout, std::time::Duration::from_secs(2));
    assert!(config.servers[0].is_enabled && !config.servers[1].is_enabled);
    assert!(config.servers.iter().all(|server| server.is_declared));
}

#[test]
fn servers_that_cannot_be_are_named_with_their_place() {
    let server =
        |rest: &str| error(&format!("[server.github]\nurl = \"https://a.example\"\n{rest}"));
    assert_snapshot!(error("[server.GitHub]\nurl = \"https://a.example\""), @"`/mcpass.toml`, line 1, column 9: `GitHub` cannot be a server's name: it begins with a letter a-z");
    assert_snapshot!(error("[server.mcpass]\nurl = \"https://a.example\""), @"`/mcpass.toml`, line 1, column 9: `mcpass` cannot be a server's name: `mcpass` is the namespace of management");
    assert_snapshot!(error("[server.github]\nurl = \"a.example\""), @r"
    `/mcpass.toml`, line 2, column 7: this URL cannot be used: it does not begin with http:// or https://
    hint: write the MCP endpoint in full, such as http://127.0.0.1:3000/mcp
    ");
    assert_snapshot!(server("headers.Authorization = \"Bearer s3cret\""), @r"
    `/mcpass.toml`, line 3, column 25: the header `Authorization` cannot be used: it holds a credential, which mcpass does not keep
    hint: name where it is instead: ${env:NAME} or ${file:PATH}
    ");
    assert_snapshot!(server("headers.X-Api-Key = \"${GITHUB}\""), @r"
    `/mcpass.toml`, line 3, column 21: the header `X-Api-Key` cannot be used: it holds a credential, which mcpass does not keep
    hint: name where it is instead: ${env:NAME} or ${file:PATH}
    ");
    assert_snapshot!(server("headers.Host = \"a\""), @r"
    `/mcpass.toml`, line 3, column 16: the header `Host` cannot be used: mcpass sets it itself
    hint: leave it out
    ");
    assert_snapshot!(server("first_byte_timeout = \"2d\""), @"`/mcpass.toml`, line 3, column 22: first_byte_timeout goes from 1ms to 24h");
    assert_snapshot!(server("ulr = \"x\""), @r"
    `/mcpass.toml`, line 3, column 1: unknown key `ulr`
    hint: here can stand `url`, `headers`, `connect_timeout`, `first_byte_timeout`, `max_connections`, `ca_file`, `client_certificate`, `client_key`, `command`, `environment`, `folder`, `per_token`, `start_timeout`, `answer_timeout`, `idle`, `workspace`, `tool_names`, `database`, `apps`, `tools`, `with_history`, `read_only`, `expose`, `statement_timeout`, `max_rows`, `max_bytes`, `pool`, `schemas`, `models`, `enabled`
    ");
}

#[test]
fn stdio_servers_are_declared_with_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcpass.toml");
    let text = "[server.search]\ncommand = [\"npx\", \"-y\", \"@acme/search\"]\n\
                environment = { KEY = \"${env:SEARCH_KEY}\", OTHER_KEY = \"${file:key}\" }\n\
                folder = \"work\"\nper_token = true\nstart_timeout = \"5s\"\n\
                answer_timeout = \"1m\"\nidle = \"0s\"\n\
                [server.own]\ncommand = [\"bin/server\"]\n";
    std::fs::write(&path, text).unwrap();
    let options = Options { config: Some(path), ..Options::default() };
    let config = Config::load(&options, &Environment::default()).unwrap();
    let [own, search] = &config.servers[..] else { panic!("{:?}", config.servers) };
    let mcpass_domain::ServerKind::Stdio(search) = &search.kind else { panic!("not stdio") };
    assert_eq!((search.program.as_str(), search.arguments.len()), ("npx", 2));
    assert_eq!(search.environment["KEY"], "${env:SEARCH_KEY}");
    let key = format!("${{file:{}}}", folder.path().join("key").display());
    assert_eq!(search.environment["OTHER_KEY"], key, "files are taken from the file's folder");
    assert_eq!(search.folder.as_deref(), folder.path().join("work").to_str());
    assert!(search.per_token && search.idle.is_zero());
    let seconds = [search.start_timeout, search.answer_timeout].map(|time| time.as_secs());
    assert_eq!(seconds, [5, 60]);
    let mcpass_domain::ServerKind::Stdio(own) = &own.kind else { panic!("not stdio") };
    assert_eq!(Some(own.program.as_str()), folder.path().join("bin/server").to_str());
}

#[test]
fn http_servers_name_files_for_tls() {
    let config = load(
        "[server.acme]\nurl = \"https://a.example\"\nca_file = \"/etc/ca.pem\"\n\
         client_certificate = \"/etc/c.pem\"\nclient_key = \"/etc/c.key\"\n\
         max_connections = 7\n",
        &[],
    )
    .unwrap();
    let mcpass_domain::ServerKind::Http(http) = &config.servers[0].kind else { panic!("not http") };
    assert_eq!(http.ca_file.as_deref(), Some("/etc/ca.pem"));
    assert_eq!(http.client_identity.as_ref().unwrap().key, "/etc/c.key");
    assert_eq!(http.max_connections, 7);
}

#[test]
fn settings_of_another_kind_or_without_their_other_half_are_refused() {
    let http = |rest: &str| error(&format!("[server.a]\nurl = \"https://a.example\"\n{rest}"));
    let stdio = |rest: &str| error(&format!("[server.a]\ncommand = [\"npx\"]\n{rest}"));
    assert_snapshot!(stdio("url = \"https://a.example\""), @"`/mcpass.toml`, line 2, column 11: a server has a `url` or a `command`, not both");
    assert_snapshot!(stdio("headers = { X-A = \"b\" }"), @"`/mcpass.toml`, line 3, column 19: a server with a `command` has no `headers`");
    assert_snapshot!(stdio("connect_timeout = \"1s\""), @"`/mcpass.toml`, line 3, column 19: a server with a `command` has no `connect_timeout`");
    assert_snapshot!(http("environment = { A = \"b\" }"), @"`/mcpass.toml`, line 3, column 21: a server with a `url` has no `environment`");
    assert_snapshot!(http("per_token = true"), @"`/mcpass.toml`, line 3, column 13: a server with a `url` has no `per_token`");
    assert_snapshot!(http("client_key = \"k.pem\""), @"`/mcpass.toml`, line 3, column 14: a private key needs its `client_certificate`");
    assert_snapshot!(http("max_connections = 0"), @"`/mcpass.toml`, line 3, column 19: max_connections goes from 1 to 100000");
    assert_snapshot!(error("[server.a]\ncommand = []"), @"`/mcpass.toml`, line 2, column 11: this command has no program");
    assert_snapshot!(error("[server.a]\ncommand = \"npx -y x\""), @r#"`/mcpass.toml`, line 2, column 11: a command is a list of texts: ["program", "argument"]"#);
    assert_snapshot!(error("[server.a]\ncommand = [\"x\", \"--token\", \"s3cret\"]"), @r#"
    `/mcpass.toml`, line 2, column 11: argument 2 of the command cannot be used: it holds a credential, which mcpass does not keep
    hint: arguments can be read by every process of the machine: put it into the environment as NAME=${env:NAME}; if the program takes it only as an argument, run it through a shell: sh -c 'exec program "$NAME"'
    "#);
    assert_snapshot!(stdio("environment = { A_TOKEN = \"s3cret\" }"), @r"
    `/mcpass.toml`, line 3, column 27: the variable `A_TOKEN` cannot be used: it holds a credential, which mcpass does not keep
    hint: name where it is instead: ${env:NAME} or ${file:PATH}
    ");
    assert_snapshot!(stdio("environment = { A = \"${s3cret}\" }"), @r"
    `/mcpass.toml`, line 3, column 21: the variable `A` cannot be used: `${…}` is not a reference; write ${env:NAME} or ${file:PATH}
    hint: name where it is instead: ${env:NAME} or ${file:PATH}
    ");
    assert_snapshot!(error("[server.a]\nurl = \"http://a.example\"\nca_file = \"ca.pem\""), @r"
    `/mcpass.toml`, line 3, column 11: ca_file means nothing without TLS
    hint: give the server an https:// URL, or leave the file out
    ");
}

#[test]
fn workspaces_are_declared_with_the_names_of_their_tools() {
    let kind = |text: &str| {
        let mut servers = load(text, &[]).unwrap().servers;
        servers.pop().unwrap().kind
    };
    let workspace = |tool_names| ServerKind::Workspace(WorkspaceSettings { tool_names });
    let usual = kind("[server.w]\nworkspace = true\n");
    assert_eq!(usual, workspace(ToolNames::Underscore));
    let slash = kind("[server.w]\nworkspace = true\ntool_names = \"slash\"\n");
    assert_eq!(slash, workspace(ToolNames::Slash));
    for (text, told) in [
        ("workspace = true\ntool_names = \"dots\"", "`underscore` or `slash`"),
        (
            "workspace = true\nheaders = { a = \"b\" }",
            "a server with a `workspace` has no `headers`",
        ),
        (
            "url = \"http://x/\"\ntool_names = \"slash\"",
            "a server with a `url` has no `tool_names`",
        ),
        ("workspace = false", "has no `url`, `command`, `database` or `workspace`"),
    ] {
        let error = load(&format!("[server.w]\n{text}\n"), &[]).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn a_provider_is_declared_with_a_reference_to_its_secret() {
    let text = r#"
        public_url = "https://mcpass.example.com"
        [sign_in]
        passwords = false
        [sign_in.oidc]
        issuer = "https://id.example.com"
        client_id = "mcpass"
        client_secret = "${file:secret}"
        name = "preferred_username"
        allowed_domains = ["example.com"]
        create_users = true
        groups = ["readers"]
    "#;
    let oidc = load(text, &[]).unwrap().sign_in.oidc.unwrap();
    assert!(oidc.client_secret.unwrap().ends_with("/secret}"), "taken from the file's folder");
    assert_eq!(oidc.scopes, ["email", "profile"]);
    assert!(oidc.is_named_by_username && oidc.create_users);
    assert_eq!(
        (oidc.groups, oidc.allowed_domains),
        (vec!["readers".into()], vec!["example.com".into()])
    );
}

#[test]
fn a_provider_that_cannot_be_is_named_with_its_place() {
    let head = "[sign_in.oidc]\nissuer = \"https://id.example.com\"\n";
    let whole = format!("{head}client_id = \"mcpass\"\n");
    assert_snapshot!(error(head), @"`/mcpass.toml`, line 1, column 1: [sign_in.oidc] has no `client_id`");
    assert_snapshot!(error(&format!("{whole}client_secret = \"s3cret\"\n")), @r"
    `/mcpass.toml`, line 4, column 17: `client_secret` holds a credential, or nothing
    hint: name where it is: ${env:NAME} or ${file:PATH}
    ");
    assert_snapshot!(error(&format!("{whole}name = \"sub\"\n")), @"`/mcpass.toml`, line 4, column 8: users are called after `email` or `preferred_username`");
    assert_snapshot!(error("[sign_in]\npasswords = false\n"), @"`sign_in.passwords` is false (/mcpass.toml line 2), and there is no [sign_in.oidc]: nobody could sign in");
}
