// The TypeScript SDK, first generation, over Streamable HTTP.
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { run } from "./report.mjs";
import { connect } from "./v1.mjs";

await run("typescript-v1", async (url, token, mode, answer) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
  const client = await connect(transport, answer);
  return { ...client, protocol: () => transport.protocolVersion };
});
