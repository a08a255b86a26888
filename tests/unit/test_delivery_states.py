"""The life of a delivery: one table, and nobody moves one beside it."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from prometheus_client import REGISTRY

from clarion.records.deliveries import found_in, move
from clarion.rules.delivery_states import (
    ACTS,
    BEGIN,
    CANCEL,
    CLAIM,
    MOVES,
    REDRIVE,
    Act,
    IllegalMove,
    State,
)
from services.gateway.admin.deliveries.schemas import DrivableState
from services.gateway.admin.history.schemas import NotificationState
from services.gateway.admin.history.walks import ITEM_STATES
from tests.support.sources import python_files

CHANGES_A_DELIVERY = re.compile(r"UPDATE deliveries|update\(deliveries\)")
NAMES_A_STATE = re.compile(rf"""state\s*(?:=|IN\s*\()\s*['"](?:{"|".join(State)})['"]""")


def counted() -> float:
    """Illegal moves so far."""
    return REGISTRY.get_sample_value("clarion_illegal_moves_total") or 0.0


def test_every_state_can_be_reached_and_ends_stay_ended() -> None:
    reached = BEGIN.union(*MOVES.values())
    ends = {state for state in State if not MOVES[state]}
    assert reached == set(State)
    assert ends == {State.SKIPPED, State.CANCELLED}


def test_a_statement_takes_from_the_table_what_it_may_find() -> None:
    assert found_in(CLAIM) == "'queued', 'sending'"
    assert found_in(CLAIM, State.QUEUED) == "'queued'"
    with pytest.raises(IllegalMove, match="scheduled cannot become sending"):
        found_in(CLAIM, State.SCHEDULED)


def test_whoever_changes_a_delivery_names_its_states_by_the_table_alone() -> None:
    changing = {
        file: file.read_text()
        for file in python_files("services", "clarion")
        if CHANGES_A_DELIVERY.search(file.read_text())
    }
    assert len(changing) == 7
    assert {file.name for file, text in changing.items() if NAMES_A_STATE.search(text)} == set()


def test_the_api_offers_the_states_of_the_table() -> None:
    assert set(get_args(DrivableState)) == REDRIVE.sources
    assert set(get_args(NotificationState)) - ITEM_STATES.keys() == set(State)
    assert CANCEL.sources.isdisjoint(REDRIVE.sources)


class Life(RuleBasedStateMachine):
    """A delivery that anybody tries to move at random: what an act does not hold raises, is
    counted and changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State.SCHEDULED

    @rule(act=st.sampled_from(ACTS), to=st.sampled_from(State))
    def tried(self, act: Act, to: State) -> None:
        """One act, legal or not."""
        before = counted()
        if self.state in act.sources and to in act.targets:
            assert to in MOVES[self.state]
            self.state = move(act, self.state, to)
            assert (self.state, counted()) == (to, before)
            return
        with pytest.raises(IllegalMove, match=f"{self.state} cannot become {to}"):
            move(act, self.state, to)
        assert counted() == before + 1


TestLife = Life.TestCase
