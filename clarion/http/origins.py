"""Which web pages may call: the one owner of the rule, for WebSocket, event stream and CORS.

An entry is an origin (`https://app.example.com`) or all subdomains of a domain
(`https://*.example.com`): any number of labels, never the domain itself, which is listed beside it
where it is meant. Scheme and port are part of both; a scheme's default port may be written or left
out. Hosts are compared as browsers send them: in lower case, and IDNA-encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import idna

DEFAULT_PORTS = {"http": 80, "https": 443}
WILDCARD = "*."
MAX_PORT = 65_535
MAX_HOST = 253
MAX_ORIGIN = len("https://") + MAX_HOST + len(":65535")
MAX_REMEMBERED = 1_024
"""Origins and hosts that were read: the same ones come with every handshake."""
LOCAL_DOMAINS = frozenset({"localhost", "test", "local", "internal"})
"""Unregistrable domains of one label: a wildcard below any other would cover a whole top-level
domain."""

_ORIGIN = re.compile(r"(https?)://([^/?#@\\:\[\]\s]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_LABEL = "[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"\[[0-9a-f:.]+\]|{_LABEL}(?:\.{_LABEL})*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class _Parts(NamedTuple):
    scheme: str
    host: str
    port: int


class AllowedOrigins:
    """The origins beside a page's own host that browsers may call from."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Raises `ValueError`, as `normalised_entry`."""
        parsed = [_entry_parts(entry) for entry in entries]
        self._exact = frozenset(one for one in parsed if not one.host.startswith(WILDCARD))
        self._domains = frozenset(
            one._replace(host=one.host.removeprefix(WILDCARD))
            for one in parsed
            if one.host.startswith(WILDCARD)
        )

    def __bool__(self) -> bool:
        return bool(self._exact or self._domains)

    def lists(self, origin: str) -> bool:
        """Whether an entry names this origin, as a browser sends it."""
        parts = _parts(origin)
        if parts is None:
            return False
        return parts in self._exact or (bool(self._domains) and self._is_below_a_domain(parts))

    def may_listen(self, origin: str, hosts: Sequence[str]) -> bool:
        """Whether a page of this origin may open a feed: it is listed, or of the host that the
        request names, once."""
        return self.lists(origin) or (len(hosts) == 1 and is_same_host(origin, hosts[0]))

    def _is_below_a_domain(self, parts: _Parts) -> bool:
        label, dot, domain = parts.host.partition(".")
        while label and dot:
            if parts._replace(host=domain) in self._domains:
                return True
            label, dot, domain = domain.partition(".")
        return False


def is_same_host(origin: str, host: str) -> bool:
    """Whether a page of this origin was served by this host: the port counts, and http and https
    are one, for a proxy may have ended TLS."""
    parts = _parts(origin)
    if parts is None:
        return False
    return parts == _parts(f"{parts.scheme}://{host.strip()}")


def normalised_entry(entry: str) -> str:
    """An entry as browsers write origins: lower case, IDNA-encoded, without a default port.

    Raises `ValueError` with a sentence for what is neither an origin nor the subdomains of a
    domain.
    """
    scheme, host, port = _entry_parts(entry)
    return f"{scheme}://{host}" + (f":{port}" if port != DEFAULT_PORTS[scheme] else "")


def _entry_parts(entry: str) -> _Parts:
    found = _ORIGIN.fullmatch(entry.lower())
    if found is None:
        raise ValueError("write origins with commas between them, such as https://app.example.com")
    scheme, host, port = found.groups()
    wildcard = WILDCARD if host.startswith(WILDCARD) else ""
    domain = _ascii_host(host.removeprefix(WILDCARD))
    parts = _parts(f"{scheme}://{domain}" + (f":{port}" if port else ""))
    if parts is None or (wildcard and not _has_subdomains(parts.host)):
        raise ValueError(
            "write origins with commas between them, such as https://app.example.com; "
            "https://*.example.com stands for all subdomains of a domain"
        )
    return parts._replace(host=wildcard + parts.host)


def _parts(origin: str) -> _Parts | None:
    """`None` for what is no origin of a page, such as `null`."""
    return _read(origin) if len(origin) <= MAX_ORIGIN else None


@lru_cache(maxsize=MAX_REMEMBERED)
def _read(origin: str) -> _Parts | None:
    found = _ORIGIN.fullmatch(origin.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    number = int(port) if port else DEFAULT_PORTS[scheme]
    if len(host) > MAX_HOST or not _HOST.fullmatch(host) or not 0 < number <= MAX_PORT:
        return None
    return _Parts(scheme, host, number)


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError("a host is no domain name") from None


def _has_subdomains(host: str) -> bool:
    """Whether it is a domain below which only its owner makes names, as far as one can tell."""
    labels = host.rstrip(".").split(".")
    is_address = host.startswith("[") or _NUMBER.fullmatch(labels[-1]) is not None
    return not is_address and (len(labels) > 1 or labels[0] in LOCAL_DOMAINS)
