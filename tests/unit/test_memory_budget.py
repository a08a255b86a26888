"""The memory that requests may hold, and the bodies read within it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import pytest
from starlette.requests import ClientDisconnect

from clarion.errors import TooLarge, TooMany, Unavailable
from services.gateway.front.memory_budget import MemoryBudget


def test_a_full_budget_refuses_the_newest() -> None:
    budget = MemoryBudget(20)
    with ExitStack() as held:
        held.enter_context(budget.holding("a", 6))
        held.enter_context(budget.holding("b", 6))
        with pytest.raises(Unavailable) as refused, budget.holding("c", 5):
            pass
        assert (refused.value.code, refused.value.retry_after_s) == ("overloaded", 1)
        assert budget.held == 12
    with budget.holding("c", 10):
        assert budget.held == 10
    assert budget.held == 0


def test_a_tenant_that_holds_its_share_is_refused_and_others_are_not() -> None:
    budget = MemoryBudget(100)
    holdings = [budget.holding(tenant) for tenant in "abc"]
    for holding in holdings[:2]:
        with pytest.raises(TooMany) as refused:  # noqa: PT012 - how many it is, is asked below
            for _ in range(100):
                holding.add(1)
        assert (refused.value.code, refused.value.retry_after_s) == ("tenant_share_used_up", 1)
    assert (budget.held_by("a"), budget.held_by("b")) == (50, 25)
    holdings[2].add(12)
    for _ in range(2):
        holdings[0].release()
    assert (budget.held_by("a"), budget.held) == (0, 37)


def received(*messages: dict[str, object]) -> Callable[[], Awaitable[dict[str, object]]]:
    left = list(messages)

    async def receive() -> dict[str, object]:
        return left.pop(0)

    return receive


def chunk(body: bytes, *, more: bool) -> dict[str, object]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_holds_its_memory_until_the_block_ends() -> None:
    budget = MemoryBudget(100, max_body_bytes=10)
    receive = received(chunk(b"12345", more=True), chunk(b"678", more=False))
    async with budget.body("a", {}, receive) as body:
        assert (body, budget.held_by("a")) == (b"12345678", 8)
    assert budget.held == 0


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (chunk(b"678901", more=True), TooLarge),
        (chunk(b"678901", more=False), TooLarge),
        ({"type": "http.disconnect"}, ClientDisconnect),
    ],
)
async def test_a_body_that_is_not_read_to_its_end_holds_nothing(
    last: dict[str, object], error: type[Exception]
) -> None:
    budget = MemoryBudget(100, max_body_bytes=10)
    with pytest.raises(error):
        async with budget.body("a", {}, received(chunk(b"12345", more=True), last)):
            pass
    assert budget.held == 0
