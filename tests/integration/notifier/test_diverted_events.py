"""What the broker diverted from its lane is brought there; what of it is malformed is parked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Message, Received, Subscription, SubscriptionClosed
from clarion.contracts.envelope import Envelope
from clarion.store.database import Database
from clarion.topology import EVENTS, events_queue
from services.notifier.ingest.dead_letter_mover import ParkedMover
from services.notifier.messages.parser import MessageParser, ParsedMessage
from tests.support.notifier import event, rows

BODIES = {1: msgspec.json.encode(event(id="whole")), 2: b"{", 3: msgspec.json.encode(event(id="b"))}
DIVERTED = [
    Received(body, "application/json", {}, "normal", False, "shop", tag, 1, exchange=EVENTS)
    for tag, body in BODIES.items()
]


class Delivered:
    """A subscription that hands these out once."""

    def __init__(self, messages: Sequence[Received]) -> None:
        self._left = list(messages)
        self.acked: list[Received] = []

    async def take(self, limit: int) -> list[Received]:
        if not self._left:
            raise SubscriptionClosed
        taken, self._left = self._left[:limit], self._left[limit:]
        return taken

    async def ack(self, messages: Sequence[Received]) -> None:
        self.acked += messages

    async def park(self, messages: Sequence[Received]) -> None:
        raise AssertionError("these are what was parked")

    async def release(self, messages: Sequence[Received]) -> None:
        raise AssertionError("nothing stops here")

    async def close(self) -> None:
        self._left = []


class DivertingBus(MemoryBus):
    """Gives `subscription` to whoever subscribes; keeps what is published."""

    def __init__(self, subscription: Delivered) -> None:
        super().__init__()
        self._given = subscription
        self.published: list[tuple[str, str, Message]] = []

    def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        return self._given

    async def publish(
        self, exchange: str, key: str, message: Message, *, mandatory: bool = True
    ) -> None:
        self.published.append((exchange, key, message))


async def test_each_is_parsed_once_for_what_is_published_and_what_is_parked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []
    parse = MessageParser.parse

    def counted(self: MessageParser, message: Received) -> ParsedMessage:
        parsed.append(message.tag)
        return parse(self, message)

    monkeypatch.setattr(MessageParser, "parse", counted)
    delivered = Delivered(DIVERTED)
    bus = DivertingBus(delivered)
    await ParkedMover(bus, database, lambda _: ("acme", "shop"), frozenset({"guest"})).run()
    assert sorted(parsed) == [1, 2, 3]
    assert [one.tag for one in delivered.acked] == [1, 2, 3]
    assert {(exchange, lane) for exchange, lane, _ in bus.published} == {(EVENTS, "normal")}
    envelopes = [msgspec.json.decode(one.body, type=Envelope) for _, _, one in bus.published]
    assert [[entry.id for entry in one.events] for one in envelopes] == [["whole"], ["b"]]
    [row] = await rows(database, "SELECT queue, body, tenant FROM parked")
    assert (row["queue"], row["body"], row["tenant"]) == (events_queue("normal"), b"{", "acme")
