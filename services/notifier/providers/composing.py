"""Composing messages: an error there is a fault of the delivery, not of the provider."""

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
    """The result of `make`. If it raises, the delivery has failed permanently: it would raise at
    every attempt and provider, and has no bearing on their health."""
    try:
        return make()
    except Exception:
        log.exception(COMPOSE_FAILED, delivery=str(delivery.id), channel=delivery.channel)
        return Failed(COMPOSE_FAILED, health=Health.NO_SIGNAL)
