// The TypeScript SDK, first generation (`@modelcontextprotocol/sdk`), over any of its transports.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const MAX_PAGES = 100;

/** Connects over `transport`; `answer` is asked when the server asks. */
export async function connect(transport, answer) {
  const client = new Client(
    { name: "mcpass-test", version: "1.0.0" },
    { capabilities: { elicitation: {} } },
  );
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(params.message));
  await client.connect(transport);
  return {
    list: () => listAll(client),
    call: (params, options) => client.callTool(params, undefined, options),
    read: (uri) => client.readResource({ uri }),
    prompt: (params) => client.getPrompt(params),
    close: () => client.close(),
  };
}

async function listAll(client) {
  const names = [];
  let cursor;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await client.listTools(cursor ? { cursor } : {});
    names.push(...answer.tools.map((tool) => tool.name));
    cursor = answer.nextCursor;
    if (!cursor) return names;
  }
  throw new Error(`more than ${MAX_PAGES} pages of tools: the cursor does not end`);
}
