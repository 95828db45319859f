// The TypeScript SDK, first generation (`@modelcontextprotocol/sdk`).
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { run } from "./report.mjs";

const MAX_PAGES = 100;

await run("typescript-v1", async (url, headers) => {
  const client = new Client({ name: "mcpass-test", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
  await client.connect(transport);
  return { client, protocol: () => transport.protocolVersion, listAll: () => listAll(client) };
});

async function listAll(client) {
  const tools = [];
  let cursor;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await client.listTools(cursor ? { cursor } : {});
    tools.push(...answer.tools);
    cursor = answer.nextCursor;
    if (!cursor) return tools;
  }
  throw new Error(`more than ${MAX_PAGES} pages of tools: the cursor does not end`);
}
