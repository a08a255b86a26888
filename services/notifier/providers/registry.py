"""Providers from their URLs: the one place that knows how these are spelled.

    smtp://user:password@host:587?from=Shop <no-reply@shop.example>&starttls=required
                                                                &helo=clarion.shop.example
    smtps://user:password@host:465?from=no-reply@shop.example
    twilio://AC...:token@?from=+15005550006        or  ?from=MG...  (a messaging service)
    capture://

`rate=10/s` (or `/m`, `/h`) bounds how often any of them is asked, over all notifiers. A character
that has a meaning in URLs is percent-encoded; `+` stands for itself. No sentence here repeats a
URL, which holds a password.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from email.utils import getaddresses
from urllib.parse import SplitResult, unquote, urlsplit

from clarion.errors import ConfigurationError
from clarion.render.mail_message import MailAddress
from clarion.rules.recipient_addresses import phone_number
from services.notifier.providers.capture import Capture
from services.notifier.providers.client_name import is_greeting_name
from services.notifier.providers.email import mailbox
from services.notifier.providers.provider import Provider
from services.notifier.providers.provider_chain import Carrier, Route
from services.notifier.providers.rates import Rate, parse_rate
from services.notifier.providers.smtp import Smtp
from services.notifier.providers.smtp_session import SmtpServer
from services.notifier.providers.twilio import TWILIO_API, Twilio, TwilioAccount

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

STARTTLS: Mapping[str, bool | None] = {"required": True, "auto": None, "no": False}


def open_routes(email: Sequence[str], sms: Sequence[str], *, timeout_s: float) -> dict[str, Route]:
    """The route of every channel that has a provider. Opens no connection.

    Raises `ConfigurationError` with a sentence that names the setting.
    """
    routes: dict[str, Route] = {}
    for channel, name, urls in (("email", "CLARION_EMAIL", email), ("sms", "CLARION_SMS", sms)):
        if urls:
            opened = [open_carrier(channel, name, url, timeout_s=timeout_s) for url in urls]
            routes[channel] = tuple(opened)
    return routes


def open_carrier(channel: str, setting: str, url: str, *, timeout_s: float) -> Carrier:
    """The provider at `url`, with its rate; errors as `open_routes`."""
    parts, port, query, rate = _parsed(url, setting)
    provider = _provider(channel, parts, port, query, setting, timeout_s)
    return Carrier(channel, provider, rate, secret=_credentials(parts)[1])


def smtp_servers(email: Sequence[str]) -> list[SmtpServer]:
    """The servers among the providers of email, as senders open them; errors as `open_routes`."""
    setting = "CLARION_EMAIL"
    parsed = [_parsed(url, setting) for url in email]
    return [
        _smtp_server(parts, port, query, setting)
        for parts, port, query, _ in parsed
        if parts.scheme in ("smtp", "smtps")
    ]


def _parsed(url: str, setting: str) -> tuple[SplitResult, int | None, dict[str, str], Rate | None]:
    """A provider's URL, its port, its query, and the rate, which every one may have."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{setting}: a provider URL cannot be read.") from None
    query = _query(parts.query, setting)
    return parts, port, query, _rate(query.pop("rate", None), setting)


def _provider(
    channel: str,
    parts: SplitResult,
    port: int | None,
    query: dict[str, str],
    setting: str,
    timeout_s: float,
) -> Provider:
    match channel, parts.scheme:
        case _, "capture":
            _refuse_unknown(query, set(), setting)
            return Capture()
        case "email", "smtp" | "smtps":
            return Smtp(_smtp_server(parts, port, query, setting), timeout_s=timeout_s)
        case "sms", "twilio":
            return Twilio(_twilio_account(parts, query, setting), timeout_s=timeout_s)
        case _:
            raise ConfigurationError(
                f"{setting}: {parts.scheme or 'nothing'}:// does not carry {channel}. "
                "Email goes by smtp:// or smtps://, SMS by twilio://, both by capture://."
            )


def _smtp_server(
    parts: SplitResult, port: int | None, query: dict[str, str], setting: str
) -> SmtpServer:
    _refuse_unknown(query, {"from", "starttls", "ca", "helo"}, setting)
    if not parts.hostname:
        raise ConfigurationError(f"{setting}: {parts.scheme}:// needs a host.")
    if not _can_be_looked_up(parts.hostname):
        raise ConfigurationError(f"{setting}: the host of {parts.scheme}:// is no name of a host.")
    user, password = _credentials(parts)
    starttls = query.get("starttls", "required" if user else "auto")
    if starttls not in STARTTLS:
        raise ConfigurationError(f"{setting}: starttls is one of required, auto, no.")
    helo = query.get("helo")
    if helo is not None and not is_greeting_name(helo):
        raise ConfigurationError(
            f"{setting}: helo is the name of this host, such as clarion.shop.example, or its "
            "address in brackets: [192.0.2.1]."
        )
    tls = parts.scheme == "smtps"
    return SmtpServer(
        host=parts.hostname,
        port=port or (465 if tls else 587),
        user=user,
        password=password,
        sender=_sender(query.get("from"), setting),
        tls=tls,
        starttls=False if tls else STARTTLS[starttls],
        context=_context(query.get("ca"), setting),
        helo=helo,
    )


def _twilio_account(parts: SplitResult, query: dict[str, str], setting: str) -> TwilioAccount:
    _refuse_unknown(query, {"from", "base"}, setting)
    sid, token = _credentials(parts)
    if not sid or not token:
        raise ConfigurationError(f"{setting}: write twilio://sid:token@?from=+15005550006.")
    sender = query.get("from", "")
    if not sender.startswith("MG") and phone_number(sender) is None:
        raise ConfigurationError(
            f"{setting}: from is a number such as +15005550006, or the sid of a messaging "
            "service (MG...)."
        )
    host = f"https://{parts.hostname}" if parts.hostname else TWILIO_API
    base = query.get("base", host).rstrip("/")
    if not _is_web_address(base):
        raise ConfigurationError(f"{setting}: the address of twilio:// is no https://host.")
    return TwilioAccount(sid, token, sender, base)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and _can_be_looked_up(parts.hostname or "")


def _can_be_looked_up(host: str) -> bool:
    """Whether the look-up takes it; what it does not would fail at each attempt, as a defect."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _rate(text: str | None, setting: str) -> Rate | None:
    rate = parse_rate(text) if text is not None else None
    if text is not None and rate is None:
        raise ConfigurationError(f"{setting}: rate is a number a second, minute or hour: 10/s.")
    return rate


def _sender(text: str | None, setting: str) -> MailAddress:
    if _CONTROL.search(text or ""):
        raise ConfigurationError(f"{setting}: from holds a control character.")
    written = getaddresses([text or ""])
    name, address = written[0] if len(written) == 1 else ("", "")
    sender = mailbox(address.strip(), name)
    if sender is None:
        raise ConfigurationError(f"{setting}: smtp:// needs ?from= with one email address.")
    return sender


def _context(bundle: str | None, setting: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=bundle)
    except (OSError, ssl.SSLError):
        raise ConfigurationError(f"{setting}: the file named by ca cannot be read.") from None


def _credentials(parts: SplitResult) -> tuple[str | None, str | None]:
    user = unquote(parts.username) if parts.username else None
    return user, unquote(parts.password) if parts.password else None


def _query(text: str, setting: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split("&") if part]
    query = {unquote(name): unquote(value) for name, _, value in pairs}
    if len(query) != len(pairs):
        raise ConfigurationError(f"{setting}: a parameter stands twice in a provider URL.")
    return query


def _refuse_unknown(query: Mapping[str, str], known: set[str], setting: str) -> None:
    for name in query.keys() - known:
        raise ConfigurationError(
            f"{setting}: {name} is not a parameter here; "
            f"known are {', '.join(sorted(known | {'rate'}))}."
        )
