"""Decisions are a pure function of event, subscriber and clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.contracts.decision import Decision
from clarion.contracts.event import CHANNELS
from clarion.rules.decide import Subscriber, Verdicts, decide, default_workflow
from clarion.rules.recipient_addresses import email_address, phone_number
from tests.support.notifier import event, typed

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
CARRIED = frozenset({"inbox", "email", "sms"})
ANN = Subscriber("ann", "ann@example.org", "+49 151 23456789")


def decided(subscriber: Subscriber = ANN, **fields: object) -> Verdicts:
    workflow = default_workflow(typed(event(**fields)), "normal")
    return decide(workflow, subscriber, carried=CARRIED, now=NOW)


def test_the_inbox_is_asked_for_where_nothing_else_is() -> None:
    assert decided() == Verdicts([Decision("inbox", "send", "requested")], [], True, None)


def test_addresses_come_with_what_is_sent() -> None:
    verdicts = decided(channels=["email", "sms", "email"])
    assert verdicts == Verdicts(
        [Decision("email", "send", "requested"), Decision("sms", "send", "requested")],
        [("email", "ann@example.org"), ("sms", "+4915123456789")],
        False,
        None,
    )


@pytest.mark.parametrize(
    ("subscriber", "channel", "reason"),
    [
        (Subscriber("bob"), "email", "no_address"),
        (Subscriber("bob", email=""), "email", "no_address"),
        (Subscriber("bob", email="a@b.example, c@d.example"), "email", "invalid_address"),
        (Subscriber("bob", email="a@b.example\r\nBcc: c@d.example"), "email", "invalid_address"),
        (Subscriber("bob"), "sms", "no_address"),
        (Subscriber("bob", phone="0151 23456789"), "sms", "invalid_address"),
        (ANN, "push", "no_provider"),
        (ANN, "webhook", "no_provider"),
    ],
)
def test_what_is_skipped_says_why(subscriber: Subscriber, channel: str, reason: str) -> None:
    assert decided(subscriber, channels=[channel]).decisions == [Decision(channel, "skip", reason)]


def test_send_at_holds_every_channel_until_then() -> None:
    verdicts = decided(channels=["inbox", "email"], send_at=LATER)
    assert verdicts == Verdicts(
        [
            Decision("inbox", "hold", "scheduled", LATER),
            Decision("email", "hold", "scheduled", LATER),
        ],
        [("email", "ann@example.org")],
        True,
        LATER,
    )


@pytest.mark.parametrize(
    "times",
    [{"expires_at": NOW}, {"expires_at": LATER, "send_at": LATER}],
    ids=["expired", "expired by send_at"],
)
def test_what_expires_is_skipped(times: dict[str, datetime]) -> None:
    verdicts = decided(ANN, channels=["inbox", "email"], **times)
    assert [one.reason for one in verdicts.decisions] == ["expired", "expired"]
    assert not verdicts.reached


@given(
    channels=st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=6),
    send_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    expires_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    email=st.none() | st.text(max_size=20) | st.just("ann@example.org"),
)
def test_every_channel_asked_for_has_exactly_one_decision(
    channels: list[str],
    send_at: datetime | None,
    expires_at: datetime | None,
    email: str | None,
) -> None:
    verdicts = decided(
        Subscriber("x", email), channels=channels, send_at=send_at, expires_at=expires_at
    )
    assert [one.channel for one in verdicts.decisions] == list(dict.fromkeys(channels))
    told = {one.channel for one in verdicts.decisions if one.decision != "skip"}
    assert told == {channel for channel, _ in verdicts.addresses} | (
        {"inbox"} if verdicts.in_inbox else set()
    )


@given(st.text(max_size=40))
def test_an_address_is_one_line_or_none(text: str) -> None:
    address = email_address(text)
    assert address is None or ("@" in address and "\n" not in address and "," not in address)
    number = phone_number(text)
    assert number is None or number.startswith("+")
