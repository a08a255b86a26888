"""Running notifiers in a test, and what is sent to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from clarion.bus.protocol import Bus, LiveSubscription, Message
from clarion.contracts.announcement import decode_announcement
from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE, encode_envelope
from clarion.contracts.event import Event
from clarion.store.database import Database
from clarion.telemetry.trace import new_traceparent
from clarion.topology import EVENTS
from services.notifier.app import create_app
from services.notifier.settings import NotifierSettings
from testbed.processes import wait_until

Row = dict[str, Any]


@asynccontextmanager
async def running_notifiers(
    bus: Bus, database: Database, settings: NotifierSettings | None = None, *, count: int = 1
) -> AsyncIterator[None]:
    """`count` notifiers side by side; stopped in order at the end."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            app = create_app(settings or NotifierSettings(), bus=bus, database=database)
            await stack.enter_async_context(app.router.lifespan_context(app))
        yield


def event(**fields: Any) -> dict[str, Any]:
    """An event with an id of its own, for user:42, where nothing else is said."""
    return {"type": "order.shipped", "id": str(uuid4()), "to": "user:42"} | fields


def entry(fields: Mapping[str, Any], *, tenant: str = "default") -> dict[str, Any]:
    """As the gateway accepts it."""
    return {
        "id": fields["id"],
        "source": fields.get("source", "api"),
        "tenant": tenant,
        "accepted_at": datetime.now(UTC),
        "traceparent": new_traceparent(),
        "event": fields,
    }


def envelope(*events: Mapping[str, Any], tenant: str = "default") -> Message:
    """The message in which a gateway publishes these events."""
    body = encode_envelope([entry(one, tenant=tenant) for one in events])
    return Message(body, ENVELOPE_CONTENT_TYPE)


async def publish(bus: Bus, *messages: Message, lane: str = "normal") -> None:
    """Put messages on the queue of a lane."""
    for message in messages:
        await bus.publish(EVENTS, lane, message)


async def rows(database: Database, query: str, *arguments: object) -> list[Row]:
    """All rows of a query."""
    async with database.driver() as driver:
        return [dict(row) for row in await driver.fetch(query, *arguments)]


async def wait_for_rows(
    database: Database, query: str, count: int, *arguments: object, timeout_s: float = 20
) -> list[Row]:
    """The rows of a query once there are `count`; more are an error."""
    found: list[Row] = []

    async def enough() -> bool:
        found[:] = await rows(database, query, *arguments)
        return len(found) >= count

    await wait_until(enough, timeout_s, f"{count} rows of {query}")
    assert len(found) == count, found
    return found


async def take_frames(live: LiveSubscription, count: int) -> list[tuple[str, int, Any]]:
    """The next `count` frames that are announced: (feed, version, decoded body)."""
    frames: list[tuple[str, int, Any]] = []
    while len(frames) < count:
        for message in await live.take(100):
            announcement = decode_announcement(message.body)
            frames.extend(
                (one.feed, one.version, msgspec.json.decode(one.body))
                for one in announcement.frames
            )
    return frames


def typed(fields: Mapping[str, Any]) -> Event:
    """The event that these fields make."""
    return msgspec.convert(fields, Event)


def titles(found: Iterable[Row]) -> list[str]:
    """The titles of items, in the order given."""
    return [str(one["title"]) for one in found]
