"""`python -m bench [accept|plan|fanout|sessions|token|end_to_end|stalled|start|mark_all ...]`, and
`growth`, which is no part of a whole run."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bench.lib import results
from bench.lib.ground import Ground, open_ground
from bench.lib.results import Report
from bench.measures import (
    accept,
    end_to_end,
    fanout,
    growth,
    mark_all,
    plan,
    sessions,
    stalled,
    start,
    token_check,
)
from clarion.telemetry.logs import configure_logs

Measure = Callable[[Ground], Awaitable[Report]]

MEASURES: dict[str, Measure] = {
    "accept": accept.measure,
    "plan": plan.measure,
    "fanout": fanout.measure,
    "sessions": sessions.measure,
    "token": token_check.measure,
    "end_to_end": end_to_end.measure,
    "stalled": stalled.measure,
    "start": start.measure,
    "mark_all": mark_all.measure,
}
GROWTH = "growth"
"""Fills millions of rows, so it is no part of a whole run."""


async def main(chosen: Sequence[str], millions: Sequence[int]) -> None:
    """Measure one after the other, print, keep what a whole run found."""
    report = Report()
    async with open_ground() as ground:
        for name in chosen:
            if name == GROWTH:
                report.add(await growth.measure(ground, millions))
            else:
                report.add(await MEASURES[name](ground))
            print(f"{name} done", flush=True)
        servers = await ground.servers()
        report.remarks.append(results.describe(servers))
        if set(chosen) == set(MEASURES):
            results.keep(report, servers)
    print(results.show(report))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("paths", nargs="*", choices=[*MEASURES, GROWTH, []], metavar="path")
    parser.add_argument(
        "--millions", nargs="+", type=int, default=growth.MILLIONS, help="sizes of growth"
    )
    given = parser.parse_args()
    configure_logs("warning", "console")
    asyncio.run(main(given.paths or list(MEASURES), given.millions))
