"""The meaning of SMTP answers: a fault of the recipient, of the message, or of our set-up.

| answer | at | outcome |
|---|---|---|
| 2xx | after the content | `Sent` |
| none, or an invalid one | after the content | `Unknown` |
| 4xx, 5xx whose enhanced code is 4.x.x | any step | `Retry` |
| 5xx about the recipient or the content | recipient, content | `Failed` |
| 5xx about us: our name, sender, right to relay, limit | any step | `Failed`, `elsewhere` |
| 5xx at the greeting or login, login required | up to the sender | `Retry`: can be repaired |
| connection lost | before the content | `Retry` |

Faults of ours are recognised by the reply code (RFC 5321, 7504), the enhanced code (RFC 3463 and
its registry), and, because 5.7.1 has many meanings, the texts of common servers.
"""

from __future__ import annotations

import re
from enum import StrEnum

from clarion.rules.outcomes import Failed, Health, Outcome, Retry, Sent, Unknown

MAX_DETAIL = 500


class Step(StrEnum):
    """The progress of a session."""

    CONNECT = "connect"
    HELLO = "hello"
    TLS = "tls"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    CONTENT = "content"


ABOUT_RECIPIENT_OR_CONTENT = {
    "5.1.1": "address_refused",
    "5.1.2": "address_refused",
    "5.1.3": "address_refused",
    "5.1.6": "address_refused",
    "5.1.10": "address_refused",
    "5.2.1": "mailbox_disabled",
    "5.2.2": "mailbox_full",
    "5.2.3": "too_large",
    "5.3.4": "too_large",
    "5.7.1": "refused_by_policy",
    "5.7.2": "refused_by_policy",
    "5.7.17": "address_refused",
    "5.7.18": "address_refused",
}
"""Our reason for an enhanced code, at any step."""

ABOUT_US = {
    "5.1.7": "sender_refused",
    "5.1.8": "sender_refused",
    "5.3.2": "server_accepts_no_mail",
    "5.4.5": "sending_limit_reached",
    "5.6.7": "address_needs_smtputf8",
    "5.6.9": "address_needs_smtputf8",
    "5.7.27": "sender_refused",
    "5.7.54": "relay_denied",
    "5.7.60": "sender_refused",
    "5.7.64": "relay_denied",
} | {f"5.7.{number}": "sender_not_authenticated" for number in range(20, 27)}
ABOUT_US_BY_KIND = {
    "5.3": "server_misconfigured",
    "5.5": "command_refused",
    "5.7": "refused_by_policy",
}
"""Reasons for all other answers."""

TOO_LARGE = ("5.2.3", "5.3.4")
COMMAND_REFUSED = (500, 501, 502, 503, 504, 555)
LOGIN_REFUSED = (530, 534, 535, 538)
BEFORE_RECIPIENT = (Step.CONNECT, Step.HELLO, Step.TLS, Step.LOGIN, Step.SENDER)
"""Answers at these steps concern every delivery; later ones may concern this one alone."""
ACCEPTS_NO_MAIL = 521
NOT_LOCAL = 551
TRANSACTION_FAILED = 554
CLOSING = 421

_HELLO_WORDS = re.compile(r"\b(helo|ehlo)\b", re.IGNORECASE)
_RELAY_WORDS = re.compile(
    r"\brelay(?! recipient)|rcpthosts|not (in )?(my|a|our) local domain", re.IGNORECASE
)
_CLIENT_WORDS = re.compile(
    r"client host|\bblocked using\b|\b(dnsbl|rbl)s?\b|spamhaus|(block|black) ?list"
    r"|\bip( address)?\b.*\b(block|list|denied|banned)|reverse dns|\bptr\b"
    r"|(not|un) ?authenticated|must authenticate|\bauth(entication)? (is )?required"
    r"|\bis listed (at|by|in|on)\b|blackhole|\byour account\b.*\b(suspend|disabled|blocked)",
    re.IGNORECASE,
)
_SENDER_WORDS = re.compile(
    r"sender (address )?(rejected|refused|denied|not allowed|verif)|\b(spf|dkim|dmarc)\b"
    r"|(?<!recipient )(address|domain|identity|sender) (is )?not verified"
    r"|(permissions?|not (allowed|permitted|authori[sz]ed)) to send(?! to\b)",
    re.IGNORECASE,
)
_LIMIT_WORDS = re.compile(
    r"\b(daily|hourly|sending|outgoing)\b.*\b(limit|quota)\b.*exceeded"
    r"|exceeded\b.*\b(sending|outgoing|daily|hourly|per (hour|day))\b",
    re.IGNORECASE,
)
_ADDRESSES = re.compile(r"<[^>]*>|\S+@\S+")
"""Removed before matching: a recipient may be called `relay`."""
_WORDS = (
    (_HELLO_WORDS, "helo_refused"),
    (_RELAY_WORDS, "relay_denied"),
    (_CLIENT_WORDS, "client_refused"),
    (_SENDER_WORDS, "sender_refused"),
    (_LIMIT_WORDS, "sending_limit_reached"),
)
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


def outcome_of_answer(step: Step, code: int, message: str) -> Outcome:
    """The outcome of an answer that ends the dialogue."""
    enhanced = _enhanced(message)
    shown, detail = f"{code} {enhanced}".rstrip(), clipped(message)
    if step is Step.CONTENT and 200 <= code < 300:
        return Sent(None, str(code), detail)
    if not 400 <= code < 600:
        if step is Step.CONTENT:
            return Unknown("unreadable_answer", detail)
        return Retry("protocol_error", None, shown, detail)
    if code == ACCEPTS_NO_MAIL:
        health = Health.FAILING if step is Step.CONNECT else Health.WORKS
        return Failed("server_accepts_no_mail", shown, detail, elsewhere=True, health=health)
    asks_login = code in LOGIN_REFUSED and step in BEFORE_RECIPIENT
    if asks_login or (step is Step.LOGIN and code >= 500):
        return Retry("provider_refused_credentials", None, shown, detail)
    if step in (Step.CONNECT, Step.TLS, Step.LOGIN) or (step is Step.HELLO and code < 500):
        return Retry("provider_unavailable", None, shown, detail)
    if code < 500 or enhanced.startswith("4."):
        health = Health.FAILING if code == CLOSING else Health.WORKS
        return Retry("deferred", None, shown, detail, health)
    if step is Step.HELLO:
        return Failed("helo_refused", shown, detail, elsewhere=True, health=Health.FAILING)
    ours = _fault_of_ours(step, code, enhanced, message)
    if ours is not None:
        return Failed(ours, shown, detail, elsewhere=True)
    default = "address_refused" if step is Step.RECIPIENT else "rejected"
    return Failed(ABOUT_RECIPIENT_OR_CONTENT.get(enhanced, default), shown, detail)


def _fault_of_ours(step: Step, code: int, enhanced: str, message: str) -> str | None:
    """The reason if a 5xx is a fault of ours; None if it concerns the recipient or the message."""
    if step is not Step.SENDER and enhanced in ABOUT_RECIPIENT_OR_CONTENT.keys() - {"5.7.1"}:
        return None
    text = _ADDRESSES.sub("", message)
    for words, reason in _WORDS:
        if words.search(text):
            return reason
    if enhanced in ABOUT_US:
        return ABOUT_US[enhanced]
    if step is Step.SENDER and enhanced not in TOO_LARGE:
        return "command_refused" if code in COMMAND_REFUSED else "sender_refused"
    if code in LOGIN_REFUSED:
        return "client_refused"
    kind = enhanced.rpartition(".")[0]
    if enhanced not in ABOUT_RECIPIENT_OR_CONTENT and kind in ABOUT_US_BY_KIND:
        return ABOUT_US_BY_KIND[kind]
    if code in COMMAND_REFUSED:
        return "command_refused"
    if step is Step.RECIPIENT and code == NOT_LOCAL:
        return "relay_denied"
    if step is Step.DATA or (step is Step.RECIPIENT and code == TRANSACTION_FAILED):
        return ABOUT_RECIPIENT_OR_CONTENT.get(enhanced, "command_refused")
    return None


def clipped(text: str) -> str:
    """`text` truncated for storage."""
    return text.replace("\0", "")[:MAX_DETAIL]


def _enhanced(message: str) -> str:
    match = _ENHANCED.match(message)
    return match[1] if match else ""
