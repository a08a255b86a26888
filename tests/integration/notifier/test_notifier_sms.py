"""SMS to a strict stand-in for Twilio: the request it gets, and what its answers cause."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from clarion.bus.protocol import Bus
from clarion.render import gsm7
from clarion.rules import retry
from clarion.store.database import Database
from services.notifier.settings import NotifierSettings
from testbed.twilio import SID, TOKEN, TwilioFake, fault, running_twilio
from tests.support.notifier import envelope, event, publish, rows, running_notifiers, wait_for_rows

ENDED = "SELECT * FROM deliveries WHERE state = ANY($1::text[]) ORDER BY id"
ATTEMPTS = "SELECT n, provider, outcome, code, detail, provider_id FROM attempts ORDER BY n"

BOB = {"id": "bob", "phone": "+15005550006"}


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioFake]:
    async with running_twilio() as fake:
        yield fake


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is a fraction of a second."""
    monkeypatch.setattr(retry, "STEPS_S", {"sms": (0.1, 0.1, 0.1)})


def settings_for(
    fake: TwilioFake, *, sender: str = "+15005550001", token: str = TOKEN, timeout_s: float = 5
) -> NotifierSettings:
    url = f"twilio://{SID}:{quote(token, safe='')}@?from={sender}&base={fake.base}"
    return NotifierSettings(sms=[url], send_timeout_s=timeout_s)


async def test_an_sms_is_what_twilio_asks_for(
    bus: Bus, database: Database, twilio: TwilioFake
) -> None:
    content = {"title": "On its way", "body": "Order 7: ünï & +1", "url": "https://s.example/7"}
    async with running_notifiers(bus, database, settings_for(twilio)):
        await publish(bus, envelope(event(to=BOB, channels=["sms"], content=content)))
        (delivery,) = await wait_for_rows(database, ENDED, 1, ["sent"])
    assert twilio.accepted == [
        {
            "To": "+15005550006",
            "From": "+15005550001",
            "Body": "On its way\nOrder 7: ünï & +1\nhttps://s.example/7",
        }
    ]
    assert twilio.keys == [str(delivery["id"])]
    assert await rows(database, ATTEMPTS) == [
        {
            "n": 1,
            "provider": f"twilio:{SID[-4:]}",
            "outcome": "sent",
            "code": "201",
            "detail": "queued",
            "provider_id": f"SM{1:032x}",
        }
    ]


async def test_a_messaging_service_stands_for_the_number(
    memory_bus: Bus, database: Database, twilio: TwilioFake
) -> None:
    service = "MG" + "0" * 32
    async with running_notifiers(memory_bus, database, settings_for(twilio, sender=service)):
        await publish(memory_bus, envelope(event(to=BOB, channels=["sms"])))
        await wait_for_rows(database, ENDED, 1, ["sent"])
    assert twilio.accepted == [
        {"To": "+15005550006", "MessagingServiceSid": service, "Body": "order.shipped"}
    ]


async def test_a_long_text_is_cut_and_keeps_its_link(
    memory_bus: Bus, database: Database, twilio: TwilioFake
) -> None:
    content = {"title": "t", "body": "x" * 5_000, "url": "https://s.example/7"}
    async with running_notifiers(memory_bus, database, settings_for(twilio)):
        await publish(memory_bus, envelope(event(to=BOB, channels=["sms"], content=content)))
        await wait_for_rows(database, ENDED, 1, ["sent"])
    (form,) = twilio.accepted
    assert len(form["Body"]) == 1_600
    assert form["Body"].endswith("x...\nhttps://s.example/7")


@pytest.mark.parametrize(
    ("title", "body", "segments"),
    [
        ("a" * 800, "a" * 2_000, 11),
        ("🎉" * 700, "🎉" * 2_000, 25),
        ("a", "a" * 1_700 + "🎉", 11),
        ("{" * 900, None, 11),
        ("tab\tand\r\nline\x07", "\x1bend\x9f", 1),
    ],
)
async def test_a_long_text_is_taken_in_as_few_segments_as_its_alphabet_needs(
    memory_bus: Bus,
    database: Database,
    twilio: TwilioFake,
    title: str,
    body: str | None,
    segments: int,
) -> None:
    content = {"title": title} | ({"body": body} if body else {})
    async with running_notifiers(memory_bus, database, settings_for(twilio)):
        await publish(memory_bus, envelope(event(to=BOB, channels=["sms"], content=content)))
        await wait_for_rows(database, ENDED, 1, ["sent"])
    (form,) = twilio.accepted
    assert gsm7.segments(form["Body"]) == segments
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", form["Body"]) is None


async def test_what_twilio_never_takes_fails_at_once(
    memory_bus: Bus, database: Database, twilio: TwilioFake
) -> None:
    to = {"id": "bob", "phone": "+15005550009"}
    async with running_notifiers(memory_bus, database, settings_for(twilio)):
        await publish(memory_bus, envelope(event(to=to, channels=["sms"])))
        (delivery,) = await wait_for_rows(database, ENDED, 1, ["failed"])
    assert delivery["reason"] == "not_a_mobile_number"
    (attempt,) = await rows(database, ATTEMPTS)
    assert (attempt["outcome"], attempt["code"]) == ("failed", "21614")


@pytest.mark.usefixtures("quick_retries")
async def test_too_many_requests_and_its_own_errors_are_tried_again(
    memory_bus: Bus, database: Database, twilio: TwilioFake
) -> None:
    twilio.answers += [
        fault(429, 20429, "Too Many Requests", {"Retry-After": "1"}),
        fault(503, 20503, "Service unavailable"),
    ]
    async with running_notifiers(memory_bus, database, settings_for(twilio)):
        await publish(memory_bus, envelope(event(to=BOB, channels=["sms"])))
        await wait_for_rows(database, ENDED, 1, ["sent"])
    attempts = await rows(database, ATTEMPTS)
    assert [(one["n"], one["outcome"], one["code"]) for one in attempts] == [
        (1, "retry", "20429"),
        (2, "retry", "20503"),
        (3, "sent", "201"),
    ]


async def test_a_wrong_token_waits_for_an_operator(
    memory_bus: Bus, database: Database, twilio: TwilioFake
) -> None:
    async with running_notifiers(memory_bus, database, settings_for(twilio, token="wrong")):
        await publish(memory_bus, envelope(event(to=BOB, channels=["sms"])))
        await wait_for_rows(database, ATTEMPTS, 1)
        (delivery,) = await wait_for_rows(database, ENDED, 1, ["scheduled"])
    assert delivery["reason"] == "provider_refused_credentials"


@pytest.mark.usefixtures("quick_retries")
async def test_no_answer_is_unknown_and_tried_again_with_the_same_key(
    memory_bus: Bus, database: Database, twilio: TwilioFake
) -> None:
    twilio.silent = 1
    async with running_notifiers(memory_bus, database, settings_for(twilio, timeout_s=0.5)):
        await publish(memory_bus, envelope(event(to=BOB, channels=["sms"])))
        (delivery,) = await wait_for_rows(database, ENDED, 1, ["sent"])
    attempts = await rows(database, ATTEMPTS)
    assert [(one["n"], one["outcome"]) for one in attempts] == [(1, "unknown"), (2, "sent")]
    assert twilio.keys == [str(delivery["id"])] * 2


async def test_an_answer_that_cannot_be_stored_as_it_is_ends_the_attempt(
    memory_bus: Bus, database: Database, twilio: TwilioFake
) -> None:
    twilio.answers.append(fault(400, 21999, "nul \0 inside"))
    async with running_notifiers(memory_bus, database, settings_for(twilio)):
        await publish(memory_bus, envelope(event(to=BOB, channels=["sms"])))
        await wait_for_rows(database, ENDED, 1, ["failed"])
    (attempt,) = await rows(database, ATTEMPTS)
    assert attempt["detail"] == "nul \ufffd inside"
