"""A notifier is killed at every step; a second one finishes, and the history is exact.

Real processes over RabbitMQ and PostgreSQL, real SMTP. A mail goes out twice only where the kill
came between the provider's answer and the commit, and then under the same Message-ID.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from services.notifier.fail_points import POINTS
from tests.support.notifier import envelope, event, publish, rows, wait_for_rows
from tests.support.processes import Process, free_port, wait_until
from tests.support.smtp import running_smtp
from tests.support.stack import is_ready, start_service

EVENTS = 3
ANN = {"id": "ann", "email": "ann@example.org"}
UNCOMMITTED = ("send.after_call", "send.before_commit")
"""Where the provider has answered and nobody knows."""

LEASES_RUN_OUT = """
UPDATE deliveries SET leased_until = now(), due_at = now() WHERE state = 'sending'
"""


@asynccontextmanager
async def notifier(settings: dict[str, str], point: str = "") -> AsyncIterator[Process]:
    """A process that is ready, or that its fail point has ended."""
    port = free_port()
    armed = {"CLARION_FAIL_POINT": f"{point}:kill"} if point else {}
    async with await start_service("notifier", port, settings | armed) as process:
        async with httpx2.AsyncClient() as http:

            async def ready() -> bool:
                return process.returncode is not None or await is_ready(
                    http, f"http://127.0.0.1:{port}"
                )

            await wait_until(ready, 30, f"a notifier: {process!r}")
        yield process


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_there_leaves_an_exact_history(
    point: str, rabbitmq_bus: Bus, amqp_url: str, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path) as box:
        settings = {
            "CLARION_AMQP_URL": amqp_url,
            "CLARION_DATABASE_URL": database.url,
            "CLARION_EMAIL": box.url,
            "CLARION_SEND_CONCURRENCY": "1",
        }
        async with notifier(settings, point) as first:
            events = [event(to=ANN, channels=["inbox", "email"]) for _ in range(EVENTS)]
            await publish(rabbitmq_bus, envelope(*events))
            assert await first.wait(30) == -signal.SIGKILL, first
            assert "fail_point_armed" in first.output()
        async with database.driver() as tx:
            await tx.execute(LEASES_RUN_OUT)
        async with notifier(settings) as second:
            query = "SELECT id, attempt_count FROM deliveries WHERE state = 'sent'"
            sent = await wait_for_rows(database, query, EVENTS, timeout_s=40)
            assert await second.stop() == 0, second
        mails = Counter(str(one["Message-ID"]) for one in box.messages)
    assert await _history(database) == {
        "events": EVENTS,
        "versions": list(range(1, EVENTS + 1)),
        "heads": [EVENTS],
        "unread": [EVENTS],
        "deliveries": EVENTS,
        "attempts": EVENTS,
        "parked": 0,
    }
    assert {one["attempt_count"] for one in sent} == {1}
    assert set(mails) == {f"<{one['id']}@shop.example>" for one in sent}
    twice = 1 if point in UNCOMMITTED else 0
    assert mails.total() - len(mails) == twice


async def _history(database: Database) -> dict[str, object]:
    (found,) = await rows(
        database,
        "SELECT (SELECT count(*) FROM events) AS events,"
        " (SELECT array_agg(version ORDER BY version) FROM notifications) AS versions,"
        " (SELECT array_agg(version) FROM inboxes) AS heads,"
        " (SELECT array_agg(unread) FROM inboxes) AS unread,"
        " (SELECT count(*) FROM deliveries) AS deliveries,"
        " (SELECT count(*) FROM attempts) AS attempts,"
        " (SELECT count(*) FROM parked) AS parked",
    )
    return found
