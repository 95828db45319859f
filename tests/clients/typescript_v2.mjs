// The TypeScript SDK, second generation, over Streamable HTTP. MODE is legacy or auto.
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { run } from "./report.mjs";
import { connect } from "./v2.mjs";

await run("typescript-v2", (url, token, mode = "legacy", answer) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } });
  return connect(transport, mode, answer);
});
