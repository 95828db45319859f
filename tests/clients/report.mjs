// What all JavaScript clients share: the visits and their steps, the time limit and the lines of
// JSON. README.md says what they are.
//
// Usage: node CLIENT.mjs [MODE] < VISITS
import { text } from "node:stream/consumers";

const TIMEOUT_MILLISECONDS = 30_000;

/**
 * Makes the visits. `connect(url, token, mode, answer)` gives a client of one shape for all SDKs:
 * `protocol()`, `list()`, `call(params, options)`, `read(uri)`, `prompt(params)` and `close()`.
 * `answer(question)` is what a person would answer to an elicitation.
 */
export async function run(name, connect) {
  const mode = process.argv[2];
  let lines = "";
  for (const visit of JSON.parse(await text(process.stdin))) {
    const report = { client: mode ? `${name}-${mode}` : name, protocol: null, error: null, steps: [] };
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, TIMEOUT_MILLISECONDS, "late")));
    const end = await Promise.race([late, make(visit, connect, mode, report)]);
    clearTimeout(timer);
    if (end === "late") report.error = `no end within ${TIMEOUT_MILLISECONDS} ms`;
    lines += `${JSON.stringify(report)}\n`;
  }
  // Exit in the callback: a pipe may not have taken the lines yet when write returns.
  process.stdout.write(lines, () => process.exit(0));
}

async function make({ url, token, steps }, connect, mode, report) {
  const person = new Person();
  try {
    const answer = (question) => person.answer(question);
    const client = await connect(new URL(url), token, mode, answer);
    report.protocol = client.protocol();
    for (const step of steps) {
      report.steps.push(await take(step, client, person));
    }
    await client.close();
  } catch (error) {
    report.error = shown(error);
  }
}

/** Whoever answers what a server asks, and remembers the questions. */
class Person {
  questions = [];
  content = {};

  answer(question) {
    this.questions.push(question);
    return { action: "accept", content: this.content };
  }
}

const STEPS = {
  list: ({ client }) => client.list(),
  call: ({ client, params }) => client.call(params, {}),
  read: ({ client, step }) => client.read(step.uri),
  prompt: ({ client, params }) => client.prompt(params),

  async progress({ client, params }) {
    const seen = [];
    const result = await client.call(params, { onprogress: (each) => seen.push(each.progress) });
    return { seen, result };
  },

  // Goes away as soon as the call is known to run.
  async cancel({ client, params }) {
    const abort = new AbortController();
    const options = { signal: abort.signal, onprogress: () => abort.abort("enough") };
    try {
      return { result: await client.call(params, options) };
    } catch (error) {
      if (!abort.signal.aborted) throw error;
      return { cancelled: shown(error) };
    }
  },

  async elicit({ client, params, step, person }) {
    person.content = step.answer;
    const before = person.questions.length;
    const result = await client.call(params, {});
    return { questions: person.questions.slice(before), result };
  },
};

async function take(step, client, person) {
  const params = { name: step.name, arguments: step.arguments };
  try {
    const value = await STEPS[step.do]({ client, params, step, person });
    return { do: step.do, value, error: null };
  } catch (error) {
    return { do: step.do, value: null, error: shown(error) };
  }
}

/** What Node prints of an error that nobody catches, without the stack. */
function shown(error) {
  const text = `${error?.constructor?.name ?? "Error"}: ${error?.message ?? error}`;
  // Where one SDK keeps the server's answer when it has words of its own for it.
  const answer = error?.data?.text;
  return typeof answer === "string" && !text.includes(answer) ? `${text} ${answer}` : text;
}
