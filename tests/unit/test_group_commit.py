"""Group commit: what arrives while publishes are in flight leaves as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest

from clarion.bus.group_commit import GroupCommit, PublishReceipt
from clarion.bus.protocol import Bus, BusStatus, Message
from clarion.errors import BusUnavailable, Problem, PublishRefused, Unavailable


@dataclass
class HeldBus:
    """Publishes are confirmed when the test says so."""

    away: bool = False
    envelopes: list[list[Any]] = field(default_factory=list[list[Any]])
    confirms: list[asyncio.Future[None]] = field(default_factory=list[asyncio.Future[None]])

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        assert (exchange, key, mandatory) == ("clarion.events", "normal", True)
        self.envelopes.append(msgspec.json.decode(message.body)["events"])
        self.confirms.append(asyncio.get_running_loop().create_future())
        await self.confirms[-1]

    def status(self) -> BusStatus:
        return BusStatus(not self.away, not self.away)


@pytest.fixture
def bus() -> HeldBus:
    return HeldBus()


@pytest.fixture
def group(bus: HeldBus) -> GroupCommit:
    return GroupCommit(cast("Bus", bus), "normal")


def add(group: GroupCommit, entries: Sequence[bytes]) -> PublishReceipt:
    receipt = PublishReceipt(asyncio.get_running_loop())
    group.add(entries, receipt)
    return receipt


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def confirm_all(bus: HeldBus) -> None:
    while any(not confirm.done() for confirm in bus.confirms):
        for confirm in bus.confirms:
            if not confirm.done():
                confirm.set_result(None)
        await turns()


async def test_an_idle_gateway_waits_for_nothing(bus: HeldBus, group: GroupCommit) -> None:
    receipt = add(group, [b"1"])
    await turns()
    assert bus.envelopes == [[1]]
    assert not receipt.done.done()
    bus.confirms[0].set_result(None)
    assert await receipt.done is None


async def test_what_arrives_while_two_are_in_flight_leaves_as_one(
    bus: HeldBus, group: GroupCommit
) -> None:
    tickets: list[PublishReceipt] = []
    for n in range(10):
        tickets.append(add(group, [b"%d" % n]))
        await turns()
    assert bus.envelopes == [[0], [1]]
    bus.confirms[1].set_result(None)
    await turns()
    assert bus.envelopes == [[0], [1], list(range(2, 10))]
    assert [receipt.done.done() for receipt in tickets] == [n == 1 for n in range(10)]
    await confirm_all(bus)
    assert [await receipt.done for receipt in tickets] == [None] * 10


async def test_all_of_an_envelope_fail_together_and_no_one_else(
    bus: HeldBus, group: GroupCommit
) -> None:
    tickets: list[PublishReceipt] = []
    for n in range(4):
        tickets.append(add(group, [b"%d" % n]))
        await turns()
    bus.confirms[0].set_result(None)
    await turns()
    refused = PublishRefused("full")
    bus.confirms[2].set_exception(refused)
    await turns()
    await confirm_all(bus)
    assert [await receipt.done for receipt in tickets] == [None, None, refused, refused]


async def test_when_the_broker_goes_all_that_wait_are_told_at_once(
    bus: HeldBus, group: GroupCommit
) -> None:
    tickets: list[PublishReceipt] = []
    for n in range(600):
        tickets.append(add(group, [b"%d" % n]))
        if n < 2:
            await turns()
    bus.away = True
    gone = BusUnavailable("gone")
    bus.confirms[0].set_exception(gone)
    await turns()
    assert [receipt.done.done() for receipt in tickets[:3]] == [True, False, True]
    assert tickets[599].done.result() is gone
    await confirm_all(bus)


async def test_envelopes_are_bounded_in_events_and_bytes(bus: HeldBus, group: GroupCommit) -> None:
    big = b'"%s"' % (b"x" * 100_000)
    huge = b'"%s"' % (b"x" * 300_000)
    entries = [b"0", b"0", *([b"1"] * 300), big, big, big, huge, b"2"]
    tickets: list[PublishReceipt] = []
    for entry in entries:
        tickets.append(add(group, [entry]))
        if len(tickets) < 3:
            await turns()
    await confirm_all(bus)
    assert [len(envelope) for envelope in bus.envelopes] == [1, 1, 256, 46, 1, 1, 1]
    assert [await receipt.done for receipt in tickets] == [None] * len(entries)


async def test_an_array_that_fits_one_envelope_is_never_split(
    bus: HeldBus, group: GroupCommit
) -> None:
    for n in range(2):
        add(group, [b"%d" % n])
        await turns()
    add(group, [b"2"] * 200)
    add(group, [b"3"] * 200)
    await confirm_all(bus)
    assert bus.envelopes[2:] == [[2] * 200, [3] * 200]


async def test_a_large_array_is_answered_at_its_last_confirm(
    bus: HeldBus, group: GroupCommit
) -> None:
    receipt = add(group, [b"1"] * 600)
    await turns()
    assert [len(envelope) for envelope in bus.envelopes] == [256]
    bus.confirms[0].set_result(None)
    await turns()
    bus.confirms[1].set_result(None)
    await turns()
    assert not receipt.done.done()
    bus.confirms[2].set_result(None)
    assert await receipt.done is None
    assert [len(envelope) for envelope in bus.envelopes] == [256, 256, 88]


async def test_a_large_array_that_failed_sends_no_more(bus: HeldBus, group: GroupCommit) -> None:
    receipt = add(group, [b"1"] * 600)
    await turns()
    refused = PublishRefused("full")
    bus.confirms[0].set_exception(refused)
    await turns()
    assert (await receipt.done, len(bus.envelopes)) == (refused, 1)
    assert add(group, [b"2"])
    await turns()
    assert bus.envelopes[1:] == [[2]]
    await confirm_all(bus)


async def test_a_stopping_gateway_finishes_what_it_has_and_takes_no_more(
    bus: HeldBus, group: GroupCommit
) -> None:
    tickets = [add(group, [b"1"]) for _ in range(3)]
    await turns()
    closing = asyncio.create_task(group.close(10))
    await turns()
    with pytest.raises(Unavailable):
        add(group, [b"2"])
    assert not closing.done()
    await confirm_all(bus)
    await closing
    assert [await receipt.done for receipt in tickets] == [None] * 3


async def test_a_publish_that_breaks_is_answered_as_unknown(
    bus: HeldBus, group: GroupCommit
) -> None:
    receipt = add(group, [b"1"])
    await turns()
    bus.confirms[0].set_exception(RuntimeError("broken"))
    problem = await receipt.done
    assert isinstance(problem, Problem)
    assert problem.code == "publish_unconfirmed"
