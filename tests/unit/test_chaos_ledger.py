"""The judge of `make chaos` sees what is lost, doubled and missing, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from chaos.callers import Unserved
from chaos.causes import target_of
from chaos.duplicates import Attempt, explain
from chaos.ledger import Books, Head, Kept, Shown, reconcile
from chaos.part import Struck
from chaos.schedule import CLUSTER_FAULTS, FAULTS, Planned, chosen, planned
from chaos.watch import answers

GOOD = Books(
    accepted={"e1": "ann", "e2": "ann"},
    kept=[Kept("e1", "ann", 1, "i1"), Kept("e2", "ann", 2, "i2")],
    heads={"ann": Head(2, 2)},
    feeds={"ann/0": ("ann", [Shown(1, "i1", "e1"), Shown(2, "i2", "e2")])},
    sent=frozenset({"d1"}),
    received=frozenset({"d1"}),
)


def figures(books: Books) -> tuple[int, int, int]:
    verdict = reconcile(books)
    assert bool(verdict.findings) == any((verdict.lost, verdict.doubled, verdict.missing))
    return verdict.lost, verdict.doubled, verdict.missing


def test_ledgers_that_agree_have_no_findings() -> None:
    assert figures(GOOD) == (0, 0, 0)


def test_an_event_that_nobody_accepted_may_be_kept() -> None:
    assert figures(replace(GOOD, accepted={"e1": "ann"})) == (0, 0, 0)


def test_an_accepted_event_that_is_not_kept_is_lost() -> None:
    assert figures(replace(GOOD, accepted=dict(GOOD.accepted) | {"e3": "bob"})) == (1, 0, 0)


def test_a_second_notification_of_an_event_is_doubled() -> None:
    kept = [*GOOD.kept, Kept("e2", "ann", 3, "i3")]
    feed = [*GOOD.feeds["ann/0"][1], Shown(3, "i3", "e2")]
    books = replace(GOOD, kept=kept, heads={"ann": Head(3, 3)}, feeds={"ann/0": ("ann", feed)})
    assert figures(books) == (0, 1, 0)


def test_a_version_that_skips_and_a_head_that_drifts_are_missing() -> None:
    kept = [GOOD.kept[0], replace(GOOD.kept[1], version=3)]
    assert figures(replace(GOOD, kept=kept)) == (0, 0, 1)
    assert figures(replace(GOOD, heads={"ann": Head(2, 1)})) == (0, 0, 1)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([0, 1], (0, 0, 0)),
        ([0], (0, 0, 1)),
        ([0, 0, 1], (0, 1, 0)),
        ([1, 0], (0, 1, 0)),
        ([0, 1, 0], (0, 1, 0)),
    ],
)
def test_a_feed_shows_each_item_once_and_in_order(
    order: list[int], expected: tuple[int, int, int]
) -> None:
    frames = GOOD.feeds["ann/0"][1]
    feeds = {"ann/0": ("ann", [frames[n] for n in order])}
    assert figures(replace(GOOD, feeds=feeds)) == expected


def test_what_was_shown_but_is_not_kept_is_lost() -> None:
    feed = [*GOOD.feeds["ann/0"][1], Shown(3, "i3", "e3")]
    assert figures(replace(GOOD, feeds={"ann/0": ("ann", feed)})) == (1, 0, 0)


def test_what_is_recorded_as_sent_was_taken_by_a_provider() -> None:
    assert figures(replace(GOOD, received=frozenset())) == (1, 0, 0)
    assert figures(replace(GOOD, orphaned=2)) == (2, 0, 0)


KILL = Struck("notifier-kill", "notifier-0", 99.5, 102.0, 104.0)


@pytest.mark.parametrize(
    ("attempts", "struck", "reason"),
    [
        ([Attempt(116, 116.1, "sent")], [KILL], "not recorded, notifier-kill"),
        ([Attempt(116, 116.1, "sent")], [], "unexplained"),
        (
            [Attempt(116, 116.1, "sent")],
            [replace(KILL, name="pusher-kill", target="pusher-0")],
            "unexplained",
        ),
        (
            [Attempt(116, 116.1, "sent")],
            [replace(KILL, name="database-drop", target="gateway-1")],
            "unexplained",
        ),
        (
            [Attempt(116, 116.1, "sent")],
            [replace(KILL, began_at=40, ended_at=41, healed_at=42)],
            "unexplained",
        ),
        (
            [Attempt(99.9, 103, "unknown"), Attempt(116, 116.1, "sent")],
            [],
            "attempt recorded unknown",
        ),
        ([Attempt(99.9, 100.1, "sent"), Attempt(116, 116.1, "sent")], [], "unexplained"),
        (
            [Attempt(99.9, 100.1, "sent"), Attempt(116, 116.1, "sent")],
            [replace(KILL, name="notifier-pause")],
            "lease lost, notifier-pause",
        ),
        ([Attempt(99.9, 100.1, "retry"), Attempt(116, 116.1, "sent")], [KILL], "unexplained"),
    ],
)
def test_a_second_message_has_the_reason_that_the_records_give(
    attempts: list[Attempt], struck: list[Struck], reason: str
) -> None:
    found = explain({"d": [116.05, 100.0], "once": [1.0]}, {"d": attempts}, struck, lease_s=16)
    assert found == {reason: 1}


def test_one_seed_gives_one_schedule_and_every_fault_in_turn() -> None:
    first, again = (list(islice(planned(7, FAULTS), 40)) for _ in range(2))
    assert first == again
    assert {one.name for one in first[: len(FAULTS)]} == set(FAULTS)
    assert first != list(islice(planned(8, FAULTS), 40))


def test_faults_are_chosen_by_name_part_or_action() -> None:
    assert chosen("all") == FAULTS
    assert chosen("broker-kill") == ("broker-kill",)
    assert chosen("partition", CLUSTER_FAULTS) == ("broker-partition",)
    assert chosen("pause,broker-kill") == (
        "gateway-pause",
        "notifier-pause",
        "pusher-pause",
        "broker-pause",
        "broker-kill",
    )
    with pytest.raises(ValueError, match="typo is not a fault"):
        chosen("typo")


def test_one_node_of_a_cluster_is_struck_and_a_single_one_is_the_broker() -> None:
    fault = Planned("broker-kill", 2, 1.0, 1.0)
    assert (target_of(fault), target_of(fault, nodes=3)) == ("broker", "broker-2")


def test_refusals_are_told_of_the_time_in_which_the_broker_took_nothing() -> None:
    struck = [Struck("broker-blocked", "broker", 10.0, 20.0, 21.0)]
    during = [Unserved(12.0, 0.01, 503), Unserved(15.0, 0.5, 503), Unserved(15.0, 10.0, 0)]
    outside = [Unserved(10.5, 5.0, 503), Unserved(25.0, 5.0, 503)]
    assert answers(struck, [*outside, *during]) == [
        "in broker-blocked: 2 answers of 503, the slowest in 0.50 s, 1 without an answer"
    ]
    one_node = [replace(struck[0], target="broker-1")]
    assert answers(one_node, during) == []
