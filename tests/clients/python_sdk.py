"""The official Python SDK over Streamable HTTP.

MODE is auto, legacy or a modern protocol version such as 2026-07-28.
"""

from contextlib import asynccontextmanager

from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

import sdk
from report import run


@asynccontextmanager
async def connect(url, token, mode, answer):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with create_mcp_http_client(headers=headers) as http:
        transport = streamable_http_client(url, http_client=http)
        async with sdk.connect(transport, mode, answer) as client:
            yield client


run("python", connect)
