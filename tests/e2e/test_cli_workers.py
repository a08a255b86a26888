"""`--workers N`: several processes on one port, kept alive, stopped in order."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.support.processes import Process, free_port, start_process, wait_until

CLARION = (sys.executable, "-m", "clarion.cli")


async def started(port: int, environment: dict[str, str]) -> Process:
    """Two gateways on one port, ready."""
    command = [*CLARION, "gateway", "--port", str(port), "--workers", "2"]

    async def is_ready() -> bool:
        async with httpx2.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200

    return await start_process(command, env=environment, ready=is_ready, timeout_s=60)


def workers_of(process: Process) -> set[int]:
    children = psutil.Process(process.pid).children()
    return {child.pid for child in children if "services.gateway" in child.cmdline()}


@pytest.mark.timeout(240)
async def test_a_dead_worker_is_replaced_and_all_stop_in_order(
    amqp_url: str, postgres_url: str
) -> None:
    port = free_port()
    environment = {"CLARION_AMQP_URL": amqp_url, "CLARION_DATABASE_URL": postgres_url}
    process = await started(port, environment)
    first = workers_of(process)
    assert len(first) == 2
    victim = min(first)
    psutil.Process(victim).kill()
    await wait_until(lambda: len(workers_of(process) - {victim}) == 2, 60, "a new worker")
    last = workers_of(process)
    process.send_signal(signal.SIGTERM)
    assert await process.wait(60) == 0
    assert [pid for pid in last if psutil.pid_exists(pid)] == []

    orphaned = await started(port, environment)
    left = workers_of(orphaned)
    psutil.Process(orphaned.pid).kill()
    await wait_until(lambda: not any(map(psutil.pid_exists, left)), 60, "the workers' end")


async def test_workers_need_a_broker(tmp_path: Path) -> None:
    command = [*CLARION, "pusher", "--workers", "2"]
    process = await start_process(command, env={"CLARION_DATA_DIR": str(tmp_path)})
    assert await process.wait(60) == 2
    assert "memory:// lives in one process only" in process.output()
