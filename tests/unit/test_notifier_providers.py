"""Providers from URLs, and what their answers mean."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from uuid import uuid4

import httpx2
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from clarion.errors import ConfigurationError
from clarion.render.content import RenderedContent
from clarion.render.mail_message import MailAddress
from clarion.rules.outcomes import Failed, Health, Outcome, Retry, Sent, health_of
from services.notifier.providers import capture, email, twilio
from services.notifier.providers.email import compose, mailbox
from services.notifier.providers.provider import Outgoing
from services.notifier.providers.registry import open_provider_slot
from services.notifier.providers.twilio import outcome_of, retry_after_s

SENDER = MailAddress("no-reply", "shop.example", "Shop")


@pytest.mark.parametrize(
    ("channel", "url", "name"),
    [
        ("email", "capture://", "capture"),
        ("sms", "capture://", "capture"),
        ("email", "smtp://mail.example?from=a@b.example", "smtp:mail.example:587"),
        ("email", "smtp://mail.example/?from=a@b.example", "smtp:mail.example:587"),
        ("email", "smtps://u:p%40@mail.example?from=A <a@b.example>", "smtps:mail.example:465"),
        ("sms", "twilio://ACabcd1234:tok@?from=+15005550006", "twilio:1234"),
        ("sms", "twilio://ACabcd1234:tok@api.dublin.ie1.twilio.com?from=MG0", "twilio:1234"),
    ],
)
def test_a_provider_is_named_by_its_url(channel: str, url: str, name: str) -> None:
    assert open_provider_slot(channel, "CLARION_X", url, timeout_s=1).name == name


@pytest.mark.parametrize(
    ("channel", "url", "sentence"),
    [
        ("email", "twilio://a:b@?from=+15005550006", "twilio:// does not carry email"),
        ("sms", "smtp://mail.example?from=a@b.example", "smtp:// does not carry sms"),
        ("email", "sendmail", "nothing:// does not carry email"),
        ("email", "smtp://?from=a@b.example", "needs a host"),
        ("email", "smtp://h:99999?from=a@b.example", "cannot be read"),
        ("email", "smtp://a..b?from=a@b.example", "no name of a host"),
        ("email", f"smtps://{'x' * 64}.example?from=a@b.example", "no name of a host"),
        ("email", "smtp://secret:secret@h", "one email address"),
        ("email", "smtp://h?from=a@b.example,c@d.example", "one email address"),
        ("email", "smtp://h?from=a@b.example&starttls=perhaps", "required, auto, no"),
        ("email", "smtp://h?from=a@b.example&from=c@d.example", "stands twice"),
        ("email", "smtp://h?from=a@b.example&ca=/nowhere.pem", "cannot be read"),
        ("email", "smtp://h/secret?from=a@b.example", "smtp:// has a path, .* Remove it"),
        ("email", "smtps://u:secret@h:465//secret/?from=a@b.example", "smtps:// has a path"),
        ("email", "smtp:secret.example?from=a@b.example", "smtp:// has a path"),
        ("email", "smtp://h?from=a@b.example#secret", "Write # as %23"),
        ("sms", "twilio://sid:token@/secret?from=MG0", "twilio:// has a path"),
        ("sms", "twilio://sid:token@h/secret?from=MG0", "twilio:// has a path"),
        ("sms", "capture:///secret", "capture:// has a path"),
        ("email", "capture://secret.example", "capture:// has neither host nor user"),
        ("sms", "capture://u:secret@", "capture:// has neither host nor user"),
        ("email", "smtp://h?form=a@b.example", "form is not a parameter"),
        ("email", "smtp://h?from=a@b.example&helo=", "the name of this host"),
        ("email", "smtp://h?from=a@b.example&helo=a%20secret", "the name of this host"),
        ("email", "smtp://h?from=a@b.example&helo=[192.0.2]", "the name of this host"),
        ("email", "smtp://h?from=A%0D%0ABcc: <a@b.example>", "control character"),
        ("email", "smtp://h?from=A%C2%85secret <a@b.example>", "control character"),
        ("sms", "twilio://sid@?from=+15005550006", "sid:token"),
        ("sms", "twilio://sid:secret@?from=0151", "a number such as"),
        ("sms", "twilio://sid:secret@a..b?from=MG0", "no https://host"),
        ("sms", "twilio://sid:secret@?from=MG0&base=h/x", "no https://host"),
        ("sms", "twilio://sid:secret@?from=MG0&base=http://h:99999", "no https://host"),
    ],
)
def test_a_wrong_url_stops_the_start_with_a_sentence(channel: str, url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as refused:
        open_provider_slot(channel, "CLARION_X", url, timeout_s=1)
    assert str(refused.value).startswith("CLARION_X: ")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, '{"sid": "SM1", "status": "queued"}', Sent("SM1", "201", "queued")),
        (201, "not json", Sent(None, "201")),
        (201, "[" * 100_000, Sent(None, "201")),
        (
            400,
            '{"code": 21610, "message": "unsubscribed", "status": 400}',
            Failed("unsubscribed", "21610", "unsubscribed"),
        ),
        (400, '{"code": 21999, "message": "m"}', Failed("rejected", "21999", "m")),
        (400, '{"code": 21606, "message": "m"}', Failed("sender_refused", "21606", "m", True)),
        (400, '{"code": 21408, "message": "m"}', Failed("region_not_allowed", "21408", "m", True)),
        (400, '{"code": 21611, "message": "m"}', Retry("rate_limited", None, "21611", "m")),
        (429, "{}", Retry("rate_limited", None, "429")),
        (
            401,
            '{"code": 20003, "message": "m"}',
            Retry("provider_refused_credentials", None, "20003", "m"),
        ),
        (502, "<html>", Retry("provider_error", None, "502")),
    ],
)
def test_twilio_answers_have_one_meaning(status: int, body: str, expected: Outcome) -> None:
    assert outcome_of(httpx2.Response(status, content=body.encode())) == expected


def test_an_answer_that_repeats_the_password_is_kept_without_it() -> None:
    slot = open_provider_slot(
        "email", "CLARION_X", "smtp://u:p%40ss@h?from=a@b.example", timeout_s=1
    )
    answer = Retry("provider_refused_credentials", None, "535", "p@ss and cEBzcw== are wrong")
    assert slot.without_secret(answer) == replace(answer, detail="*** and *** are wrong")
    assert slot.without_secret(Sent("id")) == Sent("id")
    assert "p@ss" not in repr(slot)


def test_retry_after_is_seconds_or_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    assert retry_after_s("7") == 7
    assert retry_after_s("soon") is None
    assert retry_after_s(None) is None
    assert 90 < (retry_after_s(soon.strftime("%a, %d %b %Y %H:%M:%S GMT")) or 0) <= 100
    assert retry_after_s("Thu, 01 Jan 1970 00:00:00 GMT") == 0


@given(
    title=st.text(min_size=1, max_size=300),
    body=st.none() | st.text(max_size=300),
)
def test_no_text_makes_a_header_or_markup(title: str, body: str | None) -> None:
    content = RenderedContent(_storable(title), None if body is None else _storable(body))
    recipient = mailbox("ann@example.org")
    assert recipient is not None
    delivery = Outgoing(uuid4(), "default", "email", "ann@example.org", content, datetime.now(UTC))
    raw = compose(delivery, SENDER, recipient)
    parsed = message_from_bytes(raw, policy=default)
    assert set(parsed.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }
    html = list(parsed.iter_parts())[1].get_content()
    assert html.count("<script") == 0
    assert html.count("<h1") == 1


def _storable(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", " ")


@pytest.mark.parametrize(
    ("body", "status", "health"),
    [
        ('{"code": 21211}', 400, Health.WORKS),
        ('{"code": 21610}', 400, Health.WORKS),
        ('{"code": 21999}', 400, Health.WORKS),
        ('{"code": 21606}', 400, Health.WORKS),
        ('{"code": 14107}', 400, Health.WORKS),
        ('{"code": 14107}', 429, Health.WORKS),
        ('{"code": 21999}', 403, Health.WORKS),
        ('{"code": 20404}', 404, Health.FAILING),
        ('{"code": 20429}', 429, Health.FAILING),
        ('{"code": 20003}', 401, Health.FAILING),
        ("{}", 500, Health.FAILING),
        ("{}", 503, Health.FAILING),
    ],
)
def test_what_twilio_says_of_one_number_says_nothing_against_twilio(
    body: str, status: int, health: Health
) -> None:
    assert health_of(outcome_of(httpx2.Response(status, content=body.encode()))) is health


async def test_what_cannot_be_composed_fails_for_its_own_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError("a defect")

    for module in (email, capture, twilio):
        for name in ("octets", "html_of", "sms_text"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, broken)
    content = RenderedContent("t")
    for channel, url in (
        ("email", "smtp://127.0.0.1:9?from=a@b.example"),
        ("email", "capture://"),
        ("sms", "capture://"),
        ("sms", "twilio://AC0:t@?from=+15005550001&base=http://127.0.0.1:9"),
    ):
        provider = open_provider_slot(channel, "CLARION_X", url, timeout_s=1).provider
        outgoing = Outgoing(uuid4(), "default", channel, "a@b.example", content, datetime.now(UTC))
        with structlog.testing.capture_logs() as logs:
            outcome = await provider.send(outgoing)
        await provider.close()
        assert outcome == Failed("compose_failed", health=Health.NO_SIGNAL)
        assert [(one["event"], one["log_level"]) for one in logs] == [("compose_failed", "error")]


async def test_the_port_of_a_twilio_host_is_used() -> None:
    first_bytes: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first_bytes.append(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"twilio://sid:token@127.0.0.1:{port}?from=MG0"
        slot = open_provider_slot("sms", "CLARION_SMS", url, timeout_s=30)
        content = RenderedContent(title="hi")
        number = "+15005550006"
        await slot.provider.send(
            Outgoing(uuid4(), "default", "sms", number, content, datetime.now(UTC))
        )
        await slot.provider.close()
    assert first_bytes == [b"\x16"], "a TLS handshake"
