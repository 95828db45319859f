"""A small MCP server over stdio (2025-11-25) that does to order what servers do by mistake."""

import json
import os
import sys

TOOLS = ["echo", "environment", "whoami", "shout", "hold", "die"]


def send(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


def call(name, arguments):
    """The result of a call; none if it is never answered."""
    if name == "echo":
        return arguments
    if name == "environment":
        return dict(os.environ)
    if name == "whoami":
        return {"pid": os.getpid(), "folder": os.getcwd()}
    if name == "shout":
        say(arguments["text"])
        return {}
    if name == "hold":
        say("held " + arguments["marker"])
        return None
    if name == "die":
        say("going down in flames")
        os._exit(3)
    raise KeyError(name)


def answer(message):
    method, params = message["method"], message.get("params", {})
    if method == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "child", "version": "1"},
        }
    if method == "tools/list":
        schema = {"type": "object"}
        return {"tools": [{"name": name, "inputSchema": schema} for name in TOOLS]}
    if method == "tools/call":
        value = call(params["name"], params.get("arguments", {}))
        if value is None:
            return None
        text = json.dumps(value)
        return {"content": [{"type": "text", "text": text}], "structuredContent": value}
    raise KeyError(method)


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message or "method" not in message:
        continue
    try:
        result = answer(message)
    except KeyError as unknown:
        error = {"code": -32601, "message": f"unknown: {unknown}"}
        send({"id": message["id"], "error": error})
        continue
    if result is not None:
        send({"id": message["id"], "result": result})
