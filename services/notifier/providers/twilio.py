"""SMS by Twilio's Messages resource.

Twilio documents no idempotency key for it. The delivery's id is sent as `Idempotency-Key` anyway,
for a proxy or a later version of the API; until then a duplicate SMS is possible after a timeout
(`Unknown`) or a crash between the answer and our commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2

from clarion.render.gsm7 import segments
from clarion.render.sms_text import sms_text
from clarion.rules.outcomes import Failed, Health, Outcome, Retry, Sent, Unknown
from clarion.rules.recipient_addresses import phone_number
from services.notifier import metrics
from services.notifier.providers.composing import composed
from services.notifier.providers.provider import Outgoing
from services.notifier.providers.provider_url import ProviderUrl, can_be_looked_up

TWILIO_API = "https://api.twilio.com"
MAX_DETAIL = 500

PERMANENT: Mapping[int, str] = {
    21211: "invalid_address",
    21214: "invalid_address",
    21217: "invalid_address",
    21265: "invalid_address",
    21421: "invalid_address",
    21602: "rejected",
    21610: "unsubscribed",
    21614: "not_a_mobile_number",
    21617: "too_long",
    30003: "unreachable_address",
    30005: "unreachable_address",
    30006: "not_a_mobile_number",
}
"""Our reasons for Twilio's codes of permanent failures."""

ABOUT_US: Mapping[int, str] = {
    21212: "sender_refused",
    21219: "address_not_verified",
    21408: "region_not_allowed",
    21603: "sender_refused",
    21606: "sender_refused",
    21608: "address_not_verified",
    21612: "unreachable_address",
    21659: "sender_refused",
    21660: "sender_refused",
    21661: "sender_refused",
    21701: "sender_refused",
    21703: "sender_refused",
    21704: "sender_refused",
    21705: "sender_refused",
}
"""Permanent failures of our account, its numbers or permissions: another provider may accept."""

TOO_MANY_REQUESTS = 429
REFUSED = (401, 403, 404)
"""A wrong account, token or address: an operator can repair it."""

TRANSIENT = frozenset({20429, 21611})
"""Too many requests, or the sender's queue is full; independent of the status."""

TOO_MANY_TO_ONE_NUMBER = 14107
"""Twilio's guard against loops: concerns one recipient, independent of the status."""

OF_ONE_REQUEST = range(21_000, 22_000)
"""Codes about a single request: an unknown one says nothing about the account."""


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """`sender` is a number in E.164, or the sid of a messaging service."""

    sid: str
    token: str = field(repr=False)
    sender: str = ""
    base: str = TWILIO_API


def open_twilio(url: ProviderUrl, timeout_s: float) -> Twilio:
    """`twilio://AC...:token@?from=+15005550006`, or `?from=MG...` (a messaging service)."""
    return Twilio(_account(url), timeout_s=timeout_s)


class Twilio:
    """The provider `twilio://`."""

    def __init__(self, account: TwilioAccount, *, timeout_s: float) -> None:
        self._account = account
        self._url = f"{account.base}/2010-04-01/Accounts/{account.sid}/Messages.json"
        self._client = httpx2.AsyncClient(
            auth=(account.sid, account.token), timeout=timeout_s, follow_redirects=False
        )

    @property
    def name(self) -> str:
        """Distinguishes accounts by the end of their sid."""
        return f"twilio:{self._account.sid[-4:]}"

    async def send(self, delivery: Outgoing) -> Outcome:
        """See `Provider.send`."""
        body = composed(delivery, lambda: sms_text(delivery.content))
        if isinstance(body, Failed):
            return body
        service = self._account.sender.startswith("MG")
        form = {
            "To": delivery.recipient,
            "MessagingServiceSid" if service else "From": self._account.sender,
            "Body": body,
        }
        headers = {"Idempotency-Key": str(delivery.id)}
        try:
            response = await self._client.post(self._url, data=form, headers=headers)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return Retry("provider_unreachable", detail=type(error).__name__)
        except httpx2.TimeoutException as error:
            return Unknown("timeout", detail=type(error).__name__)
        except httpx2.HTTPError as error:
            return Unknown("connection_lost", detail=type(error).__name__)
        outcome = outcome_of(response)
        if isinstance(outcome, Sent):
            metrics.SMS_SEGMENTS.labels(self.name).inc(segments(body))
        return outcome

    async def close(self) -> None:
        """See `Provider.close`."""
        await self._client.aclose()


def _account(url: ProviderUrl) -> TwilioAccount:
    url.allow_parameters("from", "base")
    if not url.user or not url.password:
        raise url.refused("write twilio://sid:token@?from=+15005550006.")
    sender = url.parameters.get("from", "")
    if not sender.startswith("MG") and phone_number(sender) is None:
        raise url.refused(
            "from is a number such as +15005550006, or the sid of a messaging service (MG...)."
        )
    port = "" if url.port is None else f":{url.port}"
    host = f"https://{url.host}{port}" if url.host else TWILIO_API
    base = url.parameters.get("base", host).rstrip("/")
    if not _is_web_address(base):
        raise url.refused("the address of twilio:// is no https://host.")
    return TwilioAccount(url.user, url.password, sender, base)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and can_be_looked_up(parts.hostname or "")


def outcome_of(response: httpx2.Response) -> Outcome:
    """The outcome of Twilio's answer."""
    body = _json(response)
    if response.is_success:
        return Sent(_text(body.get("sid")), str(response.status_code), _text(body.get("status")))
    status, number = response.status_code, body.get("code")
    code = number if isinstance(number, int) else 0
    shown, detail = str(code or status), _text(body.get("message"))
    never = PERMANENT.get(code)
    if never is not None:
        return Failed(never, shown, detail)
    if code in ABOUT_US:
        return Failed(ABOUT_US[code], shown, detail, elsewhere=True)
    asked_s = retry_after_s(response.headers.get("retry-after"))
    if code == TOO_MANY_TO_ONE_NUMBER:
        return Retry("rate_limited", asked_s, shown, detail, Health.WORKS)
    if status == TOO_MANY_REQUESTS or code in TRANSIENT:
        return Retry("rate_limited", asked_s, shown, detail)
    if status < 400 or (status in REFUSED and code not in OF_ONE_REQUEST):
        return Retry("provider_refused_credentials", asked_s, shown, detail)
    if status >= 500:
        return Retry("provider_error", asked_s, shown, detail)
    return Failed("rejected", shown, detail)


def retry_after_s(value: str | None) -> float | None:
    """`Retry-After` in seconds: a number or a date; None if invalid."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _json(response: httpx2.Response) -> dict[str, Any]:
    try:
        body: object = response.json()
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _text(value: object) -> str | None:
    return value[:MAX_DETAIL] if isinstance(value, str) else None
