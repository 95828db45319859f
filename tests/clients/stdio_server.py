"""A server over stdio on the Python SDK: of both eras, with the tool that server-everything has."""

from mcp.server import MCPServer

server = MCPServer("python-stdio")


@server.tool()
def echo(message: str) -> str:
    return f"Echo: {message}"


if __name__ == "__main__":
    server.run(transport="stdio")
