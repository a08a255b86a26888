"""Where the database is: one reader of its URL, by the rules of libpq, for every connection.

    postgresql://[user[:password]@][host[:port],...][/database][?parameter=value&...]

What cannot work is refused with a sentence that holds no part of the password, for which the text
of a URL that was written wrongly may be taken: it names parameters, never values.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote_to_bytes

from clarion.store.address_parameters import (
    MAX_CONNECT_TIMEOUT_S,
    SYSTEM,
    TLS,
    AddressError,
    check_parameters,
    settings_of,
)

URL = re.compile(
    r"(?:postgresql|postgres)://"
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<hosts>[^/?]*)"
    r"(?:/(?P<database>[^?]*))?"
    r"(?:\?(?P<query>.*))?",
    re.DOTALL,
)
HOST = re.compile(r"(?:\[(?P<bracketed>[^\]]*)\]|(?P<plain>[^:\[\]]*))(?::(?P<port>[^:\[\]]*))?")
NOT_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})|%00|[\x00-\x1f\x7f]")
SPECIAL = "Write @ : / % # ? in a user name or password percent-encoded, such as %40 for @"


class Pooler(StrEnum):
    """What stands between Clarion and PostgreSQL."""

    NONE = "none"
    SESSION = "session"
    TRANSACTION = "transaction"


@dataclass(frozen=True, slots=True)
class Host:
    """One server that may be asked; without a port it is the usual one."""

    name: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """What a URL says. None and empty stand for libpq's defaults (`PGUSER`, `PGPASSFILE`, ...)."""

    hosts: tuple[Host, ...] = ()
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """What sessions begin with, from `options` and `application_name`."""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `AddressError`, a `ValueError` whose text is the sentence."""
        match = URL.fullmatch(url.strip())
        if match is None:
            raise AddressError("write embedded: or postgresql://user:password@host/database")
        if "@" in match["hosts"]:
            raise AddressError(f"there is more than one @ before the host. {SPECIAL}")
        if "@" in (match["database"] or ""):  # what is before it, password and all, is no host
            raise AddressError(f"there is an @ after the host. {SPECIAL}")
        try:
            return cls._of(match)
        except AddressError as error:
            if "@" in (match["query"] or ""):  # user and password may reach up to there
                raise AddressError(f"it cannot be read. {SPECIAL}") from None
            raise error from None

    @classmethod
    def _of(cls, match: re.Match[str]) -> Self:
        given = _query(match["query"] or "")
        check_parameters(given)
        database = given.get("dbname") or given.get("database")
        return cls(
            hosts=_hosts(match["hosts"], given),
            user=given.get("user") or _decoded(match["user"], "the user name") or None,
            password=given.get("password") or _decoded(match["password"], "the password") or None,
            database=database or _decoded(match["database"], "the database's name") or None,
            settings=settings_of(given),
            parameters=given,
        )

    @property
    def connect_timeout_s(self) -> float | None:
        """How long to wait for one host, where the URL says."""
        seconds = int(self.parameters.get("connect_timeout") or 0)
        return float(min(max(seconds, 2), MAX_CONNECT_TIMEOUT_S)) if seconds > 0 else None

    @property
    def session_kind(self) -> str:
        """`target_session_attrs`: of several hosts the one that can be written, unless said."""
        given = self.parameters.get("target_session_attrs")
        several = "read-write" if len(self.hosts) > 1 else "any"
        return given or os.environ.get("PGTARGETSESSIONATTRS") or several

    @property
    def verifies_by_system(self) -> bool:
        """Whether the server's certificate is judged by the system's authorities."""
        return self.parameters.get("sslrootcert") == SYSTEM

    @property
    def tls_query(self) -> str:
        """A URL that holds nothing but how to encrypt, for a driver that reads it from there."""
        given = {name: value for name, value in self.parameters.items() if name in TLS and value}
        if "ssl" in given:  # as JDBC and SQLAlchemy write it
            mode = given.pop("ssl")
            given.setdefault("sslmode", "require" if mode == "true" else mode)
        return "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())

    def check_files(self) -> None:
        """Raises `AddressError` where a file that the URL names cannot be read."""
        for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
            path = self.parameters.get(name)
            if path and not (name == "sslrootcert" and path == SYSTEM):
                _check_file(name, path)


def _check_file(name: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            return
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise AddressError(f"the file of {name} cannot be read ({reason})") from None


def _decoded(text: str | None, what: str) -> str:
    if text is None:
        return ""
    if NOT_ENCODED.search(text):
        raise AddressError(f"{what} has a % that begins no code, or a control character. {SPECIAL}")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:  # or its octets in the environment were none
        raise AddressError(f"{what} is not UTF-8 once it is decoded") from None


def _query(query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, is_given, value = part.partition("=")
        if not is_given:
            raise AddressError("write its parameters as name=value with & between them")
        given[_decoded(name, "a parameter's name")] = _decoded(value, "a parameter's value")
    return given


def _hosts(text: str, given: Mapping[str, str]) -> tuple[Host, ...]:
    """Those of the parameter `host` go before those of the URL's own place, and so with `port`."""
    if given.get("host"):
        names = given["host"].split(",")
        ports = [""]
    else:
        pairs = [_name_and_port(one) for one in text.split(",")]
        names, ports = [name for name, _ in pairs], [port for _, port in pairs]
    if given.get("port"):
        ports = given["port"].split(",")
    if len(ports) == 1:
        ports *= len(names)
    if len(ports) != len(names):
        raise AddressError("give one port, or as many as hosts")
    return tuple(_host(name, port) for name, port in zip(names, ports, strict=True))


def _name_and_port(text: str) -> tuple[str, str]:
    match = HOST.fullmatch(text)
    if match is None:
        raise AddressError(f"a host is not host, host:port or [IPv6]:port. {SPECIAL}")
    return _decoded(match["bracketed"] or match["plain"], "a host"), match["port"] or ""


def _host(name: str, port: str) -> Host:
    if name.startswith("@"):
        raise AddressError("sockets in the abstract namespace cannot be used")
    if not name.startswith("/"):
        _check_name(name)
    return Host(name, _port(port))


def _check_name(name: str) -> None:
    """The resolver breaks at what this refuses, each time a connection is opened."""
    try:
        name.encode("idna")
    except UnicodeError:
        raise AddressError(
            f"a host's name has a part that is empty, too long or impossible. {SPECIAL}"
        ) from None


def _port(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65_536:
        raise AddressError(f"a port is a number from 1 to 65535. {SPECIAL}")
    return int(text)
