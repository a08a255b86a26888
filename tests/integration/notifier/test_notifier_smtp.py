"""SMTP's answers: whom each is about, and that none is taken for the answer to something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clarion.render.content import RenderedContent
from clarion.render.email_text import one_line
from clarion.rules.outcomes import Failed, Health, Outcome, Retry, Sent, Unknown, health_of
from services.notifier.providers import client_name
from services.notifier.providers.client_name import address_literal, is_fqdn, is_greeting_name
from services.notifier.providers.email import mailbox
from services.notifier.providers.provider import Outgoing, Provider
from services.notifier.providers.registry import open_provider_slot
from services.notifier.providers.smtp import Smtp
from services.notifier.providers.smtp_answers import Step, outcome_of_answer
from testbed.processes import wait_until
from testbed.smtp import running_smtp
from testbed.smtp_script import CLOSE, SILENCE, ScriptedSmtp, scripted_smtp
from tests.support.mail_on_python import faults


@asynccontextmanager
async def provider_at(url: str, *, timeout_s: float = 10) -> AsyncIterator[Provider]:
    provider = open_provider_slot("email", "CLARION_EMAIL", url, timeout_s=timeout_s).provider
    yield provider
    await provider.close()


def outgoing(title: str = "t", recipient: str = "ann@example.org") -> Outgoing:
    content = RenderedContent(title, "body é")
    return Outgoing(uuid4(), "default", "email", recipient, content, datetime.now(UTC))


async def sent_by(
    server: ScriptedSmtp, *deliveries: Outgoing, timeout_s: float = 10
) -> list[Outcome]:
    """What came of each, one after another by one provider."""
    async with scripted_smtp(server), provider_at(server.url, timeout_s=timeout_s) as provider:
        return [await provider.send(one) for one in deliveries or (outgoing(),)]


async def test_no_title_makes_a_header_and_every_title_is_the_subject(tmp_path: Path) -> None:
    async with running_smtp(tmp_path) as box, provider_at(box.url) as provider:
        loop = asyncio.get_running_loop()

        @settings(max_examples=200, deadline=None)
        @given(
            st.text(min_size=1, max_size=200)
            | st.builds("{}=?UTF-8?Q?=0A?={}: {}@x.example".format, *[st.text(max_size=9)] * 3)
            | st.builds("=?utf-8?q?{}?=".format, st.text("abc_=0DA?", max_size=20))
        )
        def check(title: str) -> None:
            sending = asyncio.run_coroutine_threadsafe(provider.send(outgoing(title)), loop)
            assert isinstance(sending.result(30), Sent)
            raw, message = box.octets[-1], box.messages[-1]
            faulty = list(faults(raw, one_line(title), ""))
            assert [one for one in faulty if one != "the sender"] == []
            assert message["From"] == "The Shöp <no-reply@shop.example>"
            assert box.recipients[-1] == ["ann@example.org"]

        await asyncio.to_thread(check)


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("user@straße.de", "user@xn--strae-oqa.de"),
        ("user@βόλος.com", "user@xn--nxasmm1c.com"),
        ("user@bücher.example.org", "user@xn--bcher-kva.example.org"),
        ("user@faß.de", "user@xn--fa-hia.de"),
        ("User.Name+tag@Example.ORG", "User.Name+tag@Example.ORG"),
        ("user@localhost", "user@localhost"),
    ],
)
def test_domains_go_by_idna_2008(address: str, wire: str) -> None:
    found = mailbox(address)
    assert found is not None
    assert found.spec == wire


@pytest.mark.parametrize(
    "address", ["", "a", "a@", "@b.example", "a@b@c.example", "a b@c.example", "a@☃.example"]
)
def test_what_is_no_address_has_no_mailbox(address: str) -> None:
    assert mailbox(address) is None


async def test_an_international_address_goes_by_smtputf8(tmp_path: Path) -> None:
    async with running_smtp(tmp_path) as box, provider_at(box.url) as provider:
        outcome = await provider.send(outgoing("Größe", "jörg@straße.de"))
    assert isinstance(outcome, Sent)
    assert box.recipients == [["jörg@xn--strae-oqa.de"]]
    assert set(box.options[0]) == {"SMTPUTF8", "BODY=8BITMIME"}
    assert "To: jörg@xn--strae-oqa.de\r\n".encode() in box.octets[0]


async def test_without_smtputf8_the_next_provider_is_to_be_asked(tmp_path: Path) -> None:
    async with (
        running_smtp(tmp_path, smtputf8=False) as box,
        provider_at(box.url) as provider,
    ):
        outcome = await provider.send(outgoing(recipient="jörg@example.com"))
        assert isinstance(await provider.send(outgoing()), Sent)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.elsewhere) == ("address_needs_smtputf8", True)
    assert health_of(outcome) is Health.WORKS
    assert len(box.peers) == 1


@pytest.mark.parametrize("extensions", [("SIZE 1000000",), ("8BITMIME", "SMTPUTF8")])
async def test_mail_is_seven_bit_whatever_the_server_offers(extensions: tuple[str, ...]) -> None:
    server = ScriptedSmtp(extensions=extensions)
    assert isinstance((await sent_by(server, outgoing("Größe 🎉")))[0], Sent)
    assert server.contents[0].isascii()
    assert "MAIL FROM:<shop@shop.example>" in server.commands


async def test_a_line_with_a_dot_arrives_with_one() -> None:
    server = ScriptedSmtp()
    delivery = Outgoing(
        uuid4(),
        "default",
        "email",
        "a@b.example",
        RenderedContent("t", ".\n..x\n.y"),
        datetime.now(UTC),
    )
    await sent_by(server, delivery)
    assert b"\r\n..\r\n...x\r\n..y\r\n" in server.contents[0]


FAILED_ELSEWHERE = [
    ("RCPT", "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"),
    ("RCPT", "550 5.7.1 <clarion>: Helo command rejected: Host not found"),
    ("RCPT", "501 5.5.4 Syntax error in parameters"),
    ("RCPT", "503 5.5.1 Polite people say HELO first"),
    ("RCPT", "503 bad sequence of commands"),
    ("RCPT", "504 command parameter not implemented"),
    ("RCPT", "554 5.7.1 <ann@example.org>: Relay access denied"),
    ("RCPT", "550 5.7.1 Unable to relay"),
    ("RCPT", "550 relay not permitted"),
    ("RCPT", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
    ("RCPT", "551 5.7.1 User not local"),
    ("RCPT", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen"),
    ("RCPT", "550 5.7.25 No reverse DNS"),
    ("RCPT", "550 5.7.606 Access denied, banned sending IP"),
    ("RCPT", "550 Rejected because 192.0.2.1 is in a black list at a DNSBL"),
    ("RCPT", "550 Your IP address is listed"),
    ("RCPT", "550 SMTP AUTH is required"),
    ("RCPT", "550 Sender verify failed"),
    ("RCPT", "501 what?"),
    ("RCPT", "530 5.7.1 Client was not authenticated"),
    ("RCPT", "530 Relaying not allowed"),
    ("RCPT", "530 5.7.0 Must issue a STARTTLS command first"),
    ("RCPT", "535 no"),
    ("RCPT", "538 5.7.11 Encryption required"),
    ("RCPT", "550 5.4.5 Daily user sending limit exceeded"),
    ("RCPT", "550 Domain shop.example has exceeded the max emails per hour (150/150)"),
    ("RCPT", "550 5.7.1 [192.0.2.1] is listed at bl.example"),
    ("RCPT", "550 5.7.1 You are not allowed to send from this address"),
    ("RCPT", "554 5.7.1 no"),
    ("RCPT", "521 5.3.2 does not accept mail"),
    ("RCPT", "550 5.1.8 <shop@shop.example>: Sender address rejected: Domain not found"),
    ("RCPT", "550 5.3.5 Configuration error"),
    ("RCPT", "553 5.6.7 Non-ASCII addresses not permitted"),
    ("MAIL", "550 5.1.8 Bad sender"),
    ("MAIL", "553 5.7.1 Sender address rejected: not owned by user shop"),
    ("MAIL", "550 no"),
    ("MAIL", "501 5.1.7 Bad sender address syntax"),
    ("MAIL", "521 no mail here"),
    ("DATA", "503 5.5.1 RCPT first"),
    ("DATA", "554 5.5.1 No valid recipients"),
    ("CONTENT", "550 5.7.26 Unauthenticated email is not accepted due to DMARC"),
    ("CONTENT", "550 5.7.20 No passing DKIM signature"),
    ("CONTENT", "521 no"),
    ("CONTENT", "530 5.7.0 Log in first"),
    ("CONTENT", "550 5.4.5 Daily user sending quota exceeded"),
    ("CONTENT", "550 5.7.1 Daily sending quota exceeded"),
    ("CONTENT", "554 Message rejected: Email address is not verified."),
    ("CONTENT", "554 5.7.1 Your account has been suspended"),
    ("CONTENT", "550 5.7.1 Client does not have permissions to send as this sender"),
    ("EHLO", "501 5.5.4 Invalid domain name"),
    ("EHLO", "550 5.7.1 Helo command rejected"),
    ("GREETING", "521 this host does not accept mail"),
]


@pytest.mark.parametrize(("verb", "answer"), FAILED_ELSEWHERE)
async def test_an_answer_about_us_is_not_the_recipients_fault(verb: str, answer: str) -> None:
    (outcome,) = await sent_by(ScriptedSmtp(always={verb: answer}))
    assert isinstance(outcome, Failed)
    assert outcome.elsewhere
    assert health_of(outcome) is Health.WORKS or verb in ("GREETING", "EHLO")
    assert outcome.reason not in ("address_refused", "mailbox_full", "mailbox_disabled")
    assert (outcome.detail or "").startswith(answer[4:])


@pytest.mark.parametrize(
    ("verb", "answer", "reason"),
    [
        ("RCPT", "550 5.1.1 No such user", "address_refused"),
        ("RCPT", "550 No such user", "address_refused"),
        ("RCPT", "550 <relay@example.org> helo@example.org: no such user", "address_refused"),
        ("RCPT", "550 User unknown in relay recipient table", "address_refused"),
        ("RCPT", "501 5.1.3 Bad recipient address syntax", "address_refused"),
        ("RCPT", "556 5.1.10 Domain accepts no mail", "address_refused"),
        ("RCPT", "550 5.4.1 Recipient address rejected: Access denied", "address_refused"),
        ("RCPT", "552 5.2.2 Mailbox full", "mailbox_full"),
        ("RCPT", "554 5.2.2 Mailbox full", "mailbox_full"),
        ("RCPT", "550 5.2.1 Disabled", "mailbox_disabled"),
        ("RCPT", "550 5.7.1 Not here", "refused_by_policy"),
        ("RCPT", "550 5.7.1 You are not allowed to send to this group", "refused_by_policy"),
        ("RCPT", "550 Account has exceeded its quota", "address_refused"),
        ("RCPT", "550 recipient address not verified", "address_refused"),
        ("CONTENT", "552 5.3.4 Too large", "too_large"),
        ("CONTENT", "554 5.7.1 Spam", "refused_by_policy"),
        ("CONTENT", "554 no spam", "rejected"),
        ("CONTENT", "554 from 5.2.2.1 refused", "rejected"),
    ],
)
async def test_an_answer_about_the_recipient_or_the_content_is_final(
    verb: str, answer: str, reason: str
) -> None:
    (outcome,) = await sent_by(ScriptedSmtp(always={verb: answer}))
    code = answer[:3] + (f" {answer[4:].split()[0]}" if answer[5] == "." else "")
    assert outcome == Failed(reason, code, answer[4:])
    assert health_of(outcome) is Health.WORKS


@pytest.mark.parametrize(
    ("verb", "answer", "reason", "health"),
    [
        ("RCPT", "450 4.2.0 Greylisted", "deferred", Health.WORKS),
        ("RCPT", "451 4.3.0 Later", "deferred", Health.WORKS),
        ("RCPT", "452 4.2.2 Mailbox full", "deferred", Health.WORKS),
        ("RCPT", "550 4.2.0 Greylisted", "deferred", Health.WORKS),
        ("RCPT", "454 4.7.1 Relay access denied", "deferred", Health.WORKS),
        ("MAIL", "451 4.3.0 Later", "deferred", Health.WORKS),
        ("CONTENT", "451 4.7.1 Greylisted", "deferred", Health.WORKS),
        ("RCPT", "421 4.7.0 Too many", "deferred", Health.FAILING),
        ("MAIL", "421 Closing", "deferred", Health.FAILING),
        ("DATA", "421 Closing", "deferred", Health.FAILING),
        ("CONTENT", "421 Closing", "deferred", Health.FAILING),
        ("MAIL", "530 5.7.0 Log in first", "provider_refused_credentials", Health.FAILING),
        ("GREETING", "554 No service", "provider_unavailable", Health.FAILING),
        ("GREETING", "421 Busy", "provider_unavailable", Health.FAILING),
        ("EHLO", "421 Busy", "provider_unavailable", Health.FAILING),
        ("GREETING", CLOSE, "provider_unreachable", Health.FAILING),
        ("EHLO", CLOSE, "provider_unreachable", Health.FAILING),
        ("MAIL", CLOSE, "connection_lost", Health.FAILING),
        ("RCPT", CLOSE, "connection_lost", Health.FAILING),
        ("DATA", CLOSE, "connection_lost", Health.FAILING),
        ("MAIL", "what?", "protocol_error", Health.FAILING),
        ("DATA", "250 ok", "protocol_error", Health.FAILING),
        ("RCPT", "354 go on", "protocol_error", Health.FAILING),
    ],
)
async def test_what_is_not_now_is_tried_again_and_tells_of_the_provider_or_not(
    verb: str, answer: str, reason: str, health: Health
) -> None:
    server = ScriptedSmtp(always={verb: answer})
    (outcome,) = await sent_by(server)
    assert isinstance(outcome, Retry)
    assert (outcome.reason, health_of(outcome)) == (reason, health)
    assert server.contents == [] or verb == "CONTENT"


@pytest.mark.parametrize("verb", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_silence_before_the_content_is_tried_again(verb: str) -> None:
    server = ScriptedSmtp(always={verb: SILENCE})
    (outcome,) = await sent_by(server, timeout_s=0.3)
    assert isinstance(outcome, Retry)
    assert (outcome.reason, health_of(outcome)) == ("timeout", Health.FAILING)


@pytest.mark.parametrize("code", [200, 250, 251, 252, 299])
async def test_every_good_answer_to_the_content_is_sent(code: int) -> None:
    (outcome,) = await sent_by(ScriptedSmtp(always={"CONTENT": f"{code} taken"}))
    assert isinstance(outcome, Sent)
    assert (outcome.code, outcome.detail) == (str(code), "taken")


@pytest.mark.parametrize(
    "answer", ["what?", "354 go on", "999 x", "100 x", "ok", "", "\xff\xfe", "25", CLOSE, SILENCE]
)
async def test_an_answer_to_the_content_that_cannot_be_read_is_not_known(answer: str) -> None:
    (outcome,) = await sent_by(ScriptedSmtp(always={"CONTENT": answer}), timeout_s=0.5)
    assert isinstance(outcome, Unknown)


@given(st.sampled_from(Step), st.integers(-1, 1_000), st.text(max_size=50))
def test_every_answer_means_something_and_sent_is_said_only_of_content(
    step: Step, code: int, message: str
) -> None:
    outcome = outcome_of_answer(step, code, message)
    assert isinstance(outcome, Sent) == (step is Step.CONTENT and 200 <= code < 300)
    assert not isinstance(outcome, Unknown) or step is Step.CONTENT


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", "CONTENT", "RSET"])
async def test_a_server_that_answers_twice_is_left_and_no_answer_shifts(verb: str) -> None:
    server = ScriptedSmtp()
    twice = "250 ok\r\n250 ok" if verb != "DATA" else "354 go\r\n354 go"
    server.says[verb] = [twice]
    refused = ["250 ok", "550 5.1.1 No such user", "250 ok"]
    server.says["RCPT"] = (server.says.get("RCPT") or []) + refused
    recipients = ["a@b.example", "b@b.example", "c@b.example", "d@b.example"]
    async with scripted_smtp(server), provider_at(server.url) as provider:
        named: dict[str, Outcome] = {}
        for recipient in recipients:
            while not isinstance(named.get(recipient), Sent | Failed):
                named[recipient] = await provider.send(outgoing(recipient=recipient))
    assert server.connections >= 2
    ends = [recipient for recipient, outcome in named.items() if isinstance(outcome, Failed)]
    asked = [line for line in server.commands if line.startswith("RCPT")]
    assert [f"RCPT TO:<{one}>" for one in ends] == [asked[1 if verb != "RCPT" else 2]]


async def test_an_answer_that_is_there_before_the_command_closes_the_connection() -> None:
    server = ScriptedSmtp()
    async with scripted_smtp(server), provider_at(server.url) as provider:
        assert isinstance(await provider.send(outgoing()), Sent)
        (writer,) = server.open
        writer.write(b"250 queued again\r\n")
        await writer.drain()
        assert isinstance(provider, Smtp)
        (session,) = provider._idle  # pyright: ignore[reportPrivateUsage]
        await wait_until(lambda: not session.is_usable, 10, "the answer")
        assert isinstance(await provider.send(outgoing()), Sent)
    assert server.connections == 2
    assert "RSET" not in server.commands


@pytest.mark.parametrize("end", ["250 for the recipient", CLOSE, "what?"])
async def test_a_used_connection_that_is_no_good_costs_no_attempt(end: str) -> None:
    server = ScriptedSmtp()
    async with scripted_smtp(server), provider_at(server.url) as provider:
        first = await provider.send(outgoing())
        server.says |= {
            "RSET": ["250 for the content, once more"],
            "MAIL": ["250 for the reset"],
            "RCPT": ["250 for the sender"],
            "DATA": [end],
        }
        second = await provider.send(outgoing(recipient="second@b.example"))
    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert (server.connections, len(server.contents)) == (2, 2)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("enough", ["421 4.7.0 Too many errors", "421 Too many messages"])
async def test_a_used_connection_that_has_had_enough_punishes_nobody(
    verb: str, enough: str
) -> None:
    server = ScriptedSmtp()
    async with scripted_smtp(server), provider_at(server.url) as provider:
        server.says["RCPT"] = ["550 5.1.1 No such user"]
        refused = await provider.send(outgoing(recipient="nobody@b.example"))
        server.says[verb] = [enough]
        next_one = await provider.send(outgoing())
    assert isinstance(refused, Failed)
    assert isinstance(next_one, Sent)
    assert (server.connections, len(server.contents)) == (2, 1)


@pytest.mark.parametrize(
    ("fqdn", "helo", "expected"),
    [
        ("mail.shop.example", None, "mail.shop.example"),
        ("mail.shop.example", "other.shop.example", "other.shop.example"),
        ("localhost", "[192.0.2.7]", "[192.0.2.7]"),
        ("localhost", None, "[127.0.0.1]"),
        ("localhost.localdomain", None, "[127.0.0.1]"),
        ("a1b2c3d4", None, "[127.0.0.1]"),
    ],
)
async def test_we_greet_with_a_full_name_or_an_address(
    monkeypatch: pytest.MonkeyPatch, fqdn: str, helo: str | None, expected: str
) -> None:
    found = fqdn if is_fqdn(fqdn) else None
    monkeypatch.setattr(client_name, "_looked_up", lambda: found)
    parameter = f"&helo={helo}" if helo else ""
    async with scripted_smtp() as server, provider_at(server.url + parameter) as provider:
        await provider.send(outgoing())
    assert server.commands[0] == f"EHLO {expected}"


async def test_a_used_connection_that_is_silent_leaves_time_for_a_new_one() -> None:
    server = ScriptedSmtp()
    async with scripted_smtp(server), provider_at(server.url, timeout_s=8) as provider:
        await provider.send(outgoing())
        server.says["RSET"] = [SILENCE]
        assert isinstance(await provider.send(outgoing()), Sent)
    assert server.connections == 2


async def test_a_server_without_ehlo_is_greeted_by_helo() -> None:
    server = ScriptedSmtp(always={"EHLO": "502 what?"})
    assert isinstance((await sent_by(server))[0], Sent)
    assert server.commands[1].startswith("HELO ")


def test_what_a_greeting_may_name() -> None:
    assert address_literal("192.0.2.1") == "[192.0.2.1]"
    assert address_literal("fe80::1%eth0") == "[IPv6:fe80::1]"
    good = ("a", "a.example", "[192.0.2.1]", "[IPv6:2001:db8::1]")
    bad = ("", "a b", "a.example\r\nMAIL", "[192.0.2]", "[2001:db8::1]", "[IPv6:192.0.2.1]", "ä.de")
    assert [is_greeting_name(one) for one in good + bad] == [True] * 4 + [False] * 7
    assert not any(map(is_fqdn, ("", "host", "192.0.2.1", "localhost.localdomain", "a_b.example")))
