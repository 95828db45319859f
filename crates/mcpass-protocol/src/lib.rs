//! JSON-RPC, MCP and SSE envelopes over borrowed bytes.
