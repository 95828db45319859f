// What all JavaScript clients share: the command line, the steps, the time limit and the one line
// of JSON. README.md says what the steps are.
//
// Usage: MCPASS_TOKEN=... node CLIENT.mjs URL STEPS [MODE]

const TIMEOUT_MILLISECONDS = 30_000;

/**
 * Connects and takes the steps. `connect(url, token, mode, answer)` gives a client of one shape for
 * all SDKs: `protocol()`, `list()`, `call(params, options)`, `read(uri)`, `prompt(params)` and
 * `close()`. `answer(question)` is what a person would answer to an elicitation.
 */
export async function run(name, connect) {
  const [url, stepsText, mode] = process.argv.slice(2);
  const report = { client: mode ? `${name}-${mode}` : name, protocol: null, error: null, steps: [] };
  const late = setTimeout(() => {
    report.error ??= `no end within ${TIMEOUT_MILLISECONDS} ms`;
    finish(report);
  }, TIMEOUT_MILLISECONDS);
  const person = new Person();
  try {
    const answer = (question) => person.answer(question);
    const client = await connect(new URL(url), process.env.MCPASS_TOKEN, mode, answer);
    report.protocol = client.protocol();
    for (const step of JSON.parse(stepsText)) {
      report.steps.push(await take(step, client, person));
    }
    await client.close();
  } catch (error) {
    report.error = shown(error);
  }
  clearTimeout(late);
  finish(report);
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

function shown(error) {
  return `${error?.constructor?.name ?? "Error"}: ${error?.message ?? error}`;
}

function finish(report) {
  // Exit in the callback: a pipe may not have taken the line yet when write returns.
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
}
