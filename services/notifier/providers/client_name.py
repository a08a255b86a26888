"""The EHLO name for SMTP servers: the host's, else its address (RFC 5321, 4.1.1.1)."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from functools import cache

LOOKUP_TIMEOUT_S = 2.0
"""After this time without an answer of DNS the address is used."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"(?=.{{1,255}}\Z){_LABEL}(?:\.{_LABEL})*\Z")


async def own_fqdn() -> str | None:
    """The host's fully qualified name, if any."""
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT_S):
            return await asyncio.to_thread(_looked_up)
    except TimeoutError:
        return None


@cache
def _looked_up() -> str | None:
    name = socket.getfqdn()
    return name if is_fqdn(name) else None


def is_fqdn(name: str) -> bool:
    """Whether `name` is a fully qualified host name that servers accept."""
    labels = name.split(".")
    is_local = labels[0] == "localhost" or labels[-1] in ("localhost", "localdomain")
    return (
        bool(DOMAIN.match(name)) and len(labels) > 1 and not is_local and not labels[-1].isdigit()
    )


def address_literal(address: str) -> str:
    """`[192.0.2.1]` or `[IPv6:2001:db8::1]`."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return f"[IPv6:{parsed}]" if parsed.version == 6 else f"[{parsed}]"


def is_greeting_name(text: str) -> bool:
    """Whether `text` may stand after EHLO: a domain, or an address literal."""
    if DOMAIN.match(text):
        return True
    address = text[1:-1].removeprefix("IPv6:")
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return False
    return text == (f"[IPv6:{address}]" if version == 6 else f"[{address}]")
