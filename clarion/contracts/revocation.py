"""Revoked tokens, as broadcast by the gateway to every pusher on `clarion.live` (MessagePack).

A hint as every announcement: the table `revocations` is the truth, and pushers read it too.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

REVOCATION_CONTENT_TYPE = "application/vnd.clarion.revocation+msgpack"


class Revocation(Struct, array_like=True, frozen=True):
    """Either one token of a subscriber, by `jti`, or all that were issued before a time. Times
    are epoch seconds; after `kept_until` no token that it is about can hold anyway."""

    v: Literal[1]
    tenant: str
    subscriber: str
    jti: str | None
    issued_before: float
    kept_until: float

    def covers(self, issued_at: float, jti: str | None) -> bool:
        """Whether it is about a token of this subscriber with these claims."""
        return issued_at < self.issued_before if self.jti is None else jti == self.jti
