"""A stop of the notifier does not double what is being sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from clarion.bus.protocol import Bus
from clarion.store.database import Database
from services.notifier.app import Notifier
from services.notifier.settings import NotifierSettings
from testbed.processes import wait_until
from testbed.smtp import Mailbox, running_smtp
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ANN = {"id": "ann", "email": "ann@example.org"}
SENT = "SELECT * FROM deliveries WHERE state = 'sent'"
ATTEMPTS = "SELECT n, provider, outcome FROM attempts ORDER BY n"


class Slow(Mailbox):
    """Answers to the content after `slow_s`; `asked` says that it has the content."""

    slow_s = 0.0
    asked = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Late."""
        self.asked = True
        await asyncio.sleep(self.slow_s)
        return await super().handle_DATA(server, session, envelope)


async def has(box: Slow) -> bool:
    return box.asked


async def test_a_stop_waits_for_a_provider_that_is_slower_than_the_time_for_a_stop(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    box = Slow()
    box.slow_s = 2
    async with running_smtp(tmp_path, box=box):
        settings = NotifierSettings(email=[box.url], shutdown_timeout_s=0.2, send_timeout_s=20)
        async with running_notifiers(memory_bus, database, settings):
            await publish(memory_bus, envelope(event(to=[ANN], channels=["email"])))
            await wait_until(lambda: has(box), 20, "the content came")
        (delivery,) = await rows(database, SENT)
    assert (delivery["attempt_count"], len(box.messages)) == (1, 1)


async def test_an_attempt_that_is_cut_is_recorded_and_asked_again_with_the_same_key(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    box: Any = Slow()
    box.slow_s = 3600
    async with running_smtp(tmp_path, box=box):
        settings = NotifierSettings(email=[box.url, "capture://"], send_timeout_s=60)
        notifier = Notifier(settings, bus=memory_bus, database=database)
        await notifier.start()
        await publish(memory_bus, envelope(event(to=[ANN], channels=["email"])))
        await wait_until(lambda: has(box), 20, "the content came")
        await notifier.stop(2)
        (attempt,) = await rows(database, ATTEMPTS)
        smtp = f"smtp:127.0.0.1:{box.port}"
        assert attempt == {"n": 1, "provider": smtp, "outcome": "unknown"}
        box.slow_s = 0
        async with running_notifiers(memory_bus, database, settings):
            async with database.driver() as tx:
                await tx.execute("UPDATE deliveries SET due_at = now() WHERE state = 'scheduled'")
            (delivery,) = await wait_for_rows(database, SENT, 1)
    assert [(one["provider"], one["outcome"]) for one in await rows(database, ATTEMPTS)] == [
        (smtp, "unknown"),
        (smtp, "sent"),
    ]
    (message,) = box.messages
    assert message["Message-ID"] == f"<{delivery['id']}@shop.example>"
