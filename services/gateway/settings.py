"""Settings of the gateway."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import NoDecode

from clarion.http.client_address import Network
from clarion.settings import GivenKey, Networks, Origins, SharedSettings, TokenSecret


class GatewaySettings(SharedSettings):
    """Settings of the gateway beyond the shared ones."""

    api_key: GivenKey | None = Field(default=None, repr=False)
    """The initial key: tenant `default`, every scope."""
    token_secret: TokenSecret | None = Field(default=None, repr=False)
    token_secret_previous: TokenSecret | None = Field(default=None, repr=False)
    """No longer used for signing; its signatures stay valid."""
    token_ttl_s: int = Field(default=3600, ge=10, le=86_400)
    max_body_bytes: int = Field(default=1_048_576, ge=65_536, le=67_108_864)
    max_requests_per_s: int = Field(default=0, ge=0, le=1_000_000)
    """Requests of one key; 0 for no limit."""
    max_tenant_requests_per_s: int = Field(default=0, ge=0, le=1_000_000)
    """Requests of all keys of one tenant; 0 for no limit."""
    allowed_origins: Annotated[Origins, NoDecode] = Field(default_factory=list[str])
    trusted_proxies: Annotated[Networks, NoDecode] = Field(default_factory=list[Network])
