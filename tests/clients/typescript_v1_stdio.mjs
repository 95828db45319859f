// The TypeScript SDK, first generation, over stdio, with `mcpass connect` as its server.
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

import { bridge } from "./bridge.mjs";
import { run } from "./report.mjs";
import { connect } from "./v1.mjs";

await run("typescript-v1-stdio", async (url, token, mode, answer) => {
  const client = await connect(new StdioClientTransport(bridge(url, token)), answer);
  // This generation does not tell a stdio transport what was agreed on.
  return { ...client, protocol: () => null };
});
