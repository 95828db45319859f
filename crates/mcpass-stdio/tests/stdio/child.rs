//! An MCP server for tests, which does what it is told, good or bad.
//!
//! Its argument says what it speaks, and the tools that are called say what it does.

#![expect(clippy::indexing_slicing, reason = "reading a Value by a key it lacks gives null")]

use std::io::{self, BufRead, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

fn main() -> ExitCode {
    let mode = std::env::args().nth(1).unwrap_or_default();
    if mode == "exits" {
        let _ = writeln!(io::stderr(), "no configuration\n");
        return ExitCode::from(7);
    }
    let mut server = Server { mode, ..Server::default() };
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match server.line(&line) {
            Ok(Next::Go) => {}
            Ok(Next::Exit(code)) => return code,
            Err(_) => return ExitCode::FAILURE,
        }
    }
    if server.mode == "stubborn" {
        loop {
            std::thread::park();
        }
    }
    ExitCode::SUCCESS
}

enum Next {
    Go,
    Exit(ExitCode),
}

#[derive(Default)]
struct Server {
    mode: String,
    received: Vec<String>,
    /// Calls that wait to be released.
    held: Vec<Value>,
    /// Calls that wait for an answer of the client's: id of the question, id of the call.
    asking: Vec<(Value, Value)>,
    listening: Vec<Value>,
    /// A question about its era that it has not answered.
    late: Option<Value>,
    /// The name of the header that "echo" wants.
    header: Option<String>,
}

impl Server {
    fn line(&mut self, line: &str) -> io::Result<Next> {
        self.received.push(line.to_owned());
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        let id = message["id"].clone();
        let Some(method) = message["method"].as_str() else {
            return self.answered(&id, &message);
        };
        match method {
            "server/discover" => return self.discover(&id),
            "initialize" => self.initialize(&id)?,
            "tools/call" => return self.call(&id, &message["params"], line),
            "tools/list" => self.list(&id, &message["params"]["cursor"])?,
            "ping" | "resources/subscribe" | "resources/unsubscribe" => result(&id, &json!({}))?,
            "subscriptions/listen" => {
                self.listening.push(id.clone());
                let tag = json!({SUBSCRIPTION_ID: id});
                notify("notifications/subscriptions/acknowledged", &json!({"_meta": tag}))?;
            }
            _ if id.is_null() => {}
            _ => error(&id, -32601, "Method not found")?,
        }
        Ok(Next::Go)
    }

    fn discover(&mut self, id: &Value) -> io::Result<Next> {
        match self.mode.as_str() {
            "modern" | "unlisted" => offer(id, &["2026-07-28"])?,
            "dual" => offer(id, &["2026-07-28", "2025-11-25"])?,
            "crashes" => return Ok(Next::Exit(ExitCode::from(9))),
            "silent" => {}
            // It is still loading, and answers when it gets to it.
            "late" => self.late = Some(id.clone()),
            _ => error(id, -32601, "Method not found")?,
        }
        Ok(Next::Go)
    }

    /// The tools, on two pages. "echo" wants its argument `to` in a header, under the name that it
    /// was last told.
    fn list(&self, id: &Value, cursor: &Value) -> io::Result<()> {
        match (self.mode.as_str(), cursor.as_str()) {
            ("unlisted", None) => error(id, -32603, "no list today"),
            (_, None) => result(id, &json!({"tools": [{"name": "plain"}], "nextCursor": "2"})),
            (_, Some(_)) => {
                let header = self.header.as_deref().unwrap_or("To");
                let to = json!({"type": "string", "x-mcp-header": header});
                let schema = json!({"type": "object", "properties": {"to": to}});
                result(id, &json!({"tools": [{"name": "echo", "inputSchema": schema}]}))
            }
        }
    }

    fn initialize(&self, id: &Value) -> io::Result<()> {
        match self.mode.as_str() {
            "modern" => error(id, -32601, "initialize is of the past"),
            "late" => {
                if let Some(asked) = &self.late {
                    offer(asked, &["2026-07-28"])?;
                }
                error(id, -32601, "initialize is of the past")
            }
            "mute" => Ok(()),
            _ => {
                let opening = json!({
                    "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "child", "version": "1"},
                });
                result(id, &opening)
            }
        }
    }

    /// The client's answer to a question answers the call that asked it.
    fn answered(&mut self, id: &Value, message: &Value) -> io::Result<Next> {
        let Some(at) = self.asking.iter().position(|(question, _)| question == id) else {
            return Ok(Next::Go);
        };
        let (_, call) = self.asking.remove(at);
        if !call.is_null() {
            text(&call, &message.to_string())?;
        }
        Ok(Next::Go)
    }

    fn call(&mut self, id: &Value, params: &Value, line: &str) -> io::Result<Next> {
        let arguments = &params["arguments"];
        match params["name"].as_str().unwrap_or_default() {
            "echo" => text(id, line)?,
            "received" => result(id, &json!({"content": [], "lines": self.received}))?,
            "hold" => self.held.push(id.clone()),
            "release" => {
                for held in self.held.drain(..).rev() {
                    text(&held, "released")?;
                }
                text(id, "done")?;
            }
            "never" => {}
            "ask" => out(&self.question(id, arguments).to_string())?,
            "ask later" => {
                // Both in one piece, so that nothing can come in between.
                let question = self.question(&Value::Null, arguments);
                let later = json!({"content": [{"type": "text", "text": "later"}]});
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": later});
                out(&format!("{answer}\n{question}"))?;
            }
            "progress" => {
                for step in 0..3 {
                    notify("notifications/progress", &progress(params, step))?;
                }
                text(id, "done")?;
            }
            "say" => {
                let method = arguments["method"].as_str().unwrap_or_default();
                notify(method, &arguments["params"])?;
                text(id, "said")?;
            }
            "rename" => {
                self.header = arguments["header"].as_str().map(ToOwned::to_owned);
                notify("notifications/tools/list_changed", &json!({}))?;
                text(id, "renamed")?;
            }
            "emit" => {
                for listen in &self.listening {
                    let tag = json!({SUBSCRIPTION_ID: listen});
                    notify("notifications/tools/list_changed", &json!({"_meta": tag}))?;
                }
                text(id, "emitted")?;
            }
            "finish" => {
                for listen in self.listening.drain(..) {
                    let tag = json!({SUBSCRIPTION_ID: listen});
                    result(&listen, &json!({"resultType": "complete", "_meta": tag}))?;
                }
                text(id, "finished")?;
            }
            "environment" => {
                let names: Vec<String> =
                    std::env::vars_os().map(|(name, _)| name.to_string_lossy().into()).collect();
                let folder = std::env::current_dir()?;
                result(id, &json!({"content": [], "names": names, "folder": folder}))?;
            }
            "spawn" => {
                let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn()?;
                result(id, &json!({"content": [], "pid": child.id()}))?;
            }
            other => return misbehave(other, id, params),
        }
        Ok(Next::Go)
    }

    /// A question, whose answer answers the call.
    fn question(&mut self, call: &Value, arguments: &Value) -> Value {
        let question = arguments["id"].clone();
        let method = arguments["method"].as_str().unwrap_or("elicitation/create");
        self.asking.push((question.clone(), call.clone()));
        let params = json!({"message": "how many?"});
        json!({"jsonrpc": "2.0", "id": question, "method": method, "params": params})
    }
}

/// What a server should not do.
fn misbehave(tool: &str, id: &Value, params: &Value) -> io::Result<Next> {
    match tool {
        "die" => {
            let last = params["arguments"]["last"].as_str().unwrap_or("the disk is on fire");
            writeln!(io::stderr(), "first\n{last}")?;
            return Ok(Next::Exit(ExitCode::from(3)));
        }
        "die midway" => {
            notify("notifications/progress", &progress(params, 1))?;
            return Ok(Next::Exit(ExitCode::from(3)));
        }
        "garbage" => {
            out("Listening on stdio")?;
            out("{\"level\":\"info\"}")?;
            out("[1,2]")?;
            out("")?;
            writeln!(io::stdout(), "\u{1b}[0m{}", "x".repeat(100_000))?;
            text(id, "after garbage")?;
        }
        "huge" => {
            out(&format!("\"{}\"", "x".repeat(17 << 20)))?;
            text(id, "after the huge line")?;
        }
        "large" => text(id, &"y".repeat(2 << 20))?,
        "deaf" => loop {
            std::thread::sleep(Duration::from_hours(1));
        },
        _ => error(id, -32602, "Unknown tool")?,
    }
    Ok(Next::Go)
}

fn offer(id: &Value, versions: &[&str]) -> io::Result<()> {
    let offer = json!({
        "resultType": "complete", "supportedVersions": versions,
        "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private",
    });
    result(id, &offer)
}

fn progress(params: &Value, step: u32) -> Value {
    json!({"progressToken": params["_meta"]["progressToken"], "progress": step})
}

fn text(id: &Value, text: &str) -> io::Result<()> {
    result(id, &json!({"content": [{"type": "text", "text": text}]}))
}

fn result(id: &Value, result: &Value) -> io::Result<()> {
    out(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())
}

fn error(id: &Value, code: i64, message: &str) -> io::Result<()> {
    let error = json!({"code": code, "message": message});
    out(&json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string())
}

fn notify(method: &str, params: &Value) -> io::Result<()> {
    out(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string())
}

fn out(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    // In one write, as long as it fits into the pipe.
    stdout.write_all(format!("{line}\n").as_bytes())?;
    stdout.flush()
}
