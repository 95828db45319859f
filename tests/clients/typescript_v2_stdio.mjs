// The TypeScript SDK, second generation, over stdio, with `mcpass connect` as its server. MODE is
// legacy or auto.
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { bridge } from "./bridge.mjs";
import { run } from "./report.mjs";
import { connect } from "./v2.mjs";

await run("typescript-v2-stdio", (url, token, mode = "legacy", answer) =>
  connect(new StdioClientTransport(bridge(url, token)), mode, answer),
);
