"""Settings of the gateway."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import NoDecode

from clarion.settings import GivenKey, Origins, SharedSettings, TokenSecret


class GatewaySettings(SharedSettings):
    """What the gateway reads beside the shared settings."""

    api_key: GivenKey | None = Field(default=None, repr=False)
    """A first key for a first start: tenant `default`, every scope."""
    token_secret: TokenSecret | None = Field(default=None, repr=False)
    token_ttl_s: int = Field(default=3600, ge=10, le=86_400)
    max_body_bytes: int = Field(default=1_048_576, ge=65_536, le=67_108_864)
    allowed_origins: Annotated[Origins, NoDecode] = Field(default_factory=list[str])
