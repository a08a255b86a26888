"""Decisions are a pure function of event, subscriber and clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.contracts.decision import Decision
from clarion.contracts.event import CHANNELS
from clarion.rules.decide import PlannedItem, PlannedSend, Verdicts, decide
from clarion.rules.recipient_addresses import Addresses, email_address, phone_number
from clarion.rules.workflow import default_workflow
from tests.support.notifier import event, typed

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
CARRIED = frozenset({"inbox", "email", "sms"})
ANN: Addresses = {"email": "ann@example.org", "sms": "+49 151 23456789"}
NONE: Addresses = {"email": None, "sms": None}


def decided(addresses: Addresses = ANN, **fields: object) -> Verdicts:
    workflow = default_workflow(typed(event(**fields)), "normal")
    return decide(workflow, addresses, carried=CARRIED, now=NOW)


def test_the_inbox_is_asked_for_where_nothing_else_is() -> None:
    assert decided() == Verdicts([Decision("inbox", "send", "requested")], [], PlannedItem(None))


def test_addresses_come_with_what_is_sent() -> None:
    verdicts = decided(channels=["email", "sms", "email"])
    assert verdicts == Verdicts(
        [Decision("email", "send", "requested"), Decision("sms", "send", "requested")],
        [
            PlannedSend("email", "ann@example.org", None),
            PlannedSend("sms", "+4915123456789", None),
        ],
        None,
    )


@pytest.mark.parametrize(
    ("addresses", "channel", "reason"),
    [
        (NONE, "email", "no_address"),
        ({"email": ""}, "email", "no_address"),
        ({"email": "a@b.example, c@d.example"}, "email", "invalid_address"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "email", "invalid_address"),
        (NONE, "sms", "no_address"),
        ({"sms": "0151 23456789"}, "sms", "invalid_address"),
        (ANN, "push", "no_provider"),
        (ANN, "webhook", "no_provider"),
    ],
)
def test_what_is_skipped_says_why(addresses: Addresses, channel: str, reason: str) -> None:
    assert decided(addresses, channels=[channel]).decisions == [Decision(channel, "skip", reason)]


def test_send_at_holds_every_channel_until_then() -> None:
    verdicts = decided(channels=["inbox", "email"], send_at=LATER)
    assert verdicts == Verdicts(
        [
            Decision("inbox", "hold", "scheduled", LATER),
            Decision("email", "hold", "scheduled", LATER),
        ],
        [PlannedSend("email", "ann@example.org", LATER)],
        PlannedItem(LATER),
    )


@pytest.mark.parametrize(
    "times",
    [{"expires_at": NOW}, {"expires_at": LATER, "send_at": LATER}],
    ids=["expired", "expired by send_at"],
)
def test_what_expires_is_skipped(times: dict[str, datetime]) -> None:
    verdicts = decided(ANN, channels=["inbox", "email"], **times)
    assert [one.reason for one in verdicts.decisions] == ["expired", "expired"]
    assert not verdicts.reaches_anyone


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
    verdicts = decided({"email": email}, channels=channels, send_at=send_at, expires_at=expires_at)
    assert [one.channel for one in verdicts.decisions] == list(dict.fromkeys(channels))
    told = {one.channel for one in verdicts.decisions if one.decision != "skip"}
    inbox = {"inbox"} if verdicts.item is not None else set[str]()
    assert told == {one.channel for one in verdicts.sends} | inbox


@given(st.text(max_size=40))
def test_an_address_is_one_line_or_none(text: str) -> None:
    address = email_address(text)
    assert address is None or ("@" in address and "\n" not in address and "," not in address)
    number = phone_number(text)
    assert number is None or number.startswith("+")
