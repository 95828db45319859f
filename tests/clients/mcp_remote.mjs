// `mcp-remote`, the bridge for clients that only speak stdio, under such a client: the TypeScript
// SDK, first generation, as the programs are that people use it with.
import { fileURLToPath } from "node:url";

import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

import { run } from "./report.mjs";
import { connect } from "./v1.mjs";

const PROXY = fileURLToPath(import.meta.resolve("./node_modules/mcp-remote/dist/proxy.js"));

await run("mcp-remote", async (url, token, mode, answer) => {
  // Filled in by mcp-remote itself, so that the token is in no argument.
  const header = token ? ["--header", "Authorization: Bearer ${MCPASS_TOKEN}"] : [];
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [PROXY, url.href, "--allow-http", ...header],
    env: { ...process.env, MCPASS_TOKEN: token ?? "" },
    stderr: "pipe",
  });
  // A person finds this in the log of the client.
  let said = "";
  transport.stderr.on("data", (text) => (said += text));
  try {
    const client = await connect(transport, answer);
    return { ...client, protocol: () => null };
  } catch (error) {
    error.message += `\n${said}`;
    throw error;
  }
});
