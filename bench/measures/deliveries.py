"""What receiving a message costs, by its reader: `python -m bench.measures.deliveries [ROUNDS]`.

One consumer is aiormq's, as aio-pika has it; the other is `clarion.bus`, which takes messages out
of the stream that aiormq reads. Both are in one process and take turns; the next message leaves
when the last was heard, as in fan-out. Medians of the turns are printed.
"""

from __future__ import annotations

import statistics
import sys
import time
from functools import partial

import aiormq
import uvloop

from bench.lib.ground import open_ground
from bench.loads.client import Client, running_client
from clarion.bus import Bus, Message, open_bus
from clarion.topology import LIVE, shard_key
from testbed.processes import wait_until

SIZES = (300, 20_000, 200_000)
"""A small message, one of fifty frames, one of five hundred."""
TURNS = 10
KEYS = {"aiormq": shard_key(0), "clarion": shard_key(1)}


def say() -> None:
    """A message was heard; with the CPU seconds that this process has used."""
    print(time.process_time(), flush=True)


async def receive(url: str) -> None:
    """The process that is measured."""
    bus = open_bus([url], publish_timeout_s=30)
    await bus.start()
    channel = await (await aiormq.connect(url)).channel()
    queue = (await channel.queue_declare(exclusive=True)).queue or ""
    await channel.queue_bind(queue, LIVE, KEYS["aiormq"])

    async def hear(_: aiormq.abc.DeliveredMessage) -> None:
        say()

    await channel.basic_consume(queue, hear, no_ack=True)
    subscription = bus.listen([KEYS["clarion"]])
    while True:
        for _ in await subscription.take(32):
            say()


async def is_routed(bus: Bus, key: str) -> bool:
    """Raises `Unroutable` where nobody listens yet."""
    await bus.publish(LIVE, key, Message(b"x", "text/plain", persistent=False))
    return True


async def seconds(receiver: Client) -> float:
    """Of the process, when it heard the next message."""
    while True:  # its log comes the same way
        try:
            return float(await receiver.line())
        except ValueError:
            continue


async def measure(bus: Bus, receiver: Client, size: int, rounds: int) -> dict[str, float]:
    """Median CPU us a message, by consumer."""
    message = Message(b"x" * size, "application/octet-stream", persistent=False)

    async def turn(key: str, count: int) -> float:
        cpu_s = 0.0
        for _ in range(count):
            await bus.publish(LIVE, key, message)
            cpu_s = await seconds(receiver)
        return cpu_s

    seen: dict[str, list[float]] = {name: [] for name in KEYS}
    for _ in range(TURNS):
        for name, key in KEYS.items():
            begun_s = await turn(key, 1)
            seen[name].append((await turn(key, rounds) - begun_s) / rounds * 1e6)
    return {name: statistics.median(costs) for name, costs in seen.items()}


async def main(rounds: int) -> None:
    async with open_ground() as ground, ground.fresh() as settings:
        url = settings["CLARION_AMQP_URL"]
        bus = open_bus([url], publish_timeout_s=30)
        await bus.start()
        async with running_client("measures.deliveries", "receive", url) as receiver:
            for key in KEYS.values():
                await wait_until(partial(is_routed, bus, key), 30, f"a queue for {key}")
                await seconds(receiver)
            for size in SIZES:
                costs = await measure(bus, receiver, size, rounds)
                for name, cost in costs.items():
                    ratio = cost / costs["aiormq"]
                    print(f"{size:>7} bytes  {name:<8}{cost:7.0f} us, {ratio:.2f} of aiormq")
        await bus.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["receive"]:
        uvloop.run(receive(sys.argv[2]))
    else:
        uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
