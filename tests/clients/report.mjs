// What both TypeScript clients share: the command line, the time limit and the one line of JSON.
//
// Usage: MCPASS_TOKEN=... node CLIENT.mjs URL TOOL ARGUMENTS [MODE]

const TIMEOUT_MILLISECONDS = 30_000;

export async function run(name, connect) {
  const [url, tool, argumentsText, mode] = process.argv.slice(2);
  const token = process.env.MCPASS_TOKEN;
  const report = {
    ok: false,
    client: mode ? `${name}-${mode}` : name,
    protocol: null,
    tools: [],
    result: null,
    error: null,
  };
  const late = setTimeout(() => {
    report.error ??= `no end within ${TIMEOUT_MILLISECONDS} ms`;
    finish(report);
  }, TIMEOUT_MILLISECONDS);
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const { client, protocol, listAll } = await connect(new URL(url), headers, mode);
    report.protocol = protocol();
    report.tools = (await listAll()).map((each) => each.name);
    if (tool) {
      report.result = await client.callTool({ name: tool, arguments: JSON.parse(argumentsText) });
    }
    report.ok = true;
    await client.close();
  } catch (error) {
    report.ok = false;
    report.error = `${error?.constructor?.name ?? "Error"}: ${error?.message ?? error}`;
  }
  clearTimeout(late);
  finish(report);
}

function finish(report) {
  // Exit in the callback: a pipe may not have taken the line yet when write returns.
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
}
