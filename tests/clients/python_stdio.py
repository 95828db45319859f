"""The official Python SDK over stdio, with `mcpass connect` as its server.

MODE is auto, legacy or a modern protocol version such as 2026-07-28; MCPASS_BINARY is the program.
"""

import os
from contextlib import asynccontextmanager

from mcp.client.stdio import StdioServerParameters, stdio_client

import sdk
from report import run


@asynccontextmanager
async def connect(url, token, mode, answer):
    server = StdioServerParameters(
        command=os.environ["MCPASS_BINARY"],
        args=["connect", url],
        # In the environment: arguments are public.
        env={"MCPASS_TOKEN": token} if token else None,
    )
    async with sdk.connect(stdio_client(server), mode, answer) as client:
        yield client


run("python-stdio", connect)
