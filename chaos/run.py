"""One run: load and faults for the time given, then rest, then the reconciliation."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from random import Random

from chaos.callers import Accepted, Caller, event
from chaos.clients import make_clients, subscribers_of
from chaos.cluster import check_members
from chaos.duplicates import explain
from chaos.faults import Faults
from chaos.ground import Ground, open_ground
from chaos.history import History, open_history
from chaos.ledger import Books, reconcile
from chaos.part import MEMBERS
from chaos.providers import SEND_TIMEOUT_S
from chaos.report import Outcome, heal_max_s
from chaos.schedule import planned
from chaos.watch import Watch, answers
from testbed.processes import wait_until

CALLERS = 4
PROGRESS_S = 5.0
ANSWERS_S = 60.0
REST_S = 180.0
SOON = timedelta(seconds=15)
"""A retry that is due later than this is not waited for."""
PROBE_WAIT_S = 0.5
"""Who measures a heal asks more often than a caller does."""
LAST_RESUME_S = 60.0
LEASE_S = 2 * (SEND_TIMEOUT_S + 5.0)


@dataclass(frozen=True, slots=True)
class Options:
    """As given on the command line."""

    seconds: float
    seed: int
    faults: tuple[str, ...]
    rate: float
    clients: int
    nodes: int = 1
    """Of RabbitMQ."""
    shards: int = 1
    """Of live announcements; clients are placed at any pusher all the same."""


class Run:
    """Callers, clients and faults over one ground."""

    def __init__(self, options: Options, ground: Ground) -> None:
        self._options = options
        self._ground = ground
        self._random = Random(f"{options.seed} run")
        self._accepted = Accepted()
        self._clients = make_clients(
            options.clients, ground.fleet.addresses("pusher"), options.seed
        )
        self._callers = [self._caller(n) for n in range(CALLERS)]
        self._faults = Faults(ground, self._probe)
        self._watch = Watch(ground.fleet)
        self._probed = cycle(subscribers_of(options.clients))
        self._start = time.monotonic()

    async def outcome(self) -> Outcome:
        """Attack, rest, reconcile."""
        feeds = {client.name: asyncio.create_task(client.run()) for client in self._clients}
        progress = asyncio.create_task(self._progress())
        watching = asyncio.create_task(self._watch.run())
        try:
            await self._attack()
            given_up = await self._settle()
            await self._rest()
            await self._last_resume(feeds)
        finally:
            for task in (progress, watching, *feeds.values()):
                task.cancel()
            await asyncio.gather(progress, watching, *feeds.values(), return_exceptions=True)
        statuses = await self._ground.fleet.stop()
        self._faults.unclean += [
            f"{name} stopped with {status}" for name, status in statuses.items() if status != 0
        ]
        async with open_history(self._ground.postgres.url) as history:
            return await self._judge(history, given_up)

    async def _attack(self) -> None:
        """Load all the time, one fault after the other, until the time is up."""
        rate = self._options.rate / CALLERS
        loads = [asyncio.create_task(caller.run(rate)) for caller in self._callers]
        deadline = self._start + self._options.seconds
        try:
            if not self._options.faults:
                await asyncio.sleep(self._options.seconds)
                return
            for fault in planned(self._options.seed, self._options.faults):
                if time.monotonic() + fault.gap_s + fault.lasts_s > deadline:
                    break
                await asyncio.sleep(fault.gap_s)
                struck = await self._faults.strike(fault)
                healed = (
                    "not healed" if struck.heal_s is None else f"healed in {struck.heal_s:.1f} s"
                )
                lasted = struck.ended_at - struck.began_at
                self._say(f"{struck.name} of {struck.target} for {lasted:.1f} s: {healed}")
            await asyncio.sleep(max(0.0, deadline - time.monotonic()))
        finally:
            for load in loads:
                load.cancel()
            await asyncio.gather(*loads, return_exceptions=True)

    async def _settle(self) -> int:
        self._say("no more events or faults; waiting for answers")
        return sum(await asyncio.gather(*(caller.finish(ANSWERS_S) for caller in self._callers)))

    async def _rest(self) -> None:
        """Until all that was accepted is in the history and nothing is under way."""
        self._say("waiting for rest")
        async with open_history(self._ground.postgres.url) as history:
            try:
                await wait_until(
                    lambda: history.is_at_rest(self._accepted.subscribers, SOON), REST_S, "rest"
                )
            except TimeoutError:
                self._faults.unclean.append(f"not at rest after {REST_S:.0f} s")

    async def _last_resume(self, feeds: dict[str, asyncio.Task[None]]) -> None:
        """Each client comes back once more and reaches the head of its inbox."""
        async with open_history(self._ground.postgres.url) as history:
            heads = await history.heads()
        for client in self._clients:
            feeds[client.name].cancel()
        await asyncio.gather(*feeds.values(), return_exceptions=True)
        for client in self._clients:
            client.caught_up = -1
            feeds[client.name] = asyncio.create_task(client.run())

        def reached() -> bool:
            return all(
                one.subscriber not in heads or one.caught_up >= heads[one.subscriber].version
                for one in self._clients
            )

        try:
            await wait_until(reached, LAST_RESUME_S, "the last resume")
        except TimeoutError:
            self._faults.unclean.append("not every client reached the head of its inbox")

    async def _judge(self, history: History, given_up: int) -> Outcome:
        kept, deliveries = await history.kept(), await history.deliveries()
        taken = dict(self._ground.mail.taken) | dict(self._ground.messages.taken)
        planned_for = {(one["event_id"], one["channel"]) for one in deliveries}
        books = Books(
            accepted=self._accepted.subscribers,
            kept=kept,
            heads=await history.heads(),
            feeds={one.name: (one.subscriber, one.frames) for one in self._clients},
            sent=frozenset(one["id"] for one in deliveries if one["state"] == "sent"),
            received=frozenset(taken),
            orphaned=len(set(self._accepted.external.items()) - planned_for),
        )
        attempts = await history.attempts()
        reasons = explain(taken, attempts, self._faults.struck, lease_s=LEASE_S)
        outcome = Outcome(reconcile(books), reasons, self._faults.struck)
        outcome.deliveries = Counter(f"{one['channel']} {one['state']}" for one in deliveries)
        outcome.notes = self._notes(given_up, await history.parked())
        return outcome

    def _notes(self, given_up: int, parked: Sequence[str]) -> list[str]:
        accepted = self._accepted
        notes = [
            f"{accepted.sent} events in {accepted.tries} requests; {given_up} given up unanswered",
            f"{sum(one.connects for one in self._clients)} times a client came (back)",
            f"{self._ground.mail.failures} failures of mail, {self._ground.messages.failures} of "
            f"SMS on purpose; {len(parked)} messages parked",
        ]
        notes += self._watch.notes(self._faults.struck)
        notes += answers(self._faults.struck, accepted.unserved)
        notes += [f"! parked: {one}" for one in parked[:5]]
        notes += [f"! {one}" for one in self._faults.unclean]
        notes += [f"! refused: {one}" for one in accepted.refused[:5]]
        notes += [f"! {one.name} met {fault}" for one in self._clients for fault in one.faults[:2]]
        return notes

    async def _probe(self, name: str) -> None:
        """An event by each gateway, seen by every client of one subscriber."""
        subscriber = next(self._probed)
        seen: list[asyncio.Future[None]] = []
        for n in range(MEMBERS):
            probe = event(f"{name}-{n}", subscriber)
            mine = [one for one in self._clients if one.subscriber == subscriber]
            seen += [one.sightings.expect(probe["id"], one.name) for one in mine]
            await self._callers[n].send(probe, first=n, longest_wait_s=PROBE_WAIT_S)
        await asyncio.gather(*seen)

    async def _progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            shown = sum(len(one.frames) for one in self._clients)
            doing = self._faults.current or "nothing struck"
            self._say(
                f"accepted {len(self._accepted.subscribers)} of {self._accepted.sent}, "
                f"shown {shown}, faults {len(self._faults.struck)}, "
                f"longest heal {heal_max_s(self._faults.struck):.1f} s; {doing}"
            )

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._start:6.1f} s] {text}", flush=True)

    def _caller(self, n: int) -> Caller:
        return Caller(
            f"caller{n}",
            self._ground.fleet.addresses("gateway"),
            subscribers_of(self._options.clients),
            self._accepted,
            Random(f"{self._options.seed} caller {n}"),
        )


async def run(options: Options, folder: Path) -> Outcome:
    """Build the ground, attack it, tear it down.

    Raises `RuntimeError` where a queue has not a member on every node.
    """
    async with open_ground(options.seed, folder, options.nodes, options.shards) as ground:
        await check_members(ground.brokers)
        return await Run(options, ground).outcome()
