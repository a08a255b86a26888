"""The composition root of the notifier: its loops and its health checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Protocol

import structlog
from fastapi import FastAPI

from clarion import clock
from clarion.bus.protocol import Bus
from clarion.contracts.event import LANES
from clarion.errors import StoreUnavailable
from clarion.http.apis import new_api
from clarion.http.operations import operations_router
from clarion.http.problems import install_problem_handlers
from clarion.lifecycle.background import BackgroundTasks
from clarion.store.clock_difference import check_clock
from clarion.store.database import Database
from services.notifier.deliver.sender import Sender
from services.notifier.fail_points import arm_as_written
from services.notifier.ingest.dead_letter_mover import ParkedMover
from services.notifier.ingest.lane_consumer import Consumer
from services.notifier.messages.parser import MessageParser
from services.notifier.plan.batch import Planner
from services.notifier.providers.provider_chain import ProviderChain
from services.notifier.providers.registry import open_provider_chains
from services.notifier.publish.outbox import Publisher
from services.notifier.schedule.dispatcher import Dispatcher
from services.notifier.schedule.housekeeping import Housekeeper
from services.notifier.schedule.lost_jobs import LostJobs
from services.notifier.schedule.sources import due_sources
from services.notifier.settings import NotifierSettings
from services.notifier.time_limits import RECORD_S

log = structlog.get_logger("clarion.notifier")


OWN_USER_MAPPED = (
    "CLARION_AMQP_TENANTS maps a user of Clarion's own services to a tenant: any program with that"
    " user can publish for every tenant. Give other programs separate users."
)


class StoppableLoop(Protocol):
    """A loop that shuts down gracefully after `stop`."""

    async def run(self) -> None: ...

    async def stop(self) -> None: ...


class Notifier:
    """All loops of one process. Raises `ConfigurationError` for an invalid provider URL."""

    def __init__(self, settings: NotifierSettings, *, bus: Bus, database: Database) -> None:
        self._settings = settings
        self._bus = bus
        self._database = database
        self._own_users = bus.users | settings.amqp_own_users
        self._tasks = BackgroundTasks()
        self._chains: Mapping[str, ProviderChain] = open_provider_chains(
            settings.providers, timeout_s=settings.send_timeout_s
        )
        self._workers: list[StoppableLoop] = []
        self._planning: dict[str, Consumer] = {}
        self._senders: dict[str, Sender] = {}
        if settings.clock_jump_s:
            log.warning("clock_jump_armed", seconds=settings.clock_jump_s)
            clock.jump_on_signal(settings.clock_jump_s)
        if settings.fail_point:
            log.warning("fail_point_armed", point=settings.fail_point)
            arm_as_written(settings.fail_point)
        self._housekeeper = Housekeeper(database, captures_kept=settings.captures_kept)

    async def start(self) -> None:
        """Subscribe and start all loops."""
        if both := sorted(self._own_users & self._settings.amqp_tenants.keys()):
            log.warning("amqp_tenant_has_own_user", users=both, detail=OWN_USER_MAPPED)
        self._planning = self._plan_workers()
        self._senders = self._send_workers()
        named: dict[str, StoppableLoop] = {**self._planning, **self._senders}
        publisher = Publisher(self._bus, shards=self._settings.live_shards)
        named["dispatch"] = Dispatcher(due_sources(self._database, publisher, leave_queued=True))
        for name, sender in self._senders.items():
            named[f"lost.{name}"] = LostJobs(
                sender, bus=self._bus, database=self._database, publisher=publisher
            )
        named["parked"] = ParkedMover(
            self._bus, self._database, self._settings.amqp_identity, self._own_users
        )
        self._workers = list(named.values())
        self._tasks.start("partitions", self._housekeeper.keep_partitions)
        self._tasks.start("captures", self._housekeeper.keep_captures)
        for name, worker in named.items():
            self._tasks.start(name, worker.run)

    async def stop(self, timeout_s: float) -> None:
        """Shut down within `timeout_s`: stop consuming, finish work in progress, close the
        providers. Slow attempts are cancelled early enough to record them."""
        for worker in self._workers:
            await worker.stop()
        await self._housekeeper.stop()
        draining = asyncio.create_task(self._tasks.drain(timeout_s))
        await asyncio.wait([draining], timeout=max(timeout_s - RECORD_S, timeout_s / 2))
        if not draining.done():
            for sender in self._senders.values():
                sender.cut()
        await draining
        for chain in self._chains.values():
            for slot in chain:
                await slot.provider.close()

    async def check_broker(self) -> str | None:
        """None if messages can be consumed and published."""
        status = self._bus.status()
        if status.can_publish and status.can_consume:
            return None
        return status.detail or "The broker cannot be reached."

    async def check_database(self) -> str | None:
        """None if the database answers."""
        try:
            await self._database.ping()
        except StoreUnavailable as error:
            return error.detail
        return None

    async def check_partitions(self) -> str | None:
        """None if the partitions of this month and the next exist."""
        if self._housekeeper.is_month_missing:
            return "A partition of this month is missing. Run: clarion migrate --partitions"
        if self._housekeeper.months_ahead == 0:
            return "A partition of the next month is missing. Run: clarion migrate --partitions"
        return None

    async def check_loops(self) -> str | None:
        """None if every loop runs and none waits for the database or the broker."""
        faults = [
            f"{name}: {state}" for name, state in self._tasks.status().items() if state != "running"
        ]
        faults += [
            f"{name}: held by {consumer.held}"
            for name, consumer in self._planning.items()
            if consumer.held
        ]
        return " ".join(faults) or None

    def _plan_workers(self) -> dict[str, Consumer]:
        settings = self._settings
        carried = frozenset(self._chains) | {"inbox"}
        return {
            f"plan.{lane}.{number}": Consumer(
                lane,
                bus=self._bus,
                database=self._database,
                planner=Planner(self._database, carried=carried),
                publisher=Publisher(self._bus, shards=settings.live_shards),
                parser=MessageParser(settings.amqp_identity, self._own_users),
                batch_size=settings.plan_batch_size,
            )
            for lane in LANES
            for number in range(settings.plan_workers)
        }

    def _send_workers(self) -> dict[str, Sender]:
        settings = self._settings
        return {
            f"send.{channel}.{lane}": Sender(
                channel,
                lane,
                bus=self._bus,
                database=self._database,
                chain=chain,
                concurrency=settings.send_concurrency,
                timeout_s=settings.send_timeout_s,
                identity=settings.amqp_identity,
                own_users=self._own_users,
            )
            for channel, chain in self._chains.items()
            for lane in LANES
        }


def create_app(settings: NotifierSettings, *, bus: Bus, database: Database) -> FastAPI:
    """An ASGI app whose lifespan runs the notifier on resources that are already open."""
    notifier = Notifier(settings, bus=bus, database=database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await notifier.start()
        try:
            yield
        finally:
            await notifier.stop(settings.stop_timeout_s)

    app = new_api("Clarion notifier", version("clarion"), lifespan=lifespan)
    install_problem_handlers(app)
    checks = {
        "broker": notifier.check_broker,
        "database": notifier.check_database,
        "clock": partial(check_clock, database),
        "loops": notifier.check_loops,
        "partitions": notifier.check_partitions,
    }
    app.include_router(operations_router(checks))
    return app
