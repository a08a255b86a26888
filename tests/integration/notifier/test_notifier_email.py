"""Email to a real SMTP server: STARTTLS, login, what arrives, and what its answers cause."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from clarion.bus.protocol import Bus
from clarion.rules import retry
from clarion.store.database import Database
from services.notifier.settings import NotifierSettings
from testbed.processes import wait_until
from testbed.smtp import Mailbox, running_smtp
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ENDED = "SELECT * FROM deliveries WHERE state = ANY($1::text[]) ORDER BY id"
ATTEMPTS = "SELECT n, provider, outcome, code, detail, provider_id FROM attempts ORDER BY n"

ANN = {"id": "ann", "email": "ann@example.org"}


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is a fraction of a second."""
    monkeypatch.setattr(retry, "STEPS_S", {"email": (0.1, 0.1), "sms": (0.1, 0.1)})


def settings_for(box: Mailbox) -> NotifierSettings:
    return NotifierSettings(email=[box.url], send_timeout_s=5)


async def test_an_email_arrives_whole(bus: Bus, database: Database, tmp_path: Path) -> None:
    content = {
        "title": "Größe: 5 < 6\r\nBcc: everybody@example.org",
        "body": "First line\nsecond & <b>third</b>\n.\n\nNext paragraph",
        "url": "https://shop.example/o?a=1&b=2",
    }
    async with running_smtp(tmp_path) as box, running_notifiers(bus, database, settings_for(box)):
        await publish(bus, envelope(event(to=ANN, channels=["email"], content=content)))
        (delivery,) = await wait_for_rows(database, ENDED, 1, ["sent"])
    (message,) = box.messages
    assert box.recipients == [["ann@example.org"]]
    assert message["From"] == "The Shöp <no-reply@shop.example>"
    assert message["To"] == "ann@example.org"
    assert message["Bcc"] is None
    assert message["Subject"] == "Größe: 5 < 6 Bcc: everybody@example.org"
    assert message["Message-ID"] == f"<{delivery['id']}@shop.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(message["Date"]).tzinfo is not None
    assert message.get_content_type() == "multipart/alternative"
    text, html = (part.get_content() for part in message.iter_parts())
    assert text.replace("\r\n", "\n") == f"{content['body']}\n\n{content['url']}\n"
    assert "<p>First line<br>second &amp; &lt;b&gt;third&lt;/b&gt;<br>.</p>" in html
    assert '<a href="https://shop.example/o?a=1&amp;b=2">' in html
    (attempt,) = await rows(database, ATTEMPTS)
    assert attempt == {
        "n": 1,
        "provider": f"smtp:127.0.0.1:{box.port}",
        "outcome": "sent",
        "code": "250",
        "detail": "2.0.0 OK: queued as 12345",
        "provider_id": f"<{delivery['id']}@shop.example>",
    }


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # the server warns of TLS that it has
async def test_tls_from_the_start_and_one_connection_for_many(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path, tls=True) as box:
        settings = NotifierSettings(email=[box.url], send_concurrency=1)
        async with running_notifiers(memory_bus, database, settings):
            events = [event(to=ANN, channels=["email"]) for _ in range(5)]
            await publish(memory_bus, envelope(*events))
            await wait_for_rows(database, ENDED, 5, ["sent"])
    assert (len(box.messages), len(box.peers)) == (5, 1)


@pytest.mark.usefixtures("quick_retries")
async def test_a_deferred_email_is_sent_by_the_second_attempt(
    bus: Bus, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path) as box, running_notifiers(bus, database, settings_for(box)):
        box.answers.append("451 4.7.1 Greylisted")
        await publish(bus, envelope(event(to=ANN, channels=["email"])))
        (delivery,) = await wait_for_rows(database, ENDED, 1, ["sent"])
    attempts = await rows(database, ATTEMPTS)
    assert [(one["n"], one["outcome"], one["code"]) for one in attempts] == [
        (1, "retry", "451 4.7.1"),
        (2, "sent", "250"),
    ]
    assert (delivery["attempt_count"], delivery["due_at"], delivery["leased_until"]) == (
        2,
        None,
        None,
    )
    assert len(box.messages) == 1


@pytest.mark.usefixtures("quick_retries")
async def test_attempts_that_are_used_up_leave_it_dead(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path) as box:
        box.answers += ["451 4.3.0 Later"] * 9
        async with running_notifiers(memory_bus, database, settings_for(box)):
            await publish(memory_bus, envelope(event(to=ANN, channels=["email"])))
            (delivery,) = await wait_for_rows(database, ENDED, 1, ["dead"])
    assert (delivery["reason"], delivery["attempt_count"]) == ("deferred", 3)
    assert [one["outcome"] for one in await rows(database, ATTEMPTS)] == ["retry"] * 3


async def test_a_refused_address_fails_at_once(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path) as box:
        box.refused["ann@example.org"] = "550 5.1.1 No such user"
        async with running_notifiers(memory_bus, database, settings_for(box)):
            await publish(memory_bus, envelope(event(to=ANN, channels=["email"])))
            (delivery,) = await wait_for_rows(database, ENDED, 1, ["failed"])
    assert delivery["reason"] == "address_refused"
    (attempt,) = await rows(database, ATTEMPTS)
    assert (attempt["outcome"], attempt["code"]) == ("failed", "550 5.1.1")


async def test_a_server_that_is_not_there_is_tried_again(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path) as box:
        settings = settings_for(box)
    async with running_notifiers(memory_bus, database, settings):
        await publish(memory_bus, envelope(event(to=ANN, channels=["email"])))
        await wait_for_rows(database, ATTEMPTS, 1)
        (delivery,) = await wait_for_rows(database, ENDED, 1, ["scheduled"])
    assert delivery["reason"] == "provider_unreachable"
    assert 8 <= (delivery["due_at"] - delivery["updated_at"]).total_seconds() <= 12.1


async def test_a_sender_that_died_is_replaced_once_its_lease_ran_out(
    memory_bus: Bus, database: Database
) -> None:
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(event(to=ANN, channels=["email"])))
        await wait_for_rows(database, ENDED, 1, ["sent"])
        async with database.driver() as tx:
            await tx.execute(
                "UPDATE deliveries SET state = 'sending', leased_until = now(), due_at = now()"
            )
        await wait_until(lambda: _attempts(database, 2), 10, "a second attempt")
    (delivery,) = await rows(database, ENDED, ["sent"])
    assert delivery["attempt_count"] == 2


async def test_an_email_that_expired_before_it_was_sent_is_not(
    memory_bus: Bus, database: Database
) -> None:
    async with running_notifiers(memory_bus, database):
        await publish(memory_bus, envelope(event(to=ANN, channels=["email"])))
        await wait_for_rows(database, ENDED, 1, ["sent"])
        async with database.driver() as tx:
            await tx.execute(
                "UPDATE deliveries SET state = 'scheduled', due_at = now(), expires_at = now()"
            )
        (delivery,) = await wait_for_rows(database, ENDED, 1, ["expired"])
    assert (delivery["reason"], delivery["attempt_count"]) == ("expired", 1)


async def _attempts(database: Database, count: int) -> bool:
    return len(await rows(database, ATTEMPTS)) == count
