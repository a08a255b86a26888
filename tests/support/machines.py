"""State machines of Hypothesis over real services: each rule is a coroutine that is run to its end.

Everything lives on one loop that stands still between the rules, so a step leaves nothing under
way that the next does not see, and a failing example is the same each time it is run.

`pytest --hypothesis-profile=long` tries 40 times as many examples.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import ClassVar, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from clarion.store.database import Database
from testbed.postgres import Databases

Result = TypeVar("Result")

LONG = "long"
LONGER = 40


class Machine(RuleBasedStateMachine):
    """Rules call `self.do`. All examples share `database`, so each has ids of its own."""

    database: ClassVar[Database]
    runner: ClassVar[asyncio.Runner]
    around: ClassVar[AsyncExitStack]
    """Holds what all examples share; closed after the last."""

    @classmethod
    async def open(cls) -> None:
        """Start what all examples share."""

    def do(self, step: Awaitable[Result]) -> Result:
        """Run a step to its end, within 30 s."""

        async def bounded() -> Result:
            async with asyncio.timeout(30):
                return await step

        return self.runner.run(bounded())


def bounds(examples: int, steps: int = 50) -> settings:
    """So many examples; more where the profile `long` is loaded."""
    is_long = settings.get_current_profile_name() == LONG
    return settings(
        max_examples=examples * (LONGER if is_long else 1),
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def run_machine(
    machine: type[Machine], databases: Databases, *, examples: int, steps: int = 30
) -> None:
    """Try it on a fresh database."""
    with asyncio.Runner() as runner:
        around = AsyncExitStack()
        try:
            url = runner.run(around.enter_async_context(databases.fresh()))
            machine.database = Database(
                url, pool_size=8, timeout_s=5, application_name="clarion-test"
            )
            around.push_async_callback(machine.database.close)
            machine.runner, machine.around = runner, around
            runner.run(machine.open())
            run_state_machine_as_test(machine, settings=bounds(examples, steps))
        finally:
            runner.run(around.aclose())
