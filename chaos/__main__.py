"""`python -m chaos [--minutes 3] [--seed 7] [--faults all] [--cluster]`; `--help` tells all."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from random import SystemRandom

from chaos.part import NODES
from chaos.report import Outcome, heal_max_s, show
from chaos.run import Options, run
from chaos.schedule import CLUSTER_FAULTS, FAULTS, chosen
from testbed import processes

INTERRUPTED = 130
HEAL_S = 30.0
"""What an operator is promised. Past it the logs are worth a look, whatever was busy."""


def options() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Attack a system of real processes under load and compare three ledgers.",
        epilog=f"Faults: {', '.join(FAULTS)}; with --cluster also broker-partition.",
    )
    parser.add_argument("--minutes", type=float, default=3.0, help="how long (default 3)")
    parser.add_argument("--seed", type=int, help="of schedule and callers (default: a new one)")
    parser.add_argument(
        "--faults",
        default="all",
        help="names, parts (broker) or actions (kill), with commas between them; all; none",
    )
    parser.add_argument("--rate", type=float, default=60.0, help="events a second (default 60)")
    parser.add_argument("--clients", type=int, default=40, help="live clients (default 40)")
    parser.add_argument("--cluster", action="store_true", help="a cluster of 3 RabbitMQ nodes")
    parser.add_argument("--shards", type=int, default=1, help="of live announcements (default 1)")
    given = parser.parse_args()
    try:
        faults = _faults(given.faults, given.cluster)
    except ValueError as error:
        parser.error(str(error))
    seed = SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    nodes = NODES if given.cluster else 1
    clients = max(2, given.clients)
    return Options(given.minutes * 60, seed, faults, given.rate, clients, nodes, given.shards)


async def attack(given: Options, folder: Path) -> Outcome:
    """A run that SIGTERM ends as Ctrl-C does, also where a shell has SIGINT ignored."""
    task = asyncio.current_task()
    if task is not None:
        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(one, task.cancel)
    return await run(given, folder)


def main() -> int:
    """The exit status: 0 where nothing was lost, doubled, missing or unexplained."""
    given = options()
    for name in [name for name in os.environ if name.startswith("CLARION_")]:
        del os.environ[name]
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # breaks connections on purpose
    folder = Path(tempfile.mkdtemp(prefix="clarion-chaos-"))
    print(f"seed {given.seed}; logs in {folder}", flush=True)
    try:
        outcome = asyncio.run(attack(given, folder))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print(f"interrupted; logs are kept in {folder}", flush=True)
        return INTERRUPTED
    finally:
        processes.reaper().close()
    if not outcome.passed:
        print(f"failed with seed {given.seed}; logs are kept in {folder}")
    elif heal_max_s(outcome.struck) > HEAL_S:
        print(f"a heal took more than {HEAL_S:.0f} s; logs are kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(show(outcome), flush=True)
    return 0 if outcome.passed else 1


def _faults(text: str, cluster: bool) -> tuple[str, ...]:
    if text == "none":
        return ()
    return chosen(text, CLUSTER_FAULTS if cluster else FAULTS)


if __name__ == "__main__":
    sys.exit(main())
