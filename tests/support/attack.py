"""Attacks a real pusher for a while: `python -m tests.support.attack SECONDS [SEED]`.

It starts `clarion dev` as a process of its own, puts items into a victim's inbox and lets all
attackers loose at once. The exit status is 0 only where every answer was one of the table, the log
holds no error, the victim's items are what they were, the memory is where it was, and the victim
can still read. Slow handshakes end 30 s after the rest.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import psutil

from testbed.processes import Process, run_directory, start_process, wait_until
from tests.support import attackers
from tests.support.fuzz import Tally, attack_by_bytes
from tests.support.pusher import SECRET, Served, token

KEY = "clr_attacked-0123456789-0123456789-0123"
SETTINGS = {
    "CLARION_API_KEY": KEY,
    "CLARION_TOKEN_SECRET": SECRET,
    "CLARION_HANDSHAKES_PER_S": "10000",
    "CLARION_LOG_LEVEL": "info",
    "CLARION_LOG_FORMAT": "json",
}
ITEMS = 20
MAX_GROWN_KIB = 16 * 1024
FAULT = re.compile(r'"level": ?"(error|critical)"|Traceback \(most recent')

Attack = Callable[[Served, random.Random, str, Tally], Awaitable[None]]
QUICK: tuple[Attack, ...] = (
    attack_by_bytes,
    attackers.attack_by_flood,
    attackers.attack_by_size,
    attackers.attack_by_ids,
)
PATIENT: tuple[Attack, ...] = (attackers.attack_by_silence, attackers.attack_by_slowness)


@asynccontextmanager
async def attacked() -> AsyncIterator[tuple[Process, Served]]:
    """A system of one process."""
    data = run_directory() / "attacked"
    command = [sys.executable, "-m", "services.cli", "dev", "--port", "0", "--data", str(data)]
    ready = "Stop with Ctrl-C."
    async with await start_process(command, env=SETTINGS, ready=ready, timeout_s=60) as process:
        found = re.search(r"Clarion runs at \S+:(\d+)", process.output())
        assert found is not None
        yield process, Served(int(found[1]))


async def inbox_of_victim(pusher: Served) -> Any:
    """All that there is of it."""
    headers = {"Authorization": f"Bearer {token('victim')}"}
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as http:
        answer = await http.get("/v1/inbox", params={"state": "all", "limit": 500})
    return answer.raise_for_status().json()


async def tell_victim(pusher: Served) -> Any:
    """The victim's inbox with some items in it."""
    headers = {"Authorization": f"Bearer {KEY}"}
    events = [{"type": "test.happened", "to": "user:victim"} for _ in range(ITEMS)]
    async with httpx2.AsyncClient(base_url=pusher.http, headers=headers) as http:
        (await http.post("/v1/events", json=events)).raise_for_status()

    async def has_all() -> bool:
        return len((await inbox_of_victim(pusher))["items"]) == ITEMS

    await wait_until(has_all, 30, "items of the victim")
    return await inbox_of_victim(pusher)


async def storm(pusher: Served, victim: str, seed: int, seconds: float) -> Tally:
    """All attackers at once, each again and again, with choices of its own by the seed."""
    until = time.monotonic() + seconds
    tally = Tally()

    async def again(attack: Attack) -> None:
        chance = random.Random(f"{seed} {attack.__name__}")  # to be repeated, not to be secret
        while time.monotonic() < until:
            await attack(pusher, chance, victim, tally)

    async with asyncio.TaskGroup() as group:
        for attack in (*QUICK, *PATIENT):
            group.create_task(again(attack))
    return tally


async def settled_kib(process: Process, pusher: Served) -> int:
    """Its memory once nothing is left of those who were there."""

    async def is_empty() -> bool:
        async with httpx2.AsyncClient(base_url=pusher.http) as http:
            return "clarion_live_sessions 0.0" in (await http.get("/metrics")).text

    await wait_until(is_empty, 60, "no session")
    return psutil.Process(process.pid).memory_info().rss // 1024


def changed_rows(before: Any, after: Any) -> int:
    """Items that are not what they were, and the head of the inbox."""
    were, are = ({one["id"]: one for one in page["items"]} for page in (before, after))
    items = sum(were.get(id_) != are.get(id_) for id_ in were | are)
    return items + any(before[name] != after[name] for name in ("version", "unread"))


async def main(seconds: float, seed: int) -> int:
    """1 where something is wrong."""
    async with attacked() as (process, pusher):
        before = await tell_victim(pusher)
        victim = before["items"][0]["id"]
        for attack in QUICK:  # what is loaded at its first use is no loss
            await attack(pusher, random.Random(seed), victim, Tally())
        kib = [await settled_kib(process, pusher)]
        tally = await storm(pusher, victim, seed, seconds)
        kib.append(await settled_kib(process, pusher))
        after = await inbox_of_victim(pusher)
        async with pusher.feed("victim") as client:
            reads = client.past[-1]["version"]
        faults = [line for line in process.output().splitlines() if FAULT.search(line)]
    report = {
        "seed": seed,
        "rounds_of_bytes": tally.rounds,
        "tiny_frames": tally.tiny_frames,
        "outcomes": dict(sorted(tally.outcomes.items())),
        "strange": tally.strange[:20],
        "log_errors": faults[:20],
        "victim_rows_changed": changed_rows(before, after),
        "victim_unread": [before["unread"], after["unread"]],
        "victim_reads_on": reads == after["version"],
        "memory_kib": kib,
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return int(is_wrong(report))


def is_wrong(report: dict[str, Any]) -> bool:
    """Whether anything is not as it must be."""
    before_kib, after_kib = report["memory_kib"]
    found = (report["strange"], report["log_errors"], report["victim_rows_changed"])
    return any(found) or not report["victim_reads_on"] or after_kib - before_kib > MAX_GROWN_KIB


if __name__ == "__main__":
    sys.exit(asyncio.run(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)))
