// The TypeScript SDK, second generation (`@modelcontextprotocol/client`), which can open with
// `initialize` (mode legacy, its default) or with `server/discover` (mode auto).
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { run } from "./report.mjs";

await run("typescript-v2", async (url, headers, mode = "legacy") => {
  const client = new Client(
    { name: "mcpass-test", version: "1.0.0" },
    { versionNegotiation: { mode } },
  );
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  return {
    client,
    protocol: () => client.getNegotiatedProtocolVersion() ?? null,
    // Without a cursor this generation collects all pages by itself.
    listAll: async () => (await client.listTools()).tools,
  };
});
