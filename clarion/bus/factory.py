"""One place that chooses the broker."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from clarion.bus.memory import MemoryBus
from clarion.bus.protocol import Bus
from clarion.bus.rabbitmq import RabbitMQBus
from clarion.errors import ConfigurationError


def open_bus(urls: Sequence[str], *, publish_timeout_s: float) -> Bus:
    """A bus that is not started: `memory://`, or the hosts of one RabbitMQ cluster.

    Raises `ConfigurationError` for anything else.
    """
    schemes = {url.partition("://")[0] for url in urls}
    if schemes == {"memory"}:
        return MemoryBus()
    if not schemes or not schemes <= {"amqp", "amqps"} or not all(map(_is_complete, urls)):
        raise ConfigurationError(
            "CLARION_AMQP_URL: write memory://, or amqp(s)://user:password@host/vhost for each"
            " host of one cluster."
        )
    return RabbitMQBus(urls, publish_timeout_s=publish_timeout_s)


def _is_complete(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False
