// The TypeScript SDK, second generation (`@modelcontextprotocol/client`), which can open with
// `initialize` (mode legacy, its default) or with `server/discover` (mode auto).
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { run } from "./report.mjs";

await run("typescript-v2", async (url, token, mode = "legacy", answer) => {
  const client = new Client(
    { name: "mcpass-test", version: "1.0.0" },
    { versionNegotiation: { mode }, capabilities: { elicitation: {} } },
  );
  client.setRequestHandler("elicitation/create", ({ params }) => answer(params.message));
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  return {
    protocol: () => client.getNegotiatedProtocolVersion() ?? null,
    // Without a cursor this generation collects all pages by itself.
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: (params, options) => client.callTool(params, options),
    read: (uri) => client.readResource({ uri }),
    prompt: (params) => client.getPrompt(params),
    close: () => client.close(),
  };
});
