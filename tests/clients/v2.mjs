// The TypeScript SDK, second generation (`@modelcontextprotocol/client`), over any of its
// transports. It can open with `initialize` (mode legacy, its default) or with `server/discover`
// (mode auto).
import { Client } from "@modelcontextprotocol/client";

/** Connects over `transport`; `answer` is asked when the server asks. */
export async function connect(transport, mode, answer) {
  const client = new Client(
    { name: "mcpass-test", version: "1.0.0" },
    { versionNegotiation: { mode }, capabilities: { elicitation: {} } },
  );
  client.setRequestHandler("elicitation/create", ({ params }) => answer(params.message));
  await client.connect(transport);
  return {
    protocol: () => client.getNegotiatedProtocolVersion() ?? null,
    // Without a cursor this generation collects all pages by itself.
    list: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: (params, options) => client.callTool(params, options),
    read: (uri) => client.readResource({ uri }),
    prompt: (params) => client.getPrompt(params),
    close: () => client.close(),
  };
}
