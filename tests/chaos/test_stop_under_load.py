"""Every service is told to stop, again and again, while events, mails and frames are under way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from chaos.callers import Accepted, Caller
from chaos.clients import Client, make_clients, subscribers_of
from chaos.fleet import Fleet, Member
from chaos.history import History, open_history
from chaos.ledger import Books, Verdict, reconcile
from chaos.part import PARTS, SERVICES
from clarion.topology import PARKED
from testbed.processes import wait_until
from testbed.rabbitmq import Broker, messages_left
from testbed.smtp import Mailbox, running_smtp
from testbed.stack import API_KEY, TOKEN_SECRET

ROUNDS = 3
SOAKED_ROUNDS = 20
RATE = 50.0
CLIENTS = 8
SOON = timedelta(hours=1)


class SlowMailbox(Mailbox):
    """So that there is always a mail under way."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take it, in its own time."""
        await asyncio.sleep(0.3)
        return await super().handle_DATA(server, session, envelope)


@asynccontextmanager
async def running_fleet(
    amqp_url: str, postgres_url: str, mail: str, logs: Path
) -> AsyncIterator[Fleet]:
    """Two of each service."""
    settings = {
        "CLARION_AMQP_URL": amqp_url,
        "CLARION_DATABASE_URL": postgres_url,
        "CLARION_API_KEY": API_KEY,
        "CLARION_TOKEN_SECRET": TOKEN_SECRET,
        "CLARION_EMAIL": mail,
    }
    fleet = Fleet({name: Member(name, settings, {}, logs / f"{name}.log") for name in PARTS})
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.kill()


async def judge(accepted: Accepted, clients: list[Client], history: History) -> Verdict:
    """The three ledgers side by side."""
    return reconcile(
        Books(
            accepted=accepted.subscribers,
            kept=await history.kept(),
            heads=await history.heads(),
            feeds={one.name: (one.subscriber, one.frames) for one in clients},
        )
    )


@pytest.mark.alone
@pytest.mark.soak
@pytest.mark.timeout(1_800)
async def test_stops_of_every_service_at_full_load_lose_double_and_park_nothing(
    rabbitmq_node: Broker, postgres_url: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    rounds = SOAKED_ROUNDS if pytestconfig.getoption("--soak") else ROUNDS
    vhost = rabbitmq_node.create_vhost()
    accepted, statuses = Accepted(), Counter[tuple[str, int | None]]()
    async with (
        running_smtp(tmp_path, box=SlowMailbox()) as box,
        running_fleet(rabbitmq_node.url(vhost), postgres_url, box.url, tmp_path) as fleet,
        open_history(postgres_url) as history,
    ):
        caller = Caller(
            "caller", fleet.addresses("gateway"), subscribers_of(CLIENTS), accepted, Random(1)
        )
        clients = make_clients(CLIENTS, fleet.addresses("pusher"), 1)
        feeds = [asyncio.create_task(one.run()) for one in clients]
        load = asyncio.create_task(caller.run(RATE))
        for number in range(rounds):
            members = [fleet.members[f"{name}-{number % 2}"] for name in SERVICES]
            for member, status in zip(
                members, await asyncio.gather(*(one.stop() for one in members)), strict=True
            ):
                statuses[member.name.partition("-")[0], status] += 1
                member.start()
            assert await fleet.unready(60) == {}
        load.cancel()
        assert await caller.finish(30) == 0
        await wait_until(lambda: history.is_at_rest(accepted.subscribers, SOON), 60, "rest")
        heads = await history.heads()

        def all_there() -> bool:
            return all(one.version == heads[one.subscriber].version for one in clients)

        await wait_until(all_there, 60, "every client at the head of its inbox")
        for feed in feeds:
            feed.cancel()
        await asyncio.gather(*feeds, return_exceptions=True)
        verdict = await judge(accepted, clients, history)
        mails = Counter(str(one["Message-ID"]) for one in box.messages)
        parked = await history.parked()
    left = await messages_left(rabbitmq_node.url(vhost), PARKED)
    rabbitmq_node.delete_vhost(vhost)
    assert statuses == {(name, 0): rounds for name in SERVICES}
    assert (verdict.findings, accepted.refused, parked) == ([], [], [])
    assert left == 0
    assert len(accepted.subscribers) == accepted.sent > rounds * 10
    emails = [one for one, channel in accepted.external.items() if channel == "email"]
    assert (len(mails), mails.total()) == (len(emails), len(emails))
    assert [fault for one in clients for fault in one.faults] == []
