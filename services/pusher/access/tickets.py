"""Single-use tickets, for pages that cannot set a header: they go into a URL in place of the token.

A ticket opens one session within `TICKET_S`, at any pusher: redeeming it deletes its row. The
session ends when the token that requested the ticket expires. Only the hash is stored.
"""

from __future__ import annotations

import secrets
import time
from datetime import datetime
from hashlib import sha256

from clarion.errors import Unauthorized
from clarion.store.database import Database
from clarion.tokens.subscriber import SubscriberToken
from services.pusher.access.revocations import Revocations

PREFIX = "tkt_"
RANDOM_BYTES = 32
TICKET_S = 30
TRIM_BATCH = 100

MAKE = """
INSERT INTO tickets
    (hash, tenant, subscriber, issued_at, token_expires_at, jti, publish, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))
RETURNING expires_at
"""
REDEEM = """
DELETE FROM tickets WHERE hash = $1
RETURNING tenant, subscriber, issued_at, token_expires_at, jti, publish, expires_at > now() AS holds
"""
TRIM = """
DELETE FROM tickets WHERE hash IN
    (SELECT hash FROM tickets WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)
"""


class Tickets:
    """Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database = database
        self._revocations = revocations

    async def make(self, claims: SubscriberToken) -> tuple[str, datetime]:
        """A new ticket and its expiry. Deletes some expired tickets too."""
        ticket = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
        async with self._database.driver() as connection:
            await connection.execute(TRIM, TRIM_BATCH)
            expires_at = await connection.fetchval(
                MAKE,
                hash_of(ticket),
                claims.tenant,
                claims.subscriber,
                claims.issued_at,
                claims.expires_at,
                claims.jti,
                list(claims.publish),
                float(TICKET_S),
            )
        return ticket, expires_at

    async def redeem(self, ticket: str) -> SubscriberToken:
        """Use the ticket up and return the claims of its token. Raises `Unauthorized` with the
        code `ticket_invalid`, `token_expired` or `token_revoked`."""
        row = await self._database.run(lambda tx: tx.fetchrow(REDEEM, hash_of(ticket)))
        if row is None or not row["holds"]:
            raise Unauthorized("The ticket was used already or has expired.", code="ticket_invalid")
        claims = SubscriberToken(
            tenant=row["tenant"],
            subscriber=row["subscriber"],
            issued_at=row["issued_at"],
            expires_at=row["token_expires_at"],
            jti=row["jti"],
            publish=tuple(row["publish"]),
        )
        if claims.expires_at <= time.time():
            raise Unauthorized("The token has expired; ask for a new one.", code="token_expired")
        self._revocations.check(claims)
        return claims


def hash_of(ticket: str) -> bytes:
    return sha256(ticket.encode()).digest()
