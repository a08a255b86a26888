"""Making what is sent: an error there is the delivery's fault and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from clarion.rules.outcomes import Failed, Health
from services.notifier.providers.provider import Outgoing

log = structlog.get_logger("clarion.notifier")

COMPOSE_FAILED = "compose_failed"

Made = TypeVar("Made")


def composed(delivery: Outgoing, make: Callable[[], Made]) -> Made | Failed:
    """What `make` gives. Where it raises the delivery has failed for good: it would raise at every
    attempt and at every provider, whom it says nothing about."""
    try:
        return make()
    except Exception:
        log.exception(COMPOSE_FAILED, delivery=str(delivery.id), channel=delivery.channel)
        return Failed(COMPOSE_FAILED, health=Health.NO_SIGNAL)
