"""Events in any envelopes, repeated, reordered, with other bodies, over two planners of whom some
die at any step: the history is that of the set of events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Received, Subscription
from clarion.contracts.job import Jobs
from clarion.store.database import Database
from clarion.topology import deliveries_queue
from services.notifier.fail_points import arm, disarm
from services.notifier.ingest.lane_consumer import Consumer
from services.notifier.messages.parser import MessageParser
from services.notifier.plan.batch import Planner
from services.notifier.publish.outbox import Publisher
from testbed.postgres import Databases
from tests.support.machines import bounds
from tests.support.notifier import envelope, event, publish, take_frames

WORKERS = 2
PEOPLE = ("ann", "bob", "cid")
STEPS = (
    "plan.before_commit",
    "plan.after_commit",
    "publish.before_jobs",
    "plan.after_publish",
)

EVENTS = """
SELECT event_id, (body->'data')::int AS variant,
       ARRAY(SELECT (c->'body'->'data')::int FROM jsonb_array_elements(conflicts) c) AS others
FROM events WHERE source = $1
"""
NOTIFICATIONS = """
SELECT e.event_id, n.subscriber, n.version FROM notifications n JOIN events e ON e.id = n.event
WHERE e.source = $1 ORDER BY n.subscriber, n.version
"""
HEADS = "SELECT subscriber, version, unread FROM inboxes WHERE subscriber LIKE $1"
DELIVERIES = """
SELECT d.id, e.event_id, n.subscriber FROM deliveries d
JOIN notifications n ON n.id = d.notification JOIN events e ON e.id = n.event
WHERE e.source = $1
"""

runs = count()


class Crash(BaseException):
    """The end of a process, as far as one loop can play it."""


class Told(NamedTuple):
    """One event in one envelope: the same `name` with another `variant` says something else."""

    name: str
    variant: int


@dataclass(frozen=True)
class Plan:
    """For whom each event is, how they travel, and which worker dies where."""

    audiences: dict[str, tuple[str, ...]]
    envelopes: list[list[Told]]
    crashes: list[tuple[str, int]]
    batch_size: int


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    names = [f"e{n}" for n in range(draw(st.integers(1, 5)))]
    people = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True).map(tuple)
    told = st.builds(Told, st.sampled_from(names), st.integers(0, 2))
    envelopes = draw(st.lists(st.lists(told, min_size=1, max_size=5), min_size=1, max_size=8))
    crash = st.tuples(st.sampled_from(STEPS), st.integers(1, 3))
    return Plan(
        {name: draw(people) for name in names},
        envelopes,
        draw(st.lists(crash, max_size=2)),
        draw(st.integers(1, 6)),
    )


class Acknowledged:
    """How many messages were acknowledged, over all workers."""

    def __init__(self) -> None:
        self._count = 0
        self._more = asyncio.Event()

    def add(self, number: int) -> None:
        """So many more."""
        self._count += number
        self._more.set()

    async def reach(self, number: int) -> None:
        """Return once there are so many."""
        while self._count < number:
            self._more.clear()
            await self._more.wait()


class Counted:
    """A subscription that counts what is acknowledged."""

    def __init__(self, inner: Subscription, acked: Acknowledged) -> None:
        self._inner = inner
        self._acked = acked
        self.take = inner.take
        self.park = inner.park
        self.release = inner.release
        self.close = inner.close

    async def ack(self, messages: Sequence[Received]) -> None:
        """See `Subscription.ack`."""
        await self._inner.ack(messages)
        self._acked.add(len(messages))


class CountedBus(MemoryBus):
    """Its work subscriptions are `Counted`."""

    def __init__(self) -> None:
        super().__init__()
        self.acked = Acknowledged()

    def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        """See `Bus.subscribe`."""
        return Counted(super().subscribe(queue, prefetch=prefetch), self.acked)


class Run:
    """One plan, carried out under names of its own."""

    def __init__(self, database: Database, plan: Plan) -> None:
        self.database = database
        self.plan = plan
        self.number = next(runs)
        self.source = f"run-{self.number}"
        self.bus = CountedBus()

    async def check(self) -> None:
        """Carry it out, then compare all with the set of events."""
        await self.bus.start()
        live = self.bus.listen(["0"])
        due = self.bus.subscribe(deliveries_queue("email", "normal"), prefetch=1_000)
        await self._work()
        told: defaultdict[str, set[int]] = defaultdict(set)
        for one in [one for each in self.plan.envelopes for one in each]:
            told[one.name].add(one.variant)
        async with self.database.driver() as tx:
            events = await tx.fetch(EVENTS, self.source)
            notifications = await tx.fetch(NOTIFICATIONS, self.source)
            heads = await tx.fetch(HEADS, f"{self.number}-%")
            deliveries = await tx.fetch(DELIVERIES, self.source)
        assert sorted(row["event_id"] for row in events) == sorted(told)
        for row in events:
            assert sorted([row["variant"], *row["others"]]) == sorted(told[row["event_id"]])
        wanted = sorted((name, self._person(one)) for name in told for one in self._to(name))
        assert sorted((row["event_id"], row["subscriber"]) for row in notifications) == wanted
        assert sorted((row["event_id"], row["subscriber"]) for row in deliveries) == wanted
        versions: defaultdict[str, list[int]] = defaultdict(list)
        for row in notifications:
            versions[row["subscriber"]].append(row["version"])
        assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
        assert {row["subscriber"]: (row["version"], row["unread"]) for row in heads} == {
            person: (len(found), len(found)) for person, found in versions.items()
        }
        announced = {
            (f"default/{p}", version) for p, found in versions.items() for version in found
        }
        await self._hear(live, announced)
        await self._collect(due, {row["id"] for row in deliveries})
        await self.bus.close()

    async def _work(self) -> None:
        for step, nth in self.plan.crashes:
            arm(step, crash, nth=nth)
        for told in self.plan.envelopes:
            await publish(self.bus, envelope(*(self._event(one) for one in told)))
        workers = [asyncio.create_task(self._worker()) for _ in range(WORKERS)]
        await self.bus.acked.reach(len(self.plan.envelopes))
        disarm()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _worker(self) -> None:
        """One process after the other: each reads on where the one before it died."""
        while True:
            consumer = Consumer(
                "normal",
                bus=self.bus,
                database=self.database,
                planner=Planner(self.database, carried=frozenset({"inbox", "email"})),
                publisher=Publisher(self.bus, shards=1),
                parser=MessageParser(lambda _: None, self.bus.users),
                batch_size=self.plan.batch_size,
            )
            try:
                await consumer.run()
            except Crash:
                await consumer.stop()

    async def _hear(self, live: Any, wanted: set[tuple[str, int]]) -> None:
        heard: set[tuple[str, int]] = set()
        while heard != wanted:
            heard |= {(feed, version) for feed, version, _ in await take_frames(live, 1)}
            assert heard <= wanted

    async def _collect(self, due: Subscription, wanted: set[Any]) -> None:
        found: set[Any] = set()
        while found != wanted:
            for message in await due.take(100):
                found |= {one.delivery for one in msgspec.json.decode(message.body, type=Jobs).jobs}
            assert found <= wanted

    def _event(self, told: Told) -> dict[str, Any]:
        to = [{"id": self._person(one), "email": f"{one}@a.example"} for one in self._to(told.name)]
        return event(
            id=told.name, source=self.source, to=to, channels=["inbox", "email"], data=told.variant
        )

    def _to(self, name: str) -> tuple[str, ...]:
        return self.plan.audiences[name]

    def _person(self, name: str) -> str:
        return f"{self.number}-{name}"


def crash() -> None:
    """What an armed step does."""
    raise Crash


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_any_split_of_events_makes_the_history_of_their_set(databases: Databases) -> None:
    with asyncio.Runner() as runner:
        fresh = databases.fresh()
        url = runner.run(fresh.__aenter__())
        database = Database(url, pool_size=8, timeout_s=5, application_name="clarion-test")

        @bounds(60)
        @given(plan=plans())
        def tried(plan: Plan) -> None:
            async def bounded() -> None:
                async with asyncio.timeout(30):
                    await Run(database, plan).check()

            try:
                runner.run(bounded())
            finally:
                disarm()

        try:
            tried()
        finally:
            runner.run(database.close())
            runner.run(fresh.__aexit__(None, None, None))
