"""Settings that every service shares, and how settings are read.

The environment is read once, in a service's `__main__`; everything below gets arguments. An
unknown or impossible `CLARION_*` variable stops the start with a sentence that names it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from clarion.contracts.error_words import described, words_of
from clarion.errors import ConfigurationError
from clarion.http.client_address import Network
from clarion.http.origins import normalised_entry
from clarion.secret_files import read_secret
from clarion.setting_names import FILE_SUFFIX, PREFIX, SECRETS
from clarion.store.address import DatabaseAddress, Pooler


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _read_networks(value: object) -> object:
    """Addresses and networks with commas between them."""
    if not isinstance(value, str):
        return value
    try:
        return [ip_network(part.strip()) for part in value.split(",") if part.strip()]
    except ValueError:
        raise ValueError("write networks with commas between them, such as 10.0.0.0/8") from None


def _normalised(value: list[str]) -> list[str]:
    return [normalised_entry(entry) for entry in value]


def _check_secret(value: str) -> str:
    if len(value.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"give at least {MIN_SECRET_BYTES} bytes, such as: openssl rand -hex 32")
    return value


def _check_key(value: str) -> str:
    if not GIVEN_KEY.fullmatch(value):
        raise ValueError("give 32 to 256 printable characters without spaces, such as clr_...")
    return value


def _check_address(value: str) -> str:
    DatabaseAddress.parse(value).check_files()
    return value


GIVEN_KEY = re.compile(r"[!-~]{32,256}")
MIN_SECRET_BYTES = 32
LEVELS = described("^(debug|info|warning|error)$", "must be one of debug, info, warning, error")
FORMATS = described("^(json|console)$", "must be one of json, console")

Origins = Annotated[list[str], BeforeValidator(_split), AfterValidator(_normalised)]
"""Entries of `clarion.http.origins.AllowedOrigins`; also the CORS list."""
Networks = Annotated[list[Network], BeforeValidator(_read_networks)]
"""Proxies whose `X-Forwarded-For` is trusted."""
TokenSecret = Annotated[str, AfterValidator(_check_secret)]
OwnUsers = Annotated[frozenset[str], BeforeValidator(_split), NoDecode]
GivenKey = Annotated[str, AfterValidator(_check_key)]


class SharedSettings(BaseSettings):
    """What gateway, notifier and pusher have in common. Field `x` is read from `CLARION_X`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    amqp_url: Annotated[list[str], NoDecode] = Field(default=["memory://"], repr=False)
    """Several hosts of a cluster: comma-separated URLs, tried in turn."""
    amqp_own_users: OwnUsers = Field(default_factory=frozenset[str])
    """AMQP users whose envelopes, jobs and announcements are trusted, beside our own."""
    amqp_frame_tap: bool = True
    """Whether messages are taken from the stream before aiormq reads it; without, it is slower."""
    database_url: str = Field(default="embedded:", repr=False)
    database_pooler: Pooler = Pooler.NONE
    """What stands before PostgreSQL and hands out its sessions."""
    database_direct_url: str | None = Field(default=None, repr=False)
    """The way past a pooler, for what needs a session of its own: `LISTEN`, `clarion migrate`."""
    data_dir: str = ".clarion"
    database_pool_size: int = Field(default=8, ge=2, le=200)
    database_timeout_s: float = Field(default=5.0, gt=0, le=60)
    publish_timeout_s: float = Field(default=5.0, gt=0, le=30)
    live_shards: int = Field(default=1, ge=1, le=256)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    log_level: str = Field(default="info", pattern=LEVELS)
    log_format: str = Field(default="json", pattern=FORMATS)
    access_log: bool = False
    shutdown_timeout_s: float = Field(default=20.0, gt=0, le=300)

    @property
    def stop_timeout_s(self) -> float:
        """How long a stop of this service may take."""
        return self.shutdown_timeout_s

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
        return value if value.startswith("embedded:") else _check_address(value)

    @field_validator("database_direct_url")
    @classmethod
    def _check_direct(cls, value: str | None) -> str | None:
        return value and _check_address(value)

    @classmethod
    def read(cls, known_names: frozenset[str], **given: Any) -> Self:
        """Settings from the environment; `given` (by field, `None` for not given) goes before it.

        Raises `ConfigurationError` that names the variable.
        """
        refuse_unknown_names(os.environ, known_names)
        chosen = {name: value for name, value in given.items() if value is not None}
        for field in cls.model_fields:
            name = PREFIX + field.upper()
            if name in SECRETS and field not in chosen and (secret := read_secret(name)):
                chosen[field] = secret
        try:
            return cls(**chosen)
        except ValidationError as error:
            raise ConfigurationError(_sentence(error)) from None


def require_broker(settings: SharedSettings) -> None:
    """Raise `ConfigurationError` for a service of its own process on the broker in memory."""
    if any(url.startswith("memory:") for url in settings.amqp_url):
        raise ConfigurationError(
            "CLARION_AMQP_URL: memory:// lives in one process only. Give the amqp:// address of a "
            "RabbitMQ, or run everything in one process with: clarion dev"
        )


def refuse_unknown_names(environ: Mapping[str, str], known_names: frozenset[str]) -> None:
    """Raise `ConfigurationError` for a `CLARION_*` variable that nothing reads: a misspelling."""
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known_names:
            close = get_close_matches(name, known_names, n=1)
            hint = f" Did you mean {close[0]}?" if close else " See .env.example for all settings."
            raise ConfigurationError(f"{name} is not a setting of Clarion.{hint}")


def names_of(*settings: type[SharedSettings]) -> frozenset[str]:
    """The environment variables that these read."""
    names = frozenset(PREFIX + field.upper() for one in settings for field in one.model_fields)
    return names | frozenset(name + FILE_SUFFIX for name in names & SECRETS)


def _sentence(error: ValidationError) -> str:
    parts: list[str] = []
    for one in error.errors(include_input=False, include_url=False):
        name = PREFIX + str(one["loc"][0]).upper() if one["loc"] else "The settings"
        parts.append(f"{name}: {words_of(one)}.")
    return " ".join(parts)
