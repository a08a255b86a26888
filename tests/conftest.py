"""Fixtures of all tests: real servers, started once a run, and a fresh place in them per test."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from clarion.bus import Bus, open_bus
from clarion.store.database import Database
from testbed import processes
from testbed.postgres import Databases, PostgresNode
from testbed.rabbitmq import Broker, BrokerNode, find_node, given_broker

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

GIVEN_AMQP = os.environ.get("CLARION_AMQP_URL", "")
GIVEN_DATABASE = os.environ.get("CLARION_DATABASE_URL", "")
for _name in [name for name in os.environ if name.startswith("CLARION_")]:
    del os.environ[_name]  # settings of the shell never reach a test

# Modules are compiled once, not by each of the hundreds of services that a run starts
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

pytest_plugins = ("tests.support.runs",)

MARKERS = (
    "both_browsers: runs in Chromium and in Firefox",
    "chromium_only(reason): what Firefox has not, or cannot be told to do",
)

if not os.environ.get("CI"):  # where Hypothesis has a profile of its own
    settings.register_profile(
        "clarion", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("clarion")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: most tests wait more than they work. Servers that are given are not shared."""
    return 0 if GIVEN_AMQP or GIVEN_DATABASE else (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node() -> None:
    """A worker starts servers of its own."""
    if GIVEN_AMQP or GIVEN_DATABASE:
        raise pytest.UsageError("Servers that are given are for one process: leave out -n.")


def _end(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(f"signal {number}")


def pytest_configure(config: pytest.Config) -> None:
    """A run that is told to end stops what it started, as with Ctrl-C."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    signal.signal(signal.SIGTERM, _end)


def pytest_unconfigure() -> None:
    if processes.reaper.cache_info().currsize:
        processes.reaper().close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return refuse_skip((yield))


def refuse_skip(report: Report) -> Report:
    """In CI a skipped test is a failure: every promise is tried there."""
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """What a test started and did not end is killed."""
    before = list(processes.running)
    yield
    for process in [one for one in processes.running if one not in before]:
        process.kill()


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The server for this run's databases: given, or private."""
    node = None if GIVEN_DATABASE.startswith("postgres") else PostgresNode()
    if node is not None:
        node.start()
    made = Databases(node.url if node else GIVEN_DATABASE)
    with asyncio.Runner() as runner:
        runner.run(made.prepare())
    yield made
    if node is not None:
        node.stop()
        return
    with asyncio.Runner() as runner:
        runner.run(made.dispose())


@pytest.fixture
async def postgres_url(databases: Databases) -> AsyncIterator[str]:
    """The URL of a fresh, migrated database."""
    async with databases.fresh() as url:
        yield url


@pytest.fixture
async def empty_postgres_url(databases: Databases) -> AsyncIterator[str]:
    """The URL of a database without a schema."""
    async with databases.fresh(migrated=False) as url:
        yield url


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """A pool on a fresh, migrated database."""
    opened = Database(postgres_url, pool_size=8, timeout_s=5, application_name="clarion-test")
    yield opened
    await opened.close()


@pytest.fixture
def private_postgres() -> Iterator[PostgresNode]:
    """A started server of this test alone, to stop and kill; not migrated."""
    node = PostgresNode()
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="session")
def rabbitmq_node() -> Iterator[Broker]:
    """The broker of this run: given, or private."""
    if GIVEN_AMQP.startswith("amqp"):
        given = given_broker(GIVEN_AMQP.split(",")[0])
        yield given
        given.close()
        return
    with running_node() as broker:
        yield broker


@pytest.fixture
def private_rabbitmq() -> Iterator[BrokerNode]:
    """A started node of this test alone, to stop, kill and block."""
    with running_node() as broker:
        yield broker


@contextmanager
def running_node() -> Iterator[BrokerNode]:
    """A private node, ended at the end."""
    node = find_node()()
    broker = BrokerNode(node)
    try:
        node.start()
        yield broker
    finally:
        broker.close()
        node.close()


@pytest.fixture
def amqp_url(rabbitmq_node: Broker) -> Iterator[str]:
    """The URL of a fresh virtual host."""
    vhost = rabbitmq_node.create_vhost()
    yield rabbitmq_node.url(vhost)
    rabbitmq_node.delete_users()
    rabbitmq_node.delete_vhost(vhost)


@pytest.fixture
async def memory_bus() -> AsyncIterator[Bus]:
    """A started bus in memory."""
    async with started_bus("memory://") as bus:
        yield bus


@pytest.fixture
async def rabbitmq_bus(amqp_url: str) -> AsyncIterator[Bus]:
    """A started bus on a fresh virtual host."""
    async with started_bus(amqp_url) as bus:
        yield bus


@pytest.fixture(params=["memory", "rabbitmq"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """A started bus: each test runs on both answers."""
    is_memory = request.param == "memory"
    url = "memory://" if is_memory else request.getfixturevalue("amqp_url")
    async with started_bus(url) as started:
        yield started


@asynccontextmanager
async def started_bus(url: str) -> AsyncIterator[Bus]:
    """A bus that can publish; closed at the end."""
    opened = open_bus([url], publish_timeout_s=5)
    await opened.start()
    try:
        await processes.wait_until(lambda: opened.status().can_publish, 15, "a connected bus")
        yield opened
    finally:
        await opened.close()
