"""Whether the ports of the services are free."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2

from clarion.errors import ConfigurationError
from clarion.lifecycle.serving import open_listener
from clarion.settings import SharedSettings
from services.cli.doctor.finding import Finding

TIMEOUT_S = 2.0


async def check_ports(services: Mapping[str, SharedSettings]) -> list[Finding]:
    """One finding for each address; a service that runs already is no fault."""
    places: dict[tuple[str, int], list[str]] = {}
    for name, settings in services.items():
        places.setdefault((settings.host, settings.port), []).append(name)
    return [await _place(" and ".join(names), host, port) for (host, port), names in places.items()]


async def _place(names: str, host: str, port: int) -> Finding:
    subject = f"port {port} ({names})"
    try:
        open_listener(host, port).close()
    except ConfigurationError as error:
        if await _answers(host, port):
            return Finding(subject, "A service of Clarion runs there.")
        return Finding(
            subject, str(error), "Set CLARION_PORT, or stop the process that listens there."
        )
    return Finding(subject, "It is free.")


async def _answers(host: str, port: int) -> bool:
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.get(f"http://{host}:{port}/healthz")
            return answer.json() == {"status": "ok"}
    except (httpx2.HTTPError, ValueError):
        return False
