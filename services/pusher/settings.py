"""Settings of the pusher."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import NoDecode

from clarion.http.client_address import Network
from clarion.settings import Networks, Origins, SharedSettings, TokenSecret

MIN_BACKLOG_BYTES = 64 * 1024
"""A shorter frame fits into every empty write buffer, without a check."""


class PusherSettings(SharedSettings):
    """The settings that only the pusher reads."""

    port: int = Field(default=8001, ge=0, le=65535)
    token_secret: TokenSecret | None = Field(default=None, repr=False)
    token_secret_previous: TokenSecret | None = Field(default=None, repr=False)
    """Its tokens stay valid; nothing is signed with it any more."""
    token_jwks_url: str | None = None
    allowed_origins: Annotated[Origins, NoDecode] = Field(default_factory=list[str])
    token_in_query: bool = True
    auth_timeout_s: float = Field(default=5.0, gt=0, le=60)
    heartbeat_s: int = Field(default=25, ge=1, le=300)
    max_frame_bytes: int = Field(default=65_536, ge=1_024, le=1_048_576)
    max_frames_per_minute: int = Field(default=600, ge=1)
    max_publishes_per_minute: int = Field(default=120, ge=1)
    """`publish` frames of one subscriber."""
    max_requests_per_minute: int = Field(default=3000, ge=0)
    """REST calls of one subscriber; 0 for no limit."""
    max_backlog_bytes: int = Field(default=1_048_576, ge=MIN_BACKLOG_BYTES)
    max_sessions: int = Field(default=20_000, ge=1)
    max_sessions_per_subscriber: int = Field(default=20, ge=1)
    max_sessions_per_tenant: int = Field(default=0, ge=0)
    """0 for no limit, as with the next two."""
    max_sessions_per_address: int = Field(default=0, ge=0)
    max_sessions_unix: int = Field(default=0, ge=0)
    """For all peers on Unix sockets together, which have no address."""
    max_session_age_s: int = Field(default=86_400, ge=0)
    trusted_proxies: Annotated[Networks, NoDecode] = Field(default_factory=list[Network])
    """Proxies whose `X-Forwarded-For` is trusted."""
    handshakes_per_s: int = Field(default=500, ge=1)
