"""Sessions of a subscriber, ended by revoking their tokens."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncConnection

from clarion.contracts.revocation import Revocation
from clarion.errors import FieldError, Invalid
from clarion.http.problems import problem_responses
from clarion.records.revocations import revoke
from clarion.tokens.subscriber import CLOCK_SKEW_S, MAX_LIFE_S
from services.gateway.admin.access import Deps, TokenWriter
from services.gateway.admin.audit.record import record_changes
from services.gateway.admin.directory.schemas import RevocationQuery, RevocationRecord
from services.gateway.admin.paging import valid_id_or_404
from services.gateway.admin.revocation_broadcast import broadcast_revocation

router = APIRouter(prefix="/v1/subscribers", tags=["tokens"])


@router.delete(
    "/{subscriber_id}/sessions",
    response_model=RevocationRecord,
    responses=problem_responses(401, 403, 404, 422, 503),
    summary="Revoke tokens of a subscriber and close their sessions",
)
async def delete(
    subscriber_id: str, query: Annotated[RevocationQuery, Query()], deps: Deps, key: TokenWriter
) -> dict[str, Any]:
    """Revokes all tokens issued until now, or before `issued_before`, or the one with this `jti`,
    and closes their sessions on every pusher with 4401 `token_revoked`. Tokens minted from now on
    are valid. The subscriber need not be in the directory."""
    subscriber = valid_id_or_404(subscriber_id, "subscriber")
    wanted = wanted_revocation(key.tenant, subscriber, query, round(time.time(), 6))

    async def change(connection: AsyncConnection) -> Revocation:
        stored = await revoke(connection, wanted)
        detail = {
            "jti": stored.jti,
            "issued_before": stored.issued_before if stored.jti is None else None,
        }
        await record_changes(connection, key, "subscriber.revoke_sessions", [(subscriber, detail)])
        return stored

    stored = await deps.database.run_core(change)
    await broadcast_revocation(deps.bus, stored)
    return record_of(stored)


def wanted_revocation(
    tenant: str, subscriber: str, query: RevocationQuery, now: float
) -> Revocation:
    """The requested revocation. Raises `Invalid`."""
    issued_before = now if query.jti is None else 0.0
    if query.issued_before is not None:
        if query.jti is not None:
            raise _invalid("give either jti or issued_before")
        issued_before = query.issued_before.timestamp()
        if issued_before > now:
            raise _invalid("must not be in the future")
    return Revocation(
        v=1,
        tenant=tenant,
        subscriber=subscriber,
        jti=query.jti,
        issued_before=issued_before,
        kept_until=now + MAX_LIFE_S + CLOCK_SKEW_S,
    )


def record_of(stored: Revocation) -> dict[str, Any]:
    """As `RevocationRecord`."""
    before = stored.issued_before if stored.jti is None else None
    return {
        "subscriber": stored.subscriber,
        "jti": stored.jti,
        "issued_before": None if before is None else datetime.fromtimestamp(before, UTC),
        "kept_until": datetime.fromtimestamp(stored.kept_until, UTC),
    }


def _invalid(message: str) -> Invalid:
    fault = FieldError("issued_before", message)
    return Invalid("1 field is not as documented.", errors=[fault])
