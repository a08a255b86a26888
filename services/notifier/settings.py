"""Settings of the notifier."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from clarion.contracts.ids import SUBSCRIBER_ID_PATTERN
from clarion.settings import SharedSettings
from services.notifier.fail_points import read
from services.notifier.time_limits import stop_time_s

DEFAULT_TENANT = "default"
DEFAULT_AMQP_SOURCE = "amqp"
EVERY_USER = "*"

PROVIDER_CHANNELS = ("email", "sms")
"""Channels with providers, each configured by the field of the same name."""

AmqpTenants = dict[str, tuple[str, str]]


class NotifierSettings(SharedSettings):
    """Settings of the notifier besides the shared ones."""

    port: int = Field(default=8002, ge=0, le=65535)
    email: Annotated[list[str], NoDecode] = Field(default=["capture://"], repr=False)
    """Provider URLs in order of preference."""
    sms: Annotated[list[str], NoDecode] = Field(default=["capture://"], repr=False)
    """Provider URLs in order of preference."""
    plan_batch_size: int = Field(default=256, ge=1, le=1_000)
    plan_workers: int = Field(default=1, ge=1, le=16)
    send_concurrency: int = Field(default=16, ge=1, le=256)
    send_timeout_s: float = Field(default=30.0, gt=0, le=300)
    amqp_tenants: Annotated[AmqpTenants, NoDecode] = Field(
        default_factory=dict[str, tuple[str, str]]
    )
    """AMQP user -> (tenant, source); `*` for any other user."""
    captures_kept: int = Field(default=1_000, ge=1, le=1_000_000)
    clock_jump_s: float = Field(default=0.0, ge=-1e9, le=1e9)
    """For tests only: the offset that SIGUSR1 adds to the clock of this process."""
    fail_point: str = ""
    """For tests only: where the process kills itself; see `fail_points`."""

    @property
    def providers(self) -> dict[str, list[str]]:
        """Provider URLs by channel."""
        return {channel: getattr(self, channel) for channel in PROVIDER_CHANNELS}

    @property
    def stop_timeout_s(self) -> float:
        """At least as long as one attempt: a cancelled attempt may lead to a duplicate."""
        return stop_time_s(self.shutdown_timeout_s, self.send_timeout_s)

    @field_validator(*PROVIDER_CHANNELS, mode="before")
    @classmethod
    def _split_providers(cls, value: object) -> object:
        return re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else value

    @field_validator(*PROVIDER_CHANNELS)
    @classmethod
    def _check_providers(cls, value: list[str]) -> list[str]:
        if not value or not all("://" in url for url in value):
            raise ValueError("write provider URLs with commas between them, such as capture://")
        return value

    @field_validator("fail_point")
    @classmethod
    def _check_fail_point(cls, value: str) -> str:
        if value:
            read(value)
        return value

    @field_validator("amqp_tenants", mode="before")
    @classmethod
    def _read_tenants(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return dict(_amqp_tenant(part) for part in value.split(",") if part.strip())

    def amqp_identity(self, user: str | None) -> tuple[str, str] | None:
        """(tenant, source) for which this AMQP user publishes; `None` if it may not publish.

        Without a mapping every user publishes for the tenant `default`. With one, a message
        without `user_id` is refused: `*` matches any other user, not a missing one.
        """
        if not self.amqp_tenants:
            return DEFAULT_TENANT, user or DEFAULT_AMQP_SOURCE
        if user is None:
            return None
        return self.amqp_tenants.get(user) or self.amqp_tenants.get(EVERY_USER)


def _amqp_tenant(text: str) -> tuple[str, tuple[str, str]]:
    user, _, rest = text.strip().partition("=")
    tenant, _, source = rest.partition("/")
    if not user or not re.match(SUBSCRIBER_ID_PATTERN, tenant):
        raise ValueError("write user=tenant/source with commas between them, such as shop=acme/web")
    return user, (tenant, source or (DEFAULT_AMQP_SOURCE if user == EVERY_USER else user))
