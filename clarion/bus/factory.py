"""Chooses the implementation of the broker by its URL."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Bus
from clarion.bus.rabbitmq import RabbitMQBus, aiormq_internals
from clarion.bus.rabbitmq.upgrade import migrate_topology
from clarion.errors import ConfigurationError


def open_bus(urls: Sequence[str], *, publish_timeout_s: float, frame_tap: bool = True) -> Bus:
    """A bus that is not started: `memory://`, or the hosts of one RabbitMQ cluster.

    Without `frame_tap` messages are read by aiormq, more slowly (`rabbitmq.delivery_parser`).

    Raises `ConfigurationError` for anything else, for a URL that logs in by certificate without
    naming the user, and for an unsupported version of aiormq or aio-pika.
    """
    schemes = {url.partition("://")[0] for url in urls}
    if schemes == {"memory"}:
        return MemoryBus()
    if not schemes or not schemes <= {"amqp", "amqps"} or not all(map(_is_complete, urls)):
        raise ConfigurationError(
            "CLARION_AMQP_URL: write memory://, or amqp(s)://user:password@host/vhost for each"
            " host of one cluster."
        )
    if not all(map(_names_its_user, urls)):
        raise ConfigurationError(
            "CLARION_AMQP_URL: with auth=EXTERNAL write the user that the certificate stands for,"
            " as in amqps://user@host/vhost?auth=EXTERNAL: the messages of Clarion bear its name."
        )
    aiormq_internals.check()
    return RabbitMQBus(urls, publish_timeout_s=publish_timeout_s, frame_tap=frame_tap)


async def migrate_bus(urls: Sequence[str]) -> bool:
    """Migrate the broker's exchanges and queues to this version; returns whether there is a broker.
    Raises as `open_bus` and `migrate_topology`."""
    if all(url.startswith("memory:") for url in urls):
        return False
    open_bus(urls, publish_timeout_s=1)  # says what is wrong with the URLs
    await migrate_topology(urls)
    return True


def _names_its_user(url: str) -> bool:
    parts = urlsplit(url)
    asked = parse_qs(parts.query).get("auth", [""])[-1]
    return asked.upper() != "EXTERNAL" or bool(parts.username)


def _is_complete(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False
