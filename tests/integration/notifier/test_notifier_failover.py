"""Providers in order of preference: failover, rest, rates, and what is not known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog

from clarion.bus.protocol import Bus
from clarion.render.content import RenderedContent
from clarion.render.email_text import html_of
from clarion.rules import retry
from clarion.store.database import Database
from services.notifier.providers import circuit_breaker, email
from services.notifier.providers.rates import Rate, acquire
from services.notifier.settings import NotifierSettings
from testbed.processes import free_port, wait_until
from testbed.smtp import running_smtp
from testbed.smtp_script import ScriptedSmtp, scripted_smtp
from testbed.twilio import SID, TOKEN, TwilioFake, running_twilio
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

DELIVERIES = "SELECT * FROM deliveries WHERE state = $1"
ATTEMPTS = "SELECT delivery, n, provider, outcome FROM attempts ORDER BY id"

FAILED = "delivery_failed"

ANN = {"id": "ann", "email": "ann@example.org", "phone": "+15005550006"}


def nowhere() -> str:
    """An SMTP server that is not there."""
    return f"smtp://127.0.0.1:{free_port()}?from=a@shop.example"


async def send(bus: Bus, count: int = 1, channel: str = "email") -> None:
    await publish(bus, envelope(*(event(to=ANN, channels=[channel]) for _ in range(count))))


async def test_after_a_transient_failure_the_next_provider_sends_in_the_same_claim(
    bus: Bus, database: Database
) -> None:
    settings = NotifierSettings(email=[nowhere(), nowhere(), "capture://"])
    async with running_notifiers(bus, database, settings):
        await send(bus)
        (delivery,) = await wait_for_rows(database, DELIVERIES, 1, "sent")
    assert (delivery["provider"], delivery["attempt_count"]) == ("capture", 3)
    attempts = await rows(database, ATTEMPTS)
    assert [(one["n"], one["provider"][:4], one["outcome"]) for one in attempts] == [
        (1, "smtp", "retry"),
        (2, "smtp", "retry"),
        (3, "capt", "sent"),
    ]


async def test_a_permanent_failure_asks_nobody_else(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path) as box:
        box.refused["ann@example.org"] = "550 5.1.1 No such user"
        settings = NotifierSettings(email=[box.url, "capture://"])
        async with running_notifiers(memory_bus, database, settings):
            with structlog.testing.capture_logs() as lines:
                await send(memory_bus)
                (failed,) = await wait_for_rows(database, DELIVERIES, 1, "failed")
                await wait_until(lambda: any(one["event"] == FAILED for one in lines), 10)
    (told,) = [one for one in lines if one["event"] == FAILED]
    assert (told["log_level"], told["delivery"]) == ("warning", str(failed["id"]))
    assert (told["subscriber"], told["code"], told["reason"]) == (
        "ann",
        "550 5.1.1",
        failed["reason"],
    )
    (known,) = await rows(database, "SELECT event_id, source, trace_id FROM events")
    assert {name: told[name] for name in known} == dict(known)
    assert "example.org" not in str(lines)
    assert [one["outcome"] for one in await rows(database, ATTEMPTS)] == ["failed"]


async def test_when_all_fail_it_waits_for_one_step_of_its_channel(
    memory_bus: Bus, database: Database
) -> None:
    async with running_notifiers(
        memory_bus, database, NotifierSettings(email=[nowhere(), nowhere()])
    ):
        await send(memory_bus)
        (delivery,) = await wait_for_rows(database, DELIVERIES, 1, "scheduled")
    assert (delivery["attempt_count"], delivery["rounds"]) == (2, 1)
    assert 8 <= (delivery["due_at"] - delivery["updated_at"]).total_seconds() <= 12.1


async def test_a_provider_that_keeps_failing_is_rested_and_passed_over(
    memory_bus: Bus, database: Database
) -> None:
    settings = NotifierSettings(email=[nowhere(), "capture://"], send_concurrency=1)
    async with running_notifiers(memory_bus, database, settings):
        await send(memory_bus, circuit_breaker.FAILURES + 3)
        await wait_for_rows(database, DELIVERIES, circuit_breaker.FAILURES + 3, "sent")
    attempts = await rows(database, ATTEMPTS)
    outcomes = [one["outcome"] for one in attempts]
    assert (outcomes.count("retry"), outcomes.count("sent")) == (5, 8)


async def test_where_all_rest_deliveries_wait_for_the_probe_and_then_go(
    memory_bus: Bus, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "STEPS_S", {"email": (0.2,) * 20})
    async with running_smtp(tmp_path) as box:
        box.answers += ["421 4.3.0 Later"] * circuit_breaker.FAILURES
        settings = NotifierSettings(email=[box.url], send_concurrency=1)
        async with running_notifiers(memory_bus, database, settings):
            await send(memory_bus, 8)
            waiting = await wait_for_rows(
                database, "SELECT * FROM deliveries WHERE reason = 'providers_rested'", 8
            )
            await wait_for_rows(database, DELIVERIES, 8, "sent", timeout_s=30)
    assert len(box.messages) == 8
    assert all(one["state"] == "scheduled" for one in waiting)
    outcomes = [one["outcome"] for one in await rows(database, ATTEMPTS)]
    assert (outcomes.count("retry"), outcomes.count("sent")) == (circuit_breaker.FAILURES, 8)


async def test_eight_odd_addresses_do_not_stop_the_ninth(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    async with running_smtp(tmp_path, smtputf8=False) as box:
        settings = NotifierSettings(email=[box.url], send_concurrency=1)
        async with running_notifiers(memory_bus, database, settings):
            odd = [{"id": f"j{n}", "email": f"jörg{n}@example.org"} for n in range(8)]
            await publish(memory_bus, envelope(event(to=odd, channels=["email"])))
            failed = await wait_for_rows(database, DELIVERIES, 8, "failed")
            await send(memory_bus)
            await wait_for_rows(database, DELIVERIES, 1, "sent")
    assert {one["reason"] for one in failed} == {"address_needs_smtputf8"}
    assert {one["attempt_count"] for one in failed} == {1}


async def test_a_provider_with_smtputf8_carries_what_the_first_cannot(
    bus: Bus, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    async with (
        running_smtp(tmp_path, smtputf8=False) as first,
        running_smtp(tmp_path / "second") as second,
    ):
        settings = NotifierSettings(email=[first.url, second.url])
        async with running_notifiers(bus, database, settings):
            to = {"id": "jörg".encode().hex(), "email": "jörg@straße.de"}
            await publish(bus, envelope(event(to=to, channels=["email"])))
            (delivery,) = await wait_for_rows(database, DELIVERIES, 1, "sent")
    assert second.recipients == [["jörg@xn--strae-oqa.de"]]
    assert (delivery["attempt_count"], delivery["rounds"]) == (2, 0)
    assert [one["outcome"] for one in await rows(database, ATTEMPTS)] == ["failed", "sent"]


async def test_greylisted_recipients_do_not_stop_the_others(
    memory_bus: Bus, database: Database, tmp_path: Path
) -> None:
    codes = ("450 4.2.0", "451 4.7.1", "452 4.2.2")
    async with running_smtp(tmp_path) as box:
        grey = [{"id": f"g{n}", "email": f"g{n}@example.org"} for n in range(9)]
        box.refused |= {one["email"]: f"{codes[n % 3]} Not now" for n, one in enumerate(grey)}
        settings = NotifierSettings(email=[box.url], send_concurrency=1)
        async with running_notifiers(memory_bus, database, settings):
            await publish(memory_bus, envelope(event(to=grey, channels=["email"])))
            waiting = await wait_for_rows(database, DELIVERIES, 9, "scheduled")
            await send(memory_bus)
            await wait_for_rows(database, DELIVERIES, 1, "sent")
    assert {one["reason"] for one in waiting} == {"deferred"}
    assert len(box.peers) == 1


async def test_a_provider_that_denies_us_hands_on_and_all_of_them_fail_it(
    memory_bus: Bus, database: Database
) -> None:
    denies = ScriptedSmtp(always={"RCPT": "554 5.7.1 <ann@example.org>: Relay access denied"})
    helo = ScriptedSmtp(always={"RCPT": "504 5.5.2 <x>: Helo command rejected: need FQDN"})
    async with scripted_smtp(denies), scripted_smtp(helo):
        settings = NotifierSettings(email=[denies.url, helo.url])
        async with running_notifiers(memory_bus, database, settings):
            await send(memory_bus)
            (delivery,) = await wait_for_rows(database, DELIVERIES, 1, "failed")
    assert (delivery["reason"], delivery["attempt_count"]) == ("helo_refused", 2)
    assert [one["outcome"] for one in await rows(database, ATTEMPTS)] == ["failed", "failed"]


async def test_a_denial_waits_where_another_provider_said_not_now(
    memory_bus: Bus, database: Database
) -> None:
    denies = ScriptedSmtp(always={"RCPT": "550 5.7.1 Unable to relay"})
    async with scripted_smtp(denies):
        settings = NotifierSettings(email=[nowhere(), denies.url])
        async with running_notifiers(memory_bus, database, settings):
            await send(memory_bus)
            (delivery,) = await wait_for_rows(database, DELIVERIES, 1, "scheduled")
    assert (delivery["reason"], delivery["attempt_count"]) == ("provider_unreachable", 2)


async def test_what_cannot_be_composed_fails_at_once_and_rests_nobody(
    memory_bus: Bus, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(content: RenderedContent) -> str:
        if content.title == "odd":
            raise RuntimeError("a defect")
        return html_of(content)

    monkeypatch.setattr(email, "html_of", odd)
    async with running_smtp(tmp_path) as box:
        settings = NotifierSettings(email=[box.url], send_concurrency=1)
        async with running_notifiers(memory_bus, database, settings):
            content = {"title": "odd"}
            events = [event(to=ANN, channels=["email"], content=content) for _ in range(8)]
            await publish(memory_bus, envelope(*events))
            failed = await wait_for_rows(database, DELIVERIES, 8, "failed")
            await send(memory_bus)
            await wait_for_rows(database, DELIVERIES, 1, "sent")
    assert {one["reason"] for one in failed} == {"compose_failed"}
    assert len(box.messages) == 1


async def test_what_is_not_known_is_asked_of_the_same_provider_with_the_same_key(
    memory_bus: Bus, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "STEPS_S", {"sms": (0.1,)})
    async with running_twilio() as first, running_twilio() as second:
        second.silent = 1
        settings = NotifierSettings(
            sms=[provider(first, "x" * 8), provider(second)], send_timeout_s=0.5
        )
        first_name, second_name = "twilio:xxxx", f"twilio:{SID[-4:]}"
        async with running_notifiers(memory_bus, database, settings):
            await send(memory_bus, channel="sms")
            (delivery,) = await wait_for_rows(database, DELIVERIES, 1, "sent")
    attempts = await rows(database, ATTEMPTS)
    assert [(one["n"], one["provider"], one["outcome"]) for one in attempts] == [
        (1, first_name, "retry"),
        (2, second_name, "unknown"),
        (3, second_name, "sent"),
    ]
    assert second.keys == [str(delivery["id"])] * 2


async def test_a_rate_holds_over_several_notifiers_and_costs_no_attempt(
    memory_bus: Bus, database: Database
) -> None:
    settings = NotifierSettings(email=["capture://?rate=5/s"])
    async with running_notifiers(memory_bus, database, settings, count=3):
        await send(memory_bus, 15)
        found = await wait_for_rows(database, DELIVERIES, 15, "sent", timeout_s=30)
    assert {one["attempt_count"] for one in found} == {1}
    attempts = await rows(database, "SELECT started_at FROM attempts ORDER BY started_at")
    took: timedelta = attempts[-1]["started_at"] - attempts[0]["started_at"]
    assert took >= timedelta(seconds=(15 - 5) / 5 - 0.2)


async def test_a_rate_that_is_used_up_is_waited_for_and_not_evaded(
    memory_bus: Bus, database: Database
) -> None:
    settings = NotifierSettings(email=["capture://?rate=1/h", nowhere()])
    async with running_notifiers(memory_bus, database, settings):
        await send(memory_bus, 2)
        await wait_for_rows(database, DELIVERIES, 1, "sent")
        (waiting,) = await wait_for_rows(database, DELIVERIES, 1, "scheduled")
    assert (waiting["reason"], waiting["attempt_count"], waiting["rounds"]) == (
        "rate_limited",
        0,
        0,
    )
    assert (waiting["due_at"] - waiting["updated_at"]).total_seconds() > 3_500
    assert len(await rows(database, ATTEMPTS)) == 1


async def test_those_who_wait_for_a_rate_get_turns_one_after_another(database: Database) -> None:
    rate = Rate(2, 60)
    answers = await asyncio.gather(*(acquire(database, "sms:x", rate) for _ in range(6)))
    turns = sorted(turn for turn in answers if turn is not None)
    assert len(turns) == 5
    assert turns[0] > datetime.now(UTC) + timedelta(seconds=25)
    gaps = {round((later - turn).total_seconds()) for turn, later in pairwise(turns)}
    assert gaps == {30}
    assert await acquire(database, "sms:y", rate) is None


def provider(fake: TwilioFake, sid: str = SID) -> str:
    """The URL of a fake; with another sid it refuses the credentials."""
    return f"twilio://{sid}:{quote(TOKEN, safe='')}@?from=+15005550001&base={fake.base}"
