"""Settings that every service shares, and how settings are read.

The environment is read once, in a service's `__main__`; everything below gets arguments. An
unknown or impossible `CLARION_*` variable stops the start with a sentence that names it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from clarion.errors import ConfigurationError

PREFIX = "CLARION_"


class SharedSettings(BaseSettings):
    """What gateway, notifier and pusher have in common. Field `x` is read from `CLARION_X`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    amqp_url: Annotated[list[str], NoDecode] = ["memory://"]
    """Several hosts of a cluster: comma-separated URLs, tried in turn."""
    database_url: str = "embedded:"
    data_dir: str = ".clarion"
    database_pool_size: int = Field(8, ge=2, le=200)
    database_timeout_s: float = Field(5.0, gt=0, le=60)
    publish_timeout_s: float = Field(5.0, gt=0, le=30)
    live_shards: int = Field(1, ge=1, le=256)
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    log_format: str = Field("json", pattern="^(json|console)$")
    shutdown_timeout_s: float = Field(20.0, gt=0, le=300)

    @field_validator("amqp_url", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("amqp_url")
    @classmethod
    def _check_broker(cls, value: list[str]) -> list[str]:
        if not all(url.startswith(("amqp://", "amqps://", "memory://")) for url in value):
            raise ValueError("write memory:// or amqp(s)://user:password@host/vhost")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str) -> str:
        if not value.startswith(("embedded:", "postgresql://", "postgres://")):
            raise ValueError("write embedded: or postgresql://user:password@host/database")
        return value

    @classmethod
    def read(cls, known_names: frozenset[str], environ: Mapping[str, str] | None = None) -> Self:
        """Settings from the environment. Raises `ConfigurationError` that names the variable."""
        refuse_unknown_names(os.environ if environ is None else environ, known_names)
        try:
            return cls()
        except ValidationError as error:
            raise ConfigurationError(_sentence(error)) from None


def refuse_unknown_names(environ: Mapping[str, str], known_names: frozenset[str]) -> None:
    """Raise `ConfigurationError` for a `CLARION_*` variable that nothing reads: a misspelling."""
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known_names:
            close = get_close_matches(name, known_names, n=1)
            hint = f" Did you mean {close[0]}?" if close else " See .env.example for all settings."
            raise ConfigurationError(f"{name} is not a setting of Clarion.{hint}")


def names_of(*settings: type[SharedSettings]) -> frozenset[str]:
    """The environment variables that these read."""
    return frozenset(PREFIX + field.upper() for one in settings for field in one.model_fields)


def _sentence(error: ValidationError) -> str:
    parts: list[str] = []
    for one in error.errors(include_input=False, include_url=False):
        name = PREFIX + str(one["loc"][0]).upper() if one["loc"] else "The settings"
        parts.append(f"{name}: {one['msg'].removeprefix('Value error, ')}.")
    return " ".join(parts)
