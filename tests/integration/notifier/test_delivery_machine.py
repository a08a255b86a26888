"""The life of a delivery at random: a model beside the real rows, moved by the real code.

Planned, dispatched, claimed by senders of whom some die or answer too late, cancelled, sent again
by an admin, while time passes; after each step the row is what the model says.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from clarion.bus import open_bus
from clarion.contracts.envelope import Entry
from clarion.errors import Conflict
from clarion.records.cancellations import BY_CALLER
from clarion.rules.delivery_states import REDRIVE, State
from clarion.rules.outcomes import Failed, Outcome, Retry, Sent, Unknown
from clarion.rules.retry import STEPS_S
from clarion.tokens.api_keys import SCOPES, ApiKey
from clarion.topology import events_queue
from services.gateway.admin.deliveries.cancel import cancel_notification
from services.gateway.admin.deliveries.redrive import redrive, retry
from services.gateway.admin.deliveries.schemas import Redrive
from services.notifier.deliver.delivery_attempts import DeliveryAttempts
from services.notifier.deliver.leases import Lease
from services.notifier.plan.batch import Batch, Planner
from services.notifier.providers.provider_chain import ProviderSlot
from services.notifier.publish.outbox import Publisher
from services.notifier.schedule.dispatcher import Dispatcher
from services.notifier.schedule.sources import due_sources
from services.notifier.time_limits import lease_time
from testbed.postgres import Databases
from tests.support.delivery_model import Model, Scripted, moves
from tests.support.machines import Machine, run_machine
from tests.support.notifier import entry, event

TIMEOUT_S = 10.0
LEASE_S = lease_time(TIMEOUT_S).total_seconds()
KEY = ApiKey("key", "default", "admin", frozenset(SCOPES))
DRIVABLE = sorted(REDRIVE.sources)
HELD_S = 50.0
AGAIN_S = 60.0
"""When dispatch publishes once more what is queued."""
ROUNDS = len(STEPS_S["email"]) + 1

ROW = """
SELECT state, reason, provider, rounds, attempt_count,
       extract(epoch FROM due_at - now())::float8 AS due_s,
       extract(epoch FROM leased_until - now())::float8 AS lease_s,
       extract(epoch FROM expires_at - now())::float8 AS expires_s
FROM deliveries WHERE id = $1
"""
ATTEMPTS = "SELECT n, provider, outcome FROM attempts WHERE delivery = $1 ORDER BY n"
PASS_TIME = """
UPDATE deliveries SET due_at = due_at - $2::interval, leased_until = leased_until - $2::interval,
                      expires_at = expires_at - $2::interval
WHERE id = $1
"""
TRIED = "UPDATE deliveries SET rounds = $2 WHERE id = $1"
FORGET = "UPDATE deliveries SET state = 'cancelled', due_at = NULL WHERE id = $1"

outcomes = st.sampled_from(
    [
        Sent(),
        Failed("rejected"),
        *(Retry("deferred", asked_s) for asked_s in (None, -1.0, 0.0, 30.0, 1e9)),
        Unknown("timeout"),
    ]
)
meanwhile = st.sampled_from(["dispatch", "cancel", "retry", "another takes it"])
"""What happens while a provider is asked."""


class DeliveryMachine(Machine):
    """One delivery, those who move it, and `leases`: what senders hold or believe to hold."""

    dispatcher: Dispatcher

    @classmethod
    async def open(cls) -> None:
        bus = open_bus(["memory://"], publish_timeout_s=5)
        await bus.start()
        cls.around.push_async_callback(bus.close)
        cls.dispatcher = Dispatcher(due_sources(cls.database, Publisher(bus, shards=1)))

    @initialize(
        held=st.booleans(),
        expires_s=st.sampled_from([None, None, 100, 1_000, 200_000]),
        rounds=st.sampled_from([0, 0, ROUNDS - 2]),
        may_be_cancelled=st.booleans(),
    )
    def plan(self, held: bool, expires_s: int | None, rounds: int, may_be_cancelled: bool) -> None:
        self.may_be_cancelled = may_be_cancelled
        self.leases: dict[int, Lease] = {}
        self.claims = 0
        self.id, self.notification = self.do(self._plan(held, expires_s))
        state, due_s = (State.SCHEDULED, HELD_S) if held else (State.QUEUED, AGAIN_S)
        self.model = Model(state, due_s, expires_s, rounds=rounds)
        self.do(self._execute(TRIED, rounds))

    @rule(seconds=st.sampled_from([20.0, 40.0, 70.0, 700.0, 40_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(self._pass_time(seconds))

    @rule()
    def dispatch(self) -> None:
        self.do(self._dispatch())

    @rule()
    def claim(self) -> None:
        self.do(self._claim())

    @precondition(lambda self: bool(self.leases))
    @rule(data=st.data())
    def a_sender_dies(self, data: st.DataObject) -> None:
        del self.leases[data.draw(st.sampled_from(sorted(self.leases)))]

    @precondition(lambda self: bool(self.leases))
    @rule(data=st.data(), first=outcomes, second=outcomes, happens=meanwhile)
    def send(self, data: st.DataObject, first: Outcome, second: Outcome, happens: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.leases)))
        self.do(self._send(number, first, second, happens))

    @rule(first=outcomes, second=outcomes)
    def a_round(self, first: Outcome, second: Outcome) -> None:
        """As it goes where nothing comes between."""
        self.do(self._round(first, second))

    @precondition(lambda self: self.may_be_cancelled)
    @rule()
    def cancel(self) -> None:
        self.do(self._cancel())

    @rule()
    def retry(self) -> None:
        self.do(self._retry())

    @rule(state=st.sampled_from(DRIVABLE))
    def redrive(self, state: str) -> None:
        self.do(self._redrive(state))

    @invariant()
    def the_row_is_what_the_model_says(self) -> None:
        if hasattr(self, "model"):
            self.do(self._compare())

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self.do(self._execute(FORGET))

    async def _plan(self, held: bool, expires_s: int | None) -> tuple[UUID, UUID]:
        now = datetime.now(UTC)
        given: dict[str, Any] = {"to": {"id": "ann", "email": "ann@example.org"}}
        if held:
            given["send_at"] = now + timedelta(seconds=HELD_S)
        if expires_s is not None:
            given["expires_at"] = now + timedelta(seconds=expires_s)
        fields = entry(event(channels=["email"], **given))
        planner = Planner(self.database, carried=frozenset({"email"}))
        made = msgspec.json.decode(msgspec.json.encode(fields), type=Entry)
        outbox = await planner.plan(Batch("normal", events_queue("normal"), [made]))
        (draft,) = outbox.drafts
        return draft.deliveries[0].id, draft.id

    async def _pass_time(self, seconds: float) -> None:
        by = timedelta(seconds=seconds)
        await self._execute(PASS_TIME, by)
        self.leases = {number: _older(one, by) for number, one in self.leases.items()}
        self.model.pass_time(seconds)

    async def _dispatch(self) -> None:
        model = self.model
        await self.dispatcher.dispatch_due()
        if model.due_s is None or model.due_s > 0:
            return
        if model.state is State.SENDING and model.is_cancelled:
            model.become(State.CANCELLED, BY_CALLER)
        elif model.is_late:
            model.become(State.EXPIRED, "expired")
        else:
            model.become(State.QUEUED, model.reason, AGAIN_S)

    async def _claim(self) -> None:
        model = self.model
        leases = await self._rounds().claim([self.id])
        lost = model.state is State.SENDING and model.lease_s is not None and model.lease_s <= 0
        free = (model.state is State.QUEUED or lost) and not model.is_late
        assert len(leases) == free
        if free:
            self.claims += 1
            self.leases[self.claims] = leases[0]
            model.state, model.rounds, model.holder = State.SENDING, model.rounds + 1, self.claims
            model.due_s = model.lease_s = LEASE_S
        elif model.state is State.QUEUED:
            model.become(State.EXPIRED, "expired")

    async def _round(self, first: Outcome, second: Outcome) -> None:
        if self.model.state is State.SCHEDULED:
            await self._pass_time((self.model.due_s or 0) + 3)
            await self._dispatch()
        if self.model.state is State.QUEUED:
            await self._claim()
        if self.model.state is State.SENDING and self.claims in self.leases:
            await self._send(self.claims, first, second, "dispatch")

    async def _send(self, number: int, first: Outcome, second: Outcome, happens: str) -> None:
        lease, model = self.leases.pop(number), self.model
        age_s = time.monotonic() - lease.begun
        if age_s > LEASE_S / 3:
            lease = replace(lease, begun=lease.begun - LEASE_S)
        asked: list[Outcome] = []

        async def meanwhile() -> None:
            asked.append(Sent())
            if len(asked) == 1:
                await self._happens(happens)

        one, two = Scripted("one", first, meanwhile), Scripted("two", second, meanwhile)
        held = model.holder == number
        route = [two, one] if lease.last_unknown_provider == "two" else [one, two]
        await self._rounds(one, two).deliver(lease)
        if lease.round > ROUNDS:
            assert not asked
            if held:
                end = (State.DEAD, "attempts_used_up")
                model.become(*((State.CANCELLED, BY_CALLER) if model.is_cancelled else end))
                model.rounds = 0
        elif age_s > LEASE_S / 3:
            assert not asked
        else:
            self._answered(number, lease, *route)

    def _answered(self, number: int, lease: Lease, one: Scripted, two: Scripted) -> None:
        """What the answers make of the model, which is as it was left during the first call."""
        model = self.model
        model.attempted(one.name, one.answer)
        goes_on = isinstance(one.answer, Retry) and model.holder == number and not model.is_late
        assert (one.calls, two.calls) == (1, int(goes_on))
        last = two if goes_on else one
        if goes_on:
            model.attempted(two.name, two.answer)
        if model.holder == number:
            model.provider = last.name
            self._settle(last.answer, lease.round)

    def _settle(self, answer: Outcome, round_: int) -> None:
        model, rounds = self.model, self.model.rounds
        model.rounds = 0
        match answer:
            case Sent():
                model.become(State.SENT, None)
            case Failed(reason):
                model.become(State.FAILED, reason)
            case Retry() | Unknown() if model.is_cancelled:
                model.become(State.CANCELLED, BY_CALLER)
            case Retry(reason) | Unknown(reason) if round_ == ROUNDS:
                model.become(State.DEAD, reason)
            case Retry(reason) | Unknown(reason):
                step_s = STEPS_S["email"][round_ - 1]
                if model.is_late:
                    model.become(State.EXPIRED, reason)
                else:
                    model.become(State.SCHEDULED, reason, step_s)
                    model.may_expire_within_s = 2 * step_s
                    model.rounds = rounds

    async def _happens(self, what: str) -> None:
        match what:
            case "cancel":
                await self._cancel()
            case "retry":
                await self._retry()
            case "another takes it":
                await self._pass_time(LEASE_S + 5)
                await self._dispatch()
                await self._claim()
            case _:
                await self._dispatch()

    async def _cancel(self) -> None:
        model = self.model
        answer = await cancel_notification(self.database, KEY, self.notification)
        assert answer is not None
        stopped = model.state in (State.SCHEDULED, State.QUEUED)
        assert answer["cancelled"] == stopped
        model.is_cancelled = True
        if stopped:
            model.become(State.CANCELLED, BY_CALLER)
        elif model.state is State.SENDING:
            model.expires_s = min(0.0, model.expires_s or 0.0)
            model.reason = BY_CALLER

    async def _retry(self) -> None:
        model = self.model
        drivable = model.state in DRIVABLE and not model.is_over
        final = model.state is State.CANCELLED or (model.state in DRIVABLE and model.is_over)
        try:
            async with self.database.transaction() as connection:
                answer = await retry(connection, KEY, self.id)
        except Conflict:
            assert final
            return
        assert answer is not None
        assert (final, answer["retried"]) == (False, drivable)
        if drivable:
            self._drive()

    async def _redrive(self, state: Any) -> None:
        model = self.model
        async with self.database.transaction() as connection:
            wanted = Redrive(state=state, notification=self.notification)
            answer = await redrive(connection, KEY, wanted)
        drivable = model.state == state and not model.is_over
        assert answer["redriven"] == drivable
        if drivable:
            self._drive()

    def _drive(self) -> None:
        model = self.model
        model.become(State.SCHEDULED, None, 0)
        model.rounds = 0

    async def _compare(self) -> None:
        model = self.model
        async with self.database.driver() as tx:
            row = await tx.fetchrow(ROW, self.id)
            kept = [tuple(one) for one in await tx.fetch(ATTEMPTS, self.id)]
        assert row is not None
        expires = model.expires_s is not None and model.expires_s <= model.may_expire_within_s
        if row["state"] == "expired" and model.state is State.SCHEDULED and expires:
            model.state, model.due_s, model.rounds = State.EXPIRED, None, 0
        found = (row["state"], row["reason"], row["provider"], row["rounds"], kept)
        assert found == (model.state, model.reason, model.provider, model.rounds, model.attempts)
        assert row["attempt_count"] == len(model.attempts)
        slack_s = max(10, model.may_expire_within_s)
        for name, near_s in (("due_s", slack_s), ("lease_s", 10), ("expires_s", 10)):
            expected, seen = getattr(model, name), row[name]
            assert (expected is None) == (seen is None), (name, row)
            assert seen is None or abs(seen - expected) < near_s, (name, row)
            setattr(model, name, seen)
        model.may_expire_within_s = 0
        if any(one and 0 < one < 3 for one in (model.due_s, model.lease_s, model.expires_s)):
            await self._pass_time(5)  # no step depends on how long it takes

    async def _execute(self, statement: str, *arguments: object) -> None:
        async with self.database.driver() as tx:
            await tx.execute(statement, self.id, *arguments)

    def _rounds(self, *providers: Scripted) -> DeliveryAttempts:
        return DeliveryAttempts(
            "email",
            database=self.database,
            chain=tuple(ProviderSlot("email", one) for one in providers),
            timeout_s=TIMEOUT_S,
            stopping=asyncio.Event(),
        )


def _older(lease: Lease, by: timedelta) -> Lease:
    return replace(
        lease,
        until=lease.until - by,
        begun=lease.begun - by.total_seconds(),
        expires_at=lease.expires_at and lease.expires_at - by,
    )


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_delivery_is_what_the_model_says_whatever_happens(databases: Databases) -> None:
    run_machine(DeliveryMachine, databases, examples=30, steps=30)
    assert len(moves) >= 4, moves
