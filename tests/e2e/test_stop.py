"""Stopping in order."""

from __future__ import annotations

from tests.support.stack import frame, running_stack


async def test_sigterm_ends_every_service_with_status_0(amqp_url: str, postgres_url: str) -> None:
    async with (
        running_stack(amqp_url=amqp_url, postgres_url=postgres_url) as stack,
        stack.feed("42") as feed,
    ):
        await frame(feed, "caught_up")
        ends = {name: await each[0].stop() for name, each in stack.processes.items()}
    assert ends == {"gateway": 0, "notifier": 0, "pusher": 0}
