"""The official Python SDK over any of its transports, in the shape that report.py asks for."""

from contextlib import asynccontextmanager

from mcp import Client
from mcp_types import ElicitResult

MAX_PAGES = 100


class Sdk:
    def __init__(self, client):
        self.client = client
        self.protocol = client.protocol_version

    async def list(self):
        """All tools' names: a server may page, and a gateway must not lose a page."""
        names, cursor = [], None
        for _ in range(MAX_PAGES):
            page = await self.client.list_tools(cursor=cursor)
            names += [tool.name for tool in page.tools]
            cursor = page.next_cursor
            if not cursor:
                return names
        raise RuntimeError(f"more than {MAX_PAGES} pages of tools: the cursor does not end")

    async def call(self, name, arguments, on_progress):
        return await self.client.call_tool(name, arguments, progress_callback=on_progress)

    async def read(self, uri):
        return await self.client.read_resource(uri)

    async def prompt(self, name, arguments):
        return await self.client.get_prompt(name, arguments)


@asynccontextmanager
async def connect(transport, mode, answer):
    """Connects over `transport`; `answer` is asked when the server asks."""

    async def on_question(context, params):
        return ElicitResult(action="accept", content=answer(params.message))

    async with Client(transport, mode=mode, elicitation_callback=on_question) as client:
        yield Sdk(client)
