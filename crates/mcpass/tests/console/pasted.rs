//! What the page of a new token tells to paste, taken by the button of each tab and used: programs
//! as they stand, settings of clients by what they say.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context, Result, ensure};
use mcpass_testkit::browser::{Browser, Find};
use mcpass_testkit::clients::{CLIENTS, Client, Pasted, Step};
use serde_json::{Value, json};

use crate::holds;

/// What was copied from the page of a new token.
pub(crate) struct Copied {
    pub(crate) secret: String,
    /// The line for the environment.
    pub(crate) environment: String,
}

/// What a client's settings say.
struct Setting {
    url: String,
    /// The header `Authorization`, with the client's own way to name a variable.
    authorization: String,
}

/// Takes the tabs one by one and does what they say. The token may use `up__look` alone.
pub(crate) async fn everywhere(browser: &Browser, copied: &Copied) -> Result<()> {
    for (tab, pasted) in
        [("curl", Pasted::Shell), ("Python", Pasted::Python), ("TypeScript", Pasted::TypeScript)]
    {
        let said = pasted.run(&copied.environment, &tab_of(browser, copied, tab).await?).await;
        let said = said.with_context(|| format!("what the tab {tab} says"))?;
        holds(said.contains("up__look"), format_args!("{tab}: {said}"))?;
        holds(!said.contains("up__destroy"), format_args!("{tab}: {said}"))?;
    }
    let python = CLIENTS.first().context("the Python SDK")?;
    let typescript = CLIENTS.last().context("a client of TypeScript")?;
    for (tab, client) in
        [("Claude Code", python), ("Cursor", typescript), ("VS Code", python), ("Codex", python)]
    {
        let text = tab_of(browser, copied, tab).await?;
        let setting = match tab {
            "Claude Code" => claude_code(copied, &text).await,
            "Cursor" => cursor(&text),
            "VS Code" => vs_code(&text),
            _ => codex(&text),
        };
        let used = match setting {
            Ok(setting) => setting.used_by(*client, copied).await,
            Err(error) => Err(error),
        };
        used.with_context(|| format!("what the tab {tab} says: {text}"))?;
    }
    Ok(())
}

async fn tab_of(browser: &Browser, copied: &Copied, tab: &str) -> Result<String> {
    let tabs = "return [...document.querySelectorAll('[data-tab]')]
        .findIndex(each => each.innerText.trim() === arguments[0]) + 1";
    browser.find(Find::Css("[data-tab]")).await?;
    let number = browser.run(tabs, &[tab.into()]).await?.as_u64().context("a number")?;
    holds(number > 0, format_args!("there is no tab {tab}"))?;
    browser.click(Find::Css(&format!("[data-tab][href='#client-{number}']"))).await?;
    browser.click(Find::Css(&format!("[data-copy='snippet-{number}']"))).await?;
    let text = browser.clipboard().await?;
    holds(!text.contains(&copied.secret), format_args!("{tab} holds the secret: {text}"))?;
    Ok(text)
}

/// A shell reads the line; a stand-in for the program says which arguments it was given. Those are
/// then read as the program does: a name, an address, and headers for `.mcp.json`.
async fn claude_code(copied: &Copied, text: &str) -> Result<Setting> {
    let place = tempfile::tempdir()?;
    let claude = place.path().join("claude");
    fs::write(
        &claude,
        "#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n",
    )?;
    fs::set_permissions(&claude, fs::Permissions::from_mode(0o755))?;
    let path = format!("PATH='{}':\"$PATH\"", place.path().display());
    let said = Pasted::Shell.run(&format!("{path}\n{}", copied.environment), text).await?;
    let given: Vec<String> = serde_json::from_str(said.trim()).with_context(|| said.clone())?;
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let ["mcp", "add", options @ .., "--header", header] = &given[..] else {
        anyhow::bail!("not the arguments of `claude mcp add`: {given:?}");
    };
    let ["--transport", "http", "--scope", "project", "mcpass", url] = options else {
        anyhow::bail!("not the options of `claude mcp add`: {options:?}");
    };
    let authorization = header.strip_prefix("Authorization: ").context("the header")?;
    // The file is under version control: the shell must have left the variable's name in it.
    let authorization = named(authorization, "${MCPASS_TOKEN}")?;
    Ok(Setting { url: (*url).to_owned(), authorization })
}

fn cursor(text: &str) -> Result<Setting> {
    let file: Value = serde_json::from_str(text)?;
    let server = &file["mcpServers"]["mcpass"];
    assert_eq!(keys(server), ["headers", "url"], "what Cursor knows");
    Setting::of(server, "${env:MCPASS_TOKEN}")
}

/// VS Code asks for the input and keeps it among its secrets.
fn vs_code(text: &str) -> Result<Setting> {
    let file: Value = serde_json::from_str(text)?;
    let server = &file["servers"]["mcpass"];
    assert_eq!(keys(server), ["headers", "type", "url"], "what VS Code knows");
    assert_eq!(server["type"], "http");
    let input = &file["inputs"][0];
    assert_eq!((&input["type"], &input["password"]), (&json!("promptString"), &json!(true)));
    let id = input["id"].as_str().context("an id")?;
    Setting::of(server, &format!("${{input:{id}}}"))
}

/// Codex takes the token from the environment and makes the header itself.
fn codex(text: &str) -> Result<Setting> {
    let file: toml::Table = text.parse()?;
    let server = file["mcp_servers"]["mcpass"].as_table().context("a table")?;
    assert_eq!(server.keys().collect::<Vec<_>>(), ["bearer_token_env_var", "url"]);
    assert_eq!(server["bearer_token_env_var"].as_str(), Some("MCPASS_TOKEN"));
    let url = server["url"].as_str().context("an address")?.to_owned();
    Ok(Setting { url, authorization: format!("Bearer {PLACE}") })
}

/// Where the token goes.
const PLACE: &str = "\u{1}";

/// A text with the place of its variable marked.
fn named(text: &str, variable: &str) -> Result<String> {
    ensure!(text.matches(variable).count() == 1, "{variable} is not in {text:?}");
    Ok(text.replace(variable, PLACE))
}

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().into_iter().flatten();
    let mut keys: Vec<_> = object.map(|(name, _)| name.as_str()).collect();
    keys.sort_unstable();
    keys
}

impl Setting {
    fn of(server: &Value, variable: &str) -> Result<Self> {
        let text = |name: &str| server.pointer(name).and_then(Value::as_str).context("a text");
        let authorization = named(text("/headers/Authorization")?, variable)?;
        Ok(Self { url: text("/url")?.to_owned(), authorization })
    }

    /// A real client with this address and header sees what the token may use, and calls it.
    async fn used_by(&self, client: Client, copied: &Copied) -> Result<()> {
        // As the line for the environment sets it in a real shell.
        let show = "printf %s \"$MCPASS_TOKEN\"";
        let secret = Pasted::Shell.run(&copied.environment, show).await?;
        let header = self.authorization.replace(PLACE, &secret);
        let token = header.strip_prefix("Bearer ").context("a bearer token")?;
        let steps = [Step::list(), Step::call("up__look", json!({ "marker": "pasted" }))];
        let report = client.run(&self.url, Some(token), &steps).await?;
        let [tools, result] = report.values()?;
        assert_eq!(tools, json!(["up__look"]), "{client:?}");
        assert_eq!(result["structuredContent"]["marker"], "pasted", "{result}");
        Ok(())
    }
}
