"""What all Python clients share: the visits and their steps, the time limit and the lines of JSON.
README.md says what they are.

Usage: python CLIENT.py MODE < VISITS
"""

import asyncio
import json
import sys

TIMEOUT_SECONDS = 30


class Person:
    """Whoever answers what a server asks, and remembers the questions."""

    def __init__(self):
        self.questions = []
        self.content = {}

    def answer(self, question):
        self.questions.append(question)
        return self.content


def run(name, connect):
    """Makes the visits.

    `connect(url, token, mode, answer)` is an async context manager of a client of one shape for all
    SDKs: `protocol`, `list()`, `call(name, arguments, on_progress)`, `read(uri)` and
    `prompt(name, arguments)`. `answer(question)` is what a person would answer to an elicitation.
    """
    mode = sys.argv[1]
    for visit in json.load(sys.stdin):
        report = {"client": f"{name}-{mode}", "protocol": None, "error": None, "steps": []}
        asyncio.run(_make(visit, mode, connect, report))
        print(json.dumps(report))


async def _make(visit, mode, connect, report):
    person = Person()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            async with connect(visit["url"], visit["token"], mode, person.answer) as client:
                report["protocol"] = client.protocol
                for step in visit["steps"]:
                    report["steps"].append(await _take(step, client, person))
    except BaseException as error:  # noqa: BLE001  Whatever went wrong belongs into the report.
        report["error"] = _shown(error)


async def _take(step, client, person):
    outcome = {"do": step["do"], "value": None, "error": None}
    try:
        outcome["value"] = await _STEPS[step["do"]](step, client, person)
    except Exception as error:  # noqa: BLE001  As above; a cancellation goes on.
        outcome["error"] = _shown(error)
    return outcome


async def _list(step, client, person):
    return await client.list()


async def _call(step, client, person):
    return plain(await client.call(step["name"], step["arguments"], None))


async def _read(step, client, person):
    return plain(await client.read(step["uri"]))


async def _prompt(step, client, person):
    return plain(await client.prompt(step["name"], step["arguments"]))


async def _progress(step, client, person):
    seen = []

    async def on_progress(progress, total, message):
        seen.append(progress)

    result = await client.call(step["name"], step["arguments"], on_progress)
    return {"seen": seen, "result": plain(result)}


async def _cancel(step, client, person):
    """Goes away as soon as the call is known to run."""
    is_running = asyncio.Event()

    async def on_progress(progress, total, message):
        is_running.set()

    call = asyncio.create_task(client.call(step["name"], step["arguments"], on_progress))
    running = asyncio.create_task(is_running.wait())
    await asyncio.wait([call, running], return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    if call.done():
        return {"result": plain(call.result())}
    call.cancel()
    try:
        return {"result": plain(await call)}
    except asyncio.CancelledError:
        return {"cancelled": "CancelledError"}


async def _elicit(step, client, person):
    person.content = step["answer"]
    before = len(person.questions)
    result = plain(await client.call(step["name"], step["arguments"], None))
    return {"questions": person.questions[before:], "result": result}


_STEPS = {
    "list": _list,
    "call": _call,
    "read": _read,
    "prompt": _prompt,
    "progress": _progress,
    "cancel": _cancel,
    "elicit": _elicit,
}


def plain(result):
    """A model of an SDK as JSON has it."""
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def _shown(error):
    # The one error inside the groups that task groups wrap it in, which say nothing.
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
