"""A user of the official Python client: calls one tool and stays with it over a network that breaks, until it is answered.

Started by `tests/it/clients.rs` with the endpoint's address, the protocol's version, and the call as JSON. Says one line of
JSON when it hears of the call's progress for the first time, and one at its end.
"""

import asyncio
import json
import logging
import sys

import mcp.client.streamable_http
from mcp import Client

MOST_CALLS = 100
# The client counts every broken connection of a call as a failed attempt, also one that had brought progress, and gives up
# after two; there is no setting for it.
mcp.client.streamable_http.MAX_RECONNECTION_ATTEMPTS = 1000


class Collector(logging.Handler):
    """Keeps what the client's library complains of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        cause = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self.said.append(record.getMessage() + cause)


class Call:
    """One call, over as many requests and connections as it takes."""

    def __init__(self, url, era, call, errors):
        self.url, self.call, self.errors = url, call, errors
        self.mode = "auto" if era == "2026-07-28" else "legacy"
        self.calls, self.progress = 0, []

    async def run(self):
        answer = None
        while answer is None:
            try:
                async with Client(self.url, mode=self.mode) as client:
                    answer = await self.answer(client)
            except Exception as error:  # a request that does not get through takes the client's whole transport with it
                self.failed(error)
        return answer

    async def answer(self, client):
        await client.list_tools()
        while True:
            try:
                result = await self.once(client)
                break
            except mcp.MCPError as error:
                self.failed(error)
        nothing = result.model_copy(update={"structured_content": {}})
        return {
            "version": client.protocol_version,
            "result": result.structured_content,
            "fits": await self.fits(client, result),
            "nothing_fits": await self.fits(client, nothing),
            "reissued": self.calls - 1,
            "progress": self.progress,
            "errors": self.errors,
        }

    async def once(self, client):
        """The call once; the client checks its result against the tool's schema."""
        self.calls += 1
        notes = []
        self.progress.append(notes)

        async def on_progress(done, total, _message):
            if not any(self.progress):
                say({"began": True})
            notes.append([done, total])

        return await client.call_tool(self.call["name"], self.call["arguments"], progress_callback=on_progress)

    async def fits(self, client, result):
        try:
            await client.session.validate_tool_result(self.call["name"], result)
        except RuntimeError:
            return False
        return True

    def failed(self, error):
        self.errors.append(f"call: {error!r}")
        if self.calls >= MOST_CALLS:
            raise SystemExit(f"no answer to {MOST_CALLS} calls: {self.errors[-3:]}")


def say(what):
    print(json.dumps(what), flush=True)


def main():
    url, era, call = sys.argv[1:]
    collector = Collector()
    logging.getLogger().addHandler(collector)
    say(asyncio.run(Call(url, era, json.loads(call), collector.said).run()))


main()
