"""Pages that were refused for their origin: counted, and logged with what decides it.

Behind a reverse proxy that rewrites `Host` every page is refused; the log line shows both values,
so that operators see which of them differs from the address in the browser.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from clarion.http.repeated_lines import RepeatedLines
from clarion.telemetry.metrics import REFUSED_ORIGINS

MAX_CHARACTERS = 200

log = structlog.get_logger("clarion.http")


class RefusedOrigins:
    """Of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = RepeatedLines(clock)

    def note(self, origin: str, hosts: Sequence[str], surface: str) -> None:
        """Count one; `surface` is `websocket`, `stream` or `cors`, `hosts` each `Host` given."""
        REFUSED_ORIGINS.labels(surface).inc()
        origin, host = escaped(origin), escaped(", ".join(hosts))
        count = self._lines.count(f"{surface} {origin} {host}")
        if count:
            log.warning("origin_refused", origin=origin, host=host, surface=surface, count=count)


def escaped(value: str) -> str:
    """A stranger's header value as printable ASCII of a bounded length."""
    shown = value[:MAX_CHARACTERS].encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= MAX_CHARACTERS else shown[:MAX_CHARACTERS]
