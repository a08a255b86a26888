"""From a caller's POST to the frame at a WebSocket: three rates, each contender given the same.

Latency counts from the moment at which an event was due to be sent, whether or not the server let
it leave then. A contender that cannot keep up has a bounded time after the last event; what has not
arrived by then counts with its age.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bench.contenders.pipelines import Opening, Pipeline, clarion, naive
from bench.lib.ground import Ground
from bench.lib.results import OURS, Claim, Figure, Report
from bench.loads.client import argument, running_client
from bench.loads.journey_load import Journey, Outcome

SESSIONS = 1_000
RATES = (100, 500, 1_000)
SECONDS = 12.0
DRAIN_S = 10.0
OPEN_S = 60.0
GOALS = {100: 1.0, 500: 10.0, 1_000: 10.0}
"""How many times less than the naive pipeline's p50, by rate."""

CONTENDERS: tuple[tuple[str, Opening], ...] = ((OURS, clarion), ("naive", naive))


async def measure(ground: Ground) -> Report:
    """Every rate on servers of its own, so that none inherits what another left in a queue."""
    report = Report()
    for rate in RATES:
        for name, opening in CONTENDERS:
            print(f"{path_of(rate)}, {name}", flush=True)
            try:
                async with opening(ground) as pipeline:
                    await _measure(pipeline, rate, report)
            except TimeoutError:
                if name == OURS:
                    raise
                report.remarks.append(f"{name} did not end {path_of(rate)} in time.")
    report.claims.extend(claims(report))
    return report


async def _measure(pipeline: Pipeline, rate: int, report: Report) -> None:
    sockets = replace(pipeline.sockets, sessions=SESSIONS)
    journey = Journey(pipeline.gateway_port, sockets, rate, SECONDS, DRAIN_S)
    async with running_client("loads.journey_load", argument(journey)) as client:
        await client.until("open", OPEN_S)
        await client.until("begin")
        cpu_s = pipeline.cpu_s()
        outcome = Outcome(**await client.result())
        cpu_s = pipeline.cpu_s() - cpu_s
    report.figures.append(figure(pipeline.name, rate, outcome, cpu_s))
    report.remarks.extend(remarks(pipeline.name, rate, outcome))


def path_of(rate: int) -> str:
    """As the results name it."""
    return f"end to end {rate:,}/s"


def figure(name: str, rate: int, outcome: Outcome, cpu_s: float) -> Figure:
    """One row of the table."""
    arrived = outcome.sent - outcome.missing
    more = {
        "p99 ms": outcome.p99_ms,
        "arrived %": 100 * arrived / outcome.sent,
        "missing": float(outcome.missing),
        "wrong": float(wrong(outcome)),
        "CPU ms each": cpu_s / max(1, arrived) * 1e3,
        "client late ms": outcome.late_p99_ms,
    }
    return Figure(path_of(rate), name, "p50 ms", cost=outcome.p50_ms, more=more)


def wrong(outcome: Outcome) -> int:
    """Frames too many, and events that were not accepted."""
    return outcome.doubled + outcome.strayed + outcome.refused


def remarks(name: str, rate: int, outcome: Outcome) -> Iterator[str]:
    """What a reader of the row has to know."""
    if outcome.missing:
        share = 100 * (outcome.sent - outcome.missing) / outcome.sent
        yield (
            f"{name} could not keep up with {rate:,} events/s: {share:.0f} % had arrived "
            f"{DRAIN_S:g} s after the last. The others count with their age then: its p50 and p99 "
            "are at least those of the table."
        )
    if wrong(outcome):
        yield (
            f"{name} at {rate:,} events/s: {outcome.doubled} doubled, "
            f"{outcome.strayed} at another's socket, {outcome.refused} refused."
        )


def claims(report: Report) -> Iterator[Claim]:
    """What is promised from end to end."""
    for rate in RATES:
        path = path_of(rate)
        yield from Claim.ratio(report, path, OURS, "naive", GOALS[rate])
        found = report.figure(path, OURS)
        if found is not None:
            amiss = found.more["missing"] + found.more["wrong"]
            yield Claim(f"{path}: events missing, doubled or astray", amiss, 0, at_most=True)
