//! What to paste where, so that a client finds mcpass: curl and the clients that people use.
//!
//! Each client takes the token from the environment or asks for it, in its own way, so that no
//! configuration file holds it. The forms are those of the clients' own references:
//! Claude Code `claude mcp add` and `.mcp.json` (`${VAR}` in headers), Cursor `mcp.json`
//! (`${env:VAR}`), VS Code `mcp.json` (`inputs` of type `promptString`), Codex `config.toml`
//! (`bearer_token_env_var`). Claude Desktop only speaks stdio and sees no variables of a shell, so
//! it starts `mcpass connect`, which reads the token from a file of its user's.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The environment variable that the snippets take the token from.
pub const VARIABLE: &str = "MCPASS_TOKEN";

/// The file that `mcpass connect` takes the token from in the snippets.
const TOKEN_FILE: &str = "~/.config/mcpass/token";

/// One thing to paste.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snippet {
    /// Which client it is for.
    pub client: &'static str,
    /// Where it goes: `shell`, or a file's name.
    pub place: &'static str,
    /// The text.
    pub text: String,
}

/// The URL of the MCP endpoint of a server that listens at `listen`, as a client on the same
/// machine calls it.
pub fn endpoint(listen: SocketAddr) -> String {
    format!("{}/mcp", origin(listen))
}

/// Where a server that listens at `listen` is reached from the same machine.
pub fn origin(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

/// Everything to paste for the endpoint `url`. The first one puts `token` into the environment;
/// without a token it says where to put it. No other holds it.
pub fn all(url: &str, token: Option<&str>) -> Vec<Snippet> {
    let token = token.unwrap_or("PASTE-THE-TOKEN-HERE");
    let snippet = |client, place, text: String| Snippet { client, place, text };
    vec![
        snippet("environment", "shell", format!("export {VARIABLE}={token}")),
        snippet("curl", "shell", curl(url)),
        snippet("Claude Code", "shell", claude_code(url)),
        snippet("Cursor", ".cursor/mcp.json", cursor(url)),
        snippet("VS Code", ".vscode/mcp.json", vs_code(url)),
        snippet("Codex", "~/.codex/config.toml", codex(url)),
        snippet("Python", "call.py", python(url)),
        snippet("TypeScript", "call.ts", typescript(url)),
        snippet("token file, for clients that only speak stdio", "shell", token_file()),
        snippet("Claude Desktop", "claude_desktop_config.json", claude_desktop(url)),
    ]
}

/// All of them as one text for people.
pub fn render(snippets: &[Snippet]) -> String {
    let mut out = String::new();
    for (at, snippet) in snippets.iter().enumerate() {
        let gap = if at == 0 { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{gap}# {} ({})\n{}", snippet.client, snippet.place, snippet.text);
    }
    out
}

fn curl(url: &str) -> String {
    format!(
        "curl -sS {url} \\\n  -H \"Authorization: Bearer ${VARIABLE}\" \\\n  \
         -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\\n  \
         -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}'"
    )
}

/// In single quotes, so that the shell leaves the variable alone and `.mcp.json` keeps its name.
/// Options come before the name; `--header` takes several values, so it comes last.
fn claude_code(url: &str) -> String {
    format!(
        "claude mcp add --transport http --scope project mcpass {url} \\\n  \
         --header 'Authorization: Bearer ${{{VARIABLE}}}'"
    )
}

fn cursor(url: &str) -> String {
    format!(
        r#"{{
  "mcpServers": {{
    "mcpass": {{
      "url": "{url}",
      "headers": {{ "Authorization": "Bearer ${{env:{VARIABLE}}}" }}
    }}
  }}
}}"#
    )
}

fn vs_code(url: &str) -> String {
    format!(
        r#"{{
  "inputs": [
    {{ "id": "mcpass-token", "type": "promptString", "description": "mcpass token", "password": true }}
  ],
  "servers": {{
    "mcpass": {{
      "type": "http",
      "url": "{url}",
      "headers": {{ "Authorization": "Bearer ${{input:mcpass-token}}" }}
    }}
  }}
}}"#
    )
}

fn codex(url: &str) -> String {
    format!("[mcp_servers.mcpass]\nurl = \"{url}\"\nbearer_token_env_var = \"{VARIABLE}\"")
}

/// The official SDK: `pip install mcp`.
fn python(url: &str) -> String {
    format!(
        r#"# pip install mcp
import asyncio, os

from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client


async def main():
    headers = {{"Authorization": f"Bearer {{os.environ['{VARIABLE}']}}"}}
    async with create_mcp_http_client(headers=headers) as http:
        async with Client(streamable_http_client("{url}", http_client=http)) as client:
            for tool in (await client.list_tools()).tools:
                print(tool.name)


asyncio.run(main())"#
    )
}

/// The official SDK: `npm install @modelcontextprotocol/sdk`.
fn typescript(url: &str) -> String {
    format!(
        r#"// npm install @modelcontextprotocol/sdk
import {{ Client }} from "@modelcontextprotocol/sdk/client/index.js";
import {{ StreamableHTTPClientTransport }} from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const headers = {{ Authorization: `Bearer ${{process.env.{VARIABLE}}}` }};
const url = new URL("{url}");
const transport = new StreamableHTTPClientTransport(url, {{ requestInit: {{ headers }} }});
const client = new Client({{ name: "example", version: "1.0.0" }});
await client.connect(transport);
for (const tool of (await client.listTools()).tools) console.log(tool.name);
await client.close();"#
    )
}

/// `printf` is the shell's own, so the token is in no process list.
fn token_file() -> String {
    let folder = TOKEN_FILE.rsplit_once('/').map_or(".", |(folder, _)| folder);
    format!("mkdir -p {folder} && (umask 077 && printf '%s\\n' \"${VARIABLE}\" > {TOKEN_FILE})")
}

fn claude_desktop(url: &str) -> String {
    format!(
        r#"{{
  "mcpServers": {{
    "mcpass": {{
      "command": "mcpass",
      "args": ["connect", "{url}", "--token-file", "{TOKEN_FILE}"]
    }}
  }}
}}"#
    )
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const URL: &str = "http://127.0.0.1:7788/mcp";

    fn text(client: &str) -> String {
        let found = all(URL, None).into_iter().find(|snippet| snippet.client == client);
        found.unwrap().text
    }

    #[test]
    fn the_token_stands_in_the_first_snippet_alone() {
        let snippets = all(URL, Some("THE-SECRET"));
        assert_eq!(snippets[0].text, "export MCPASS_TOKEN=THE-SECRET");
        assert!(snippets[1..].iter().all(|snippet| !snippet.text.contains("THE-SECRET")));
        let without_url: Vec<_> =
            snippets[1..].iter().filter(|snippet| !snippet.text.contains(URL)).collect();
        assert_eq!(without_url, [&snippets[8]], "the token's file");
    }

    #[test]
    fn files_are_valid_in_their_formats() {
        for (client, pointer, expected) in [
            ("Cursor", "/mcpServers/mcpass/headers/Authorization", "Bearer ${env:MCPASS_TOKEN}"),
            ("VS Code", "/servers/mcpass/headers/Authorization", "Bearer ${input:mcpass-token}"),
            ("VS Code", "/servers/mcpass/type", "http"),
            ("VS Code", "/inputs/0/id", "mcpass-token"),
            ("Claude Desktop", "/mcpServers/mcpass/command", "mcpass"),
            ("Claude Desktop", "/mcpServers/mcpass/args/0", "connect"),
            ("Claude Desktop", "/mcpServers/mcpass/args/1", URL),
            ("Claude Desktop", "/mcpServers/mcpass/args/3", TOKEN_FILE),
        ] {
            let value: serde_json::Value = serde_json::from_str(&text(client)).unwrap();
            assert_eq!(value.pointer(pointer).unwrap(), expected);
        }
        let codex: toml::Table = text("Codex").parse().unwrap();
        assert_eq!(
            codex["mcp_servers"]["mcpass"]["bearer_token_env_var"].as_str(),
            Some("MCPASS_TOKEN")
        );
    }

    #[test]
    fn shell_commands_read_as_they_should() {
        assert_snapshot!(text("curl"), @r#"
        curl -sS http://127.0.0.1:7788/mcp \
          -H "Authorization: Bearer $MCPASS_TOKEN" \
          -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
          -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
        "#);
        assert_snapshot!(text("Claude Code"), @r"
        claude mcp add --transport http --scope project mcpass http://127.0.0.1:7788/mcp \
          --header 'Authorization: Bearer ${MCPASS_TOKEN}'
        ");
    }

    #[test]
    fn the_token_file_is_for_its_owner_alone() {
        let snippets = all(URL, None);
        assert_snapshot!(
            snippets[8].text,
            @r#"mkdir -p ~/.config/mcpass && (umask 077 && printf '%s\n' "$MCPASS_TOKEN" > ~/.config/mcpass/token)"#
        );
    }

    #[test]
    fn an_address_that_means_any_becomes_one_that_can_be_called() {
        for (listen, url) in [
            ("127.0.0.1:7788", "http://127.0.0.1:7788/mcp"),
            ("0.0.0.0:80", "http://127.0.0.1:80/mcp"),
            ("[::]:80", "http://[::1]:80/mcp"),
            ("10.1.2.3:80", "http://10.1.2.3:80/mcp"),
        ] {
            assert_eq!(endpoint(listen.parse().unwrap()), url);
        }
    }
}
