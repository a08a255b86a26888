"""Stopping in order, whenever it is asked for, and giving up so that a supervisor starts anew."""

from __future__ import annotations

import asyncio
import signal
import sys
from itertools import cycle
from pathlib import Path

import aio_pika
import httpx2
import pytest

from testbed.processes import Process, free_port, start_process, wait_until
from testbed.stack import frame, is_ready, running_stack

SERVICES = ("gateway", "notifier", "pusher")
MOMENTS_S = (0.0, 0.5, 1.2, 3.0)
"""Since it can be told to stop at all: while it imports, connects, starts and serves."""

IMPATIENT = """
from clarion.bus.rabbitmq import consumer_watchdog as watchdog
watchdog.EVERY_S, watchdog.UNREADY_AFTER_S, watchdog.LOST_AFTER_S = 0.1, 1.0, 3.0
from clarion.lifecycle.event_loop import run
from services.notifier.process import main
run(main)
"""


async def test_sigterm_ends_every_service_with_status_0(amqp_url: str, postgres_url: str) -> None:
    async with (
        running_stack(amqp_url=amqp_url, postgres_url=postgres_url) as stack,
        stack.feed("42") as feed,
    ):
        await frame(feed, "caught_up")
        ends = {name: await each[0].stop() for name, each in stack.processes.items()}
    assert ends == {"gateway": 0, "notifier": 0, "pusher": 0}


def takes_sigterm(process: Process) -> bool:
    """Whether it has a handler: before Python itself runs nobody can have one."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


@pytest.mark.parametrize("service", SERVICES)
async def test_sigterm_while_it_starts_ends_it_with_status_0(
    amqp_url: str, postgres_url: str, service: str
) -> None:
    ends: dict[str, int] = {}
    commands = cycle(([f"services.{service}"], ["services.cli", service]))
    for moment_s, command in zip(MOMENTS_S, commands, strict=False):
        env = {
            "CLARION_AMQP_URL": amqp_url,
            "CLARION_DATABASE_URL": postgres_url,
            "CLARION_TOKEN_SECRET": "s" * 32,
            "CLARION_PORT": str(free_port()),
        }
        process = await start_process([sys.executable, "-m", *command], env=env)
        await wait_until(lambda one=process: takes_sigterm(one), 20, "a handler")
        await asyncio.sleep(moment_s)
        ends[f"{command} after {moment_s} s"] = await process.stop()
    assert {name: end for name, end in ends.items() if end != 0} == {}


async def test_a_command_that_is_stopped_before_it_is_done_has_failed() -> None:
    process = await start_process([sys.executable, "-m", "services.cli", "migrate"])
    assert await process.stop() != 0


@pytest.mark.timeout(180)
async def test_a_consumer_that_does_not_come_back_ends_the_process_for_its_supervisor(
    amqp_url: str, postgres_url: str
) -> None:
    port = free_port()
    env = {
        "CLARION_AMQP_URL": amqp_url,
        "CLARION_DATABASE_URL": postgres_url,
        "CLARION_PORT": str(port),
    }
    address = f"http://127.0.0.1:{port}"
    async with httpx2.AsyncClient() as http:
        process = await start_process(
            [sys.executable, "-c", IMPATIENT],
            env=env,
            ready=lambda: is_ready(http, address),
            timeout_s=60,
        )
        async with await aio_pika.connect(amqp_url) as connection:
            channel = await connection.channel()
            await channel.queue_delete("clarion.deliveries.sms.urgent")
            # with other arguments, so that ours cannot be declared
            await channel.declare_queue("clarion.deliveries.sms.urgent", durable=True)
        assert await process.wait(60) == 1
    (sentence,) = [line for line in process.output().splitlines() if line.startswith("clarion: ")]
    missing = "No consumer on clarion.deliveries.sms.urgent for 3 s"
    assert sentence == f"clarion: {missing}, although the broker answers."
