"""Requests and answers of the calls on subscribers, topics and tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from clarion.contracts.addresses import email_fault, locale_fault, phone_fault, timezone_fault
from services.gateway.admin.history.schemas import Bound
from services.gateway.admin.schemas import NO_NUL, Given, Identifier, Time

MAX_BULK = 1_000


def _good(fault_of: Callable[[str], str | None]) -> AfterValidator:
    def check(value: str) -> str:
        fault = fault_of(value)
        if fault is not None:
            raise ValueError(fault)
        return value

    return AfterValidator(check)


Email = Annotated[str, Field(max_length=320), _good(email_fault)]
Phone = Annotated[str, Field(max_length=32), _good(phone_fault)]
Locale = Annotated[str, Field(max_length=35), _good(locale_fault)]
Timezone = Annotated[str, Field(max_length=64), _good(timezone_fault)]
Attributes = dict[str, Any]


class SubscriberBody(Given):
    """Replaces the description of a subscriber; omitted fields are cleared."""

    email: Email | None = None
    phone: Phone | None = Field(default=None, description="E.164")
    locale: Locale | None = None
    timezone: Timezone | None = Field(default=None, description="IANA name")
    attributes: Attributes | None = None


class Subscriber(BaseModel):
    id: str
    email: str | None
    phone: str | None
    locale: str | None
    timezone: str | None
    attributes: dict[str, Any] | None
    created_at: Time
    updated_at: Time


class TopicBody(Given):
    name: str | None = Field(default=None, max_length=200, pattern=NO_NUL)


class Topic(BaseModel):
    id: str
    name: str | None
    created_at: Time


class Member(BaseModel):
    subscriber: str
    created_at: Time


class MembersBody(Given):
    subscribers: list[Identifier] = Field(min_length=1, max_length=MAX_BULK)


class Added(BaseModel):
    added: int = Field(description="number of new members")


class TokenBody(Given):
    subscriber: Identifier
    ttl_s: int | None = Field(default=None, ge=10, le=86_400, strict=True)
    publish: list[Identifier] = Field(default_factory=list[str], max_length=100)


class Token(BaseModel):
    """`shard`, for `?shard=` in the address of the live feed, only where there are several."""

    token: str
    expires_at: Time
    shard: int | None = None


class RevocationQuery(Given):
    """Which tokens; by default all issued until now."""

    jti: str | None = Field(default=None, min_length=1, max_length=256, pattern=NO_NUL)
    issued_before: Bound | None = None


class RevocationRecord(BaseModel):
    """Revoked tokens: one by its `jti`, or all issued before a time."""

    subscriber: str
    jti: str | None
    issued_before: Time | None
    kept_until: Time
