"""`python -m chaos [--minutes 3] [--seed 7] [--faults all] [--rate 60] [--clients 40]`."""

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

from chaos.report import Outcome, show
from chaos.run import Options, run
from chaos.schedule import FAULTS, chosen
from tests.support import processes

INTERRUPTED = 130


def options() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Attack a system of real processes under load and compare three ledgers.",
        epilog=f"Faults: {', '.join(FAULTS)}.",
    )
    parser.add_argument("--minutes", type=float, default=3.0, help="how long (default 3)")
    parser.add_argument("--seed", type=int, help="of schedule and callers (default: a new one)")
    parser.add_argument(
        "--faults",
        type=_faults,
        default=FAULTS,
        help="names, parts (broker) or actions (kill), with commas between them; all; none",
    )
    parser.add_argument("--rate", type=float, default=60.0, help="events a second (default 60)")
    parser.add_argument("--clients", type=int, default=40, help="live clients (default 40)")
    given = parser.parse_args()
    seed = SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    return Options(given.minutes * 60, seed, given.faults, given.rate, max(2, given.clients))


async def attack(given: Options, folder: Path) -> Outcome:
    """A run that SIGTERM ends as Ctrl-C does."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(given, folder)


def main() -> int:
    """The exit status: 0 where nothing was lost, doubled, missing or unexplained."""
    given = options()
    for name in [name for name in os.environ if name.startswith("CLARION_")]:
        del os.environ[name]
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # breaks connections on purpose
    folder = Path(tempfile.mkdtemp(prefix="clarion-chaos-"))
    print(f"seed {given.seed}; logs in {folder}", flush=True)
    passed = False
    try:
        outcome = asyncio.run(attack(given, folder))
        passed = outcome.passed
    except (KeyboardInterrupt, asyncio.CancelledError):
        print(f"interrupted; logs are kept in {folder}", flush=True)
        return INTERRUPTED
    finally:
        processes.reaper().close()
    if passed:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"failed with seed {given.seed}; logs are kept in {folder}")
    print(show(outcome), flush=True)
    return 0 if passed else 1


def _faults(text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    try:
        return chosen(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
