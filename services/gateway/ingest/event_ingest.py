"""`POST /v1/events`: check, assign ids, publish, answer 202 at the confirm. Touches no database.

The caller's bytes are not encoded again: id, source, tenant, time and trace are put in front of
them, in the format of `clarion.contracts.envelope.RawEntry`.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from clarion.bus.group_commit import GroupCommit, PublishReceipt
from clarion.bus.protocol import Bus
from clarion.contracts.event import DEFAULT_SOURCE, LANES
from clarion.contracts.ids import new_id
from clarion.contracts.validation import Parsed
from clarion.errors import BusUnavailable, Problem
from clarion.telemetry.trace import continue_trace
from clarion.tokens.api_keys import ApiKey
from services.gateway.front.memory_budget import MemoryBudget
from services.gateway.ingest.accepted import Answer, answer_to
from services.gateway.ingest.request_parser import (
    Headers,
    ParsedRequest,
    idempotency_key,
    parse_request,
)

_encode = msgspec.json.encode

RETRY_ONE = " It is safe to send it again if it has an id: it counts once."
RETRY_MANY = (
    " All or part of it may be stored. Send the whole array again: events that have an id count "
    "once; those without would count twice."
)


class EventIngest:
    """Publishes events to the broker."""

    def __init__(self, bus: Bus, budget: MemoryBudget) -> None:
        self._bus = bus
        self._budget = budget
        self._lanes = {lane: GroupCommit(bus, lane) for lane in LANES}

    def refuse_if_away(self) -> None:
        """Raises `BusUnavailable` at once if publishing is bound to fail."""
        status = self._bus.status()
        if not status.can_publish:
            raise BusUnavailable("The broker is unavailable; nothing was accepted.")

    async def accept(
        self,
        key: ApiKey,
        traceparent: str,
        headers: Headers,
        body: bytes,
        *,
        partial: bool = False,
    ) -> tuple[Answer, Problem | None]:
        """Return the answer once all are confirmed.

        Raises `Refused` for faults of the request, and `Unavailable`.
        """
        request = parse_request(headers, body, partial=partial)
        given_id = idempotency_key(headers, request)
        ids = [given_id or parsed.event.id or new_id() for parsed in request.events]
        problem = None
        if ids:
            problem = await self._publish(key.tenant, self._entries(key, traceparent, request, ids))
        return answer_to(request, ids), problem and _explained(problem, request)

    async def close(self, timeout_s: float) -> None:
        """Finish pending requests, refuse new ones."""
        await asyncio.gather(*(lane.close(timeout_s) for lane in self._lanes.values()))

    def _entries(
        self, key: ApiKey, traceparent: str, request: ParsedRequest, ids: list[str]
    ) -> dict[str, list[bytes]]:
        accepted_at = datetime.now(UTC).isoformat().encode()
        shared = b',"tenant":%b,"accepted_at":"%b","traceparent":"' % (
            _encode(key.tenant),
            accepted_at,
        )
        by_lane: dict[str, list[bytes]] = {}
        for identifier, parsed in zip(ids, request.events, strict=True):
            entry = _entry(identifier, parsed, shared, traceparent)
            by_lane.setdefault(parsed.event.lane or "normal", []).append(entry)
        return by_lane

    async def _publish(self, tenant: str, by_lane: dict[str, list[bytes]]) -> Problem | None:
        size = sum(len(entry) for entries in by_lane.values() for entry in entries)
        with self._budget.holding(tenant, size):
            receipt = PublishReceipt(asyncio.get_running_loop(), len(by_lane))
            for lane, entries in by_lane.items():
                self._lanes[lane].add(entries, receipt)
            return await receipt.done


def _entry(identifier: str, parsed: Parsed, shared: bytes, traceparent: str) -> bytes:
    trace = continue_trace(parsed.traceparent) if parsed.traceparent else traceparent
    return b'{"id":%b,"source":%b%b%b","event":%b}' % (
        _encode(identifier),
        _encode(parsed.event.source or DEFAULT_SOURCE),
        shared,
        trace.encode(),
        parsed.raw,
    )


def _explained(problem: Problem, request: ParsedRequest) -> Problem:
    said = problem.detail + (RETRY_ONE if request.single else RETRY_MANY)
    return BusUnavailable(said, code=problem.code, retry_after_s=problem.retry_after_s or 2)
