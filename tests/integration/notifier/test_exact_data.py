"""What a caller wrote as data is what everybody reads, live, replayed and listed."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clarion.bus.memory import MemoryBus
from clarion.contracts.cloudevents import BATCHED, STRUCTURED
from clarion.contracts.envelope import MAX_ENVELOPE_BYTES
from clarion.store.database import Database
from testbed.postgres import Databases
from testbed.processes import wait_until
from tests.support.gateway import gateway_client
from tests.support.machines import bounds
from tests.support.notifier import rows, running_notifiers
from tests.support.pusher import Pusher, running_pusher, token

HUGE = "[" + ",".join(["1e308"] * 10_000) + "]"
TOKENS = (
    "1e22",
    "1E5",
    "-0.0",
    "-0",
    "1.0",
    "1.50",
    "1e15",
    "12345678901234567890123",
    "0.1000000000000000055511151231257827021181583404541015625",
    "5e-324",
    "[0.0,-0.0,-0.05,0,10e0]",
    '{"a":1e3,"a":2}',
    '{"x":"1e5,-0","n":-1}',
    "null",
    '""',
    HUGE,
)

numbers = st.one_of(
    st.integers(-(10**40), 10**40).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.3E}".format),
    st.sampled_from(TOKENS[:10]),
).filter(lambda text: math.isfinite(float(text)))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8).map(
    json.dumps
)
leaves = st.one_of(numbers, texts, st.sampled_from(["true", "false", "null"]))


def _array(parts: list[str]) -> str:
    return "[" + ", ".join(parts) + "]"


def _object(parts: list[tuple[str, str]]) -> str:
    return "{" + " ,\n".join(f"{key} : {value}" for key, value in parts) + "}"


values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4).map(_array)
        | st.lists(st.tuples(texts, inner), max_size=4).map(_object)
    ),
    max_leaves=12,
)


def exact(text: str | bytes) -> Any:
    """The value with the type of each number and the sign of its zero."""
    return json.loads(
        text,
        parse_int=lambda digits: ("integer", int(digits), digits.startswith("-")),
        parse_float=lambda digits: ("float", repr(float(digits))),
    )


class Place:
    """Services that are running; each event goes to a person of its own."""

    def __init__(self, http: httpx2.AsyncClient, pusher: Pusher, database: Database) -> None:
        self.http = http
        self.pusher = pusher
        self.database = database
        self.numbers = count(1)

    async def check(self, data: str) -> None:
        """Send `data`, and read it in every way there is."""
        name = f"p{next(self.numbers)}"
        body = f'{{"type":"t","id":"{name}","to":"user:{name}","data":{data}}}'
        async with self.pusher.feed(name) as client:
            answer = await self.http.post("/v1/events", content=body.encode())
            assert answer.status_code == 202, answer.text
            live = await client.connection.recv(decode=False)
        expected = exact(data)
        read = {"live": live} | {way: text async for way, text in self.readings(name)}
        for way, text in read.items():
            assert data_in(exact(text)) == expected, way
            assert len(text) <= 2 * len(body) + 2_000, way

    async def readings(self, name: str) -> AsyncIterator[tuple[str, bytes]]:
        """What the ways to read history give."""
        bearer = {"authorization": f"Bearer {token(name)}"}
        async with self.pusher.connect(name) as client:
            await client.hello()
            await client.connection.recv()
            yield "snapshot", await client.connection.recv(decode=False)
        async with httpx2.AsyncClient(base_url=self.pusher.http, headers=bearer) as inbox:
            yield "inbox", (await inbox.get("/v1/inbox")).content
            yield "changes", (await inbox.get("/v1/inbox/changes?since=0")).content
        listed = (await self.http.get(f"/v1/notifications?subscriber={name}")).content
        yield "notifications", listed
        identifier = json.loads(listed)["items"][0]["id"]
        yield "notification", (await self.http.get(f"/v1/notifications/{identifier}")).content
        yield "event", (await self.http.get(f"/v1/events/{name}")).content


def data_in(answer: Any) -> Any:
    """The data of the one item in an answer or frame."""
    if "items" in answer:
        (answer,) = answer["items"]
    return answer.get("item", answer)["data"]


@asynccontextmanager
async def running(databases: Databases) -> AsyncIterator[Place]:
    """All three services on one broker in memory."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(databases.fresh())
        database = Database(url, pool_size=8, timeout_s=5, application_name="clarion-test")
        stack.push_async_callback(database.close)
        bus = MemoryBus()
        await bus.start()
        stack.push_async_callback(bus.close)
        await stack.enter_async_context(running_notifiers(bus, database))
        pusher = await stack.enter_async_context(running_pusher(bus, database))
        http = await stack.enter_async_context(gateway_client(bus, database))
        yield Place(http, pusher, database)


def examples(texts: Iterable[str]) -> Any:
    """Each of them, always."""

    def mark(test: Any) -> Any:
        for text in texts:
            test = example(data=text)(test)
        return test

    return mark


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_data_is_the_same_live_replayed_and_listed(databases: Databases) -> None:
    with asyncio.Runner() as runner:
        place_of = running(databases)
        place = runner.run(place_of.__aenter__())

        @bounds(40)
        @examples(TOKENS)
        @given(data=values)
        def tried(data: str) -> None:
            async def bounded() -> None:
                async with asyncio.timeout(30):
                    await place.check(data)

            runner.run(bounded())

        try:
            tried()
        finally:
            runner.run(place_of.__aexit__(None, None, None))


async def test_data_of_cloudevents_is_the_same(databases: Databases) -> None:
    data = '{"a": [1e22, -0.0, 1e308], "b": 1.50}'
    event = '{{"specversion":"1.0","id":"{0}","source":"s","type":"t","to":{1},"data":{2}}}'
    binary = {"ce-specversion": "1.0", "ce-id": "binary", "ce-source": "s", "ce-type": "t"}
    described = '[{"id": "ada", "attributes": {"n": 1e22}}]'
    async with running(databases) as place:
        posts: tuple[tuple[str, str, dict[str, str]], ...] = (
            (STRUCTURED, event.format("structured", described, data), {}),
            (BATCHED, f"[{event.format('batched', described, data)}]", {}),
            ("application/json", data, binary | {"ce-to": "user:ada"}),
        )
        for media, content, headers in posts:
            headers = headers | {"content-type": media}
            answer = await place.http.post("/v1/events", content=content, headers=headers)
            assert answer.status_code == 202, answer.text
        for name in ("structured", "batched", "binary"):
            await wait_until(lambda at=name: planned(place, at), 20, f"{name} planned")
            shown = (await place.http.get(f"/v1/events/{name}")).content
            assert exact(shown)["data"] == exact(data), name
        assert exact((await place.http.get("/v1/subscribers/ada")).content)["attributes"] == exact(
            '{"n": 1e22}'
        )


async def planned(place: Place, name: str) -> bool:
    """Whether the history has the event."""
    return (await place.http.get(f"/v1/events/{name}")).status_code == 200


HUGE_LIST = ",".join(["1e308"] * 500)
ATTRIBUTES = f'{{"huge": [{HUGE_LIST}], "zero": -0.0, "whole": 1.0, "plan": "pro"}}'


async def test_attributes_are_the_same_however_they_came(databases: Databases) -> None:
    expected = exact(ATTRIBUTES)
    plain = '{"plan": "free", "seats": [1, 2.50]}'
    async with running(databases) as place:
        for text in (ATTRIBUTES, plain, ATTRIBUTES):
            body = f'{{"attributes": {text}}}'
            put = await place.http.put(
                "/v1/subscribers/bob",
                content=body,
                headers={"content-type": "application/json"},
            )
            assert exact(put.content)["attributes"] == exact(text)
        got = await place.http.get("/v1/subscribers/bob")
        listed = await place.http.get("/v1/subscribers")
        for answer in (exact(got.content), exact(listed.content)["items"][0]):
            assert answer["attributes"] == expected
        assert len(listed.content) < 2 * len(ATTRIBUTES)
        for number, text in enumerate((plain, ATTRIBUTES, plain)):
            to = f'{{"id":"bob","attributes":{text}}}'
            body = f'{{"type":"t","id":"b{number}","to":{to}}}'
            sent = await place.http.post("/v1/events", content=body)
            assert sent.status_code == 202, sent.text
            await wait_until(lambda at=number: planned(place, f"b{at}"), 20, "planned")
            got = await place.http.get("/v1/subscribers/bob")
            assert exact(got.content)["attributes"] == exact(text)
            event = exact((await place.http.get(f"/v1/events/b{number}")).content)
            assert event["to"]["attributes"] == exact(text)


async def test_another_body_under_a_taken_id_is_shown_as_it_was_written(
    databases: Databases,
) -> None:
    async with running(databases) as place:
        for data in ("1", "[1e22,-0.0]", '{"n":2.50}'):
            body = f'{{"type":"t","id":"same","to":"user:ada","data":{data}}}'
            assert (await place.http.post("/v1/events", content=body)).status_code == 202

        async def both() -> bool:
            query = "SELECT jsonb_array_length(conflicts) AS n FROM events"
            return [row["n"] for row in await rows(place.database, query)] == [2]

        await wait_until(both, 20, "two conflicts")
        shown = exact((await place.http.get("/v1/events/same")).content)
    others = [one["body"]["data"] for one in shown["conflicts"]]
    assert others == [exact("[1e22,-0.0]"), exact('{"n":2.50}')]


async def test_data_is_bounded_by_what_travels_without_white_space(databases: Databases) -> None:
    wide = "[" + " " * 70_000 + "1]"
    short = ",".join(["1e15"] * (MAX_ENVELOPE_BYTES // 4 // 5))
    async with running(databases) as place:
        for data, status in ((wide, 202), (f"[{short}]", 202), (f"[{short},{short}]", 422)):
            body = f'{{"type":"t","to":"user:ada","data":{data}}}'
            answer = await place.http.post("/v1/events", content=body)
            assert answer.status_code == status, answer.text
