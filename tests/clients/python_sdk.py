"""Connects with the official Python SDK, lists all tools, calls one, prints one JSON line.

Usage: MCPASS_TOKEN=... python python_sdk.py URL TOOL ARGUMENTS MODE
MODE is auto, legacy or a modern protocol version such as 2026-07-28.
"""

import asyncio
import json
import os
import sys

from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

TIMEOUT_SECONDS = 30
MAX_PAGES = 100


async def list_all(client):
    """All tools' names: a server may page, and a gateway must not lose a page."""
    names, cursor = [], None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        names += [tool.name for tool in page.tools]
        cursor = page.next_cursor
        if not cursor:
            return names
    raise RuntimeError(f"more than {MAX_PAGES} pages of tools: the cursor does not end")


async def work(url, tool, arguments, mode, report):
    token = os.environ.get("MCPASS_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with create_mcp_http_client(headers=headers) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            report["protocol"] = client.protocol_version
            report["tools"] = await list_all(client)
            if tool:
                result = await client.call_tool(tool, arguments)
                report["result"] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
            report["ok"] = True


def cause(error):
    """The one error inside the groups that task groups wrap it in, which say nothing."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return error


async def main():
    url, tool, arguments, mode = sys.argv[1:5]
    report = {"ok": False, "client": f"python-{mode}", "protocol": None, "tools": [],
              "result": None, "error": None}
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await work(url, tool, json.loads(arguments), mode, report)
    except BaseException as error:  # noqa: BLE001  Whatever went wrong belongs into the report.
        report["ok"] = False
        report["error"] = f"{type(cause(error)).__name__}: {cause(error)}"
    print(json.dumps(report))


asyncio.run(main())
