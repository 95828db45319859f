"""The client of fastmcp, a framework on top of the official Python SDK.

MODE is auto, legacy or a modern protocol version such as 2026-07-28.
"""

from contextlib import asynccontextmanager

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from report import run


class FastMcp:
    def __init__(self, client):
        self.client = client
        self.protocol = client.protocol_version

    async def list(self):
        # It collects all pages by itself.
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, name, arguments, on_progress):
        return await self.client.call_tool_mcp(name, arguments, progress_handler=on_progress)

    async def read(self, uri):
        return await self.client.read_resource_mcp(uri)

    async def prompt(self, name, arguments):
        return await self.client.get_prompt_mcp(name, arguments)


@asynccontextmanager
async def connect(url, token, mode, answer):
    async def on_question(message, response_type, params, context):
        return answer(message)

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = StreamableHttpTransport(url, headers=headers)
    async with Client(transport, mode=mode, elicitation_handler=on_question) as client:
        yield FastMcp(client)


run("fastmcp", connect)
