"""The parameters that a database URL may bear, and what may not be asked by them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

MAX_CONNECT_TIMEOUT_S = 60
SYSTEM = "system"

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
VERIFYING = ("verify-ca", "verify-full")

CHOICES: Mapping[str, tuple[str, ...]] = {
    "sslmode": SSL_MODES,
    "ssl": ("true", *SSL_MODES),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "primary", "read-write"),
    "channel_binding": ("disable", "prefer"),
    "gssencmode": ("disable", "prefer"),
    "client_encoding": ("utf8", "UTF8", "utf-8", "UTF-8", "auto"),
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
}
"""What libpq takes beside these, Clarion or its driver cannot do: it writes, in UTF-8, and knows
neither channel binding nor encryption by Kerberos."""

TLS = frozenset(
    {
        "ssl",
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslcrl",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "service",
    }
)
KNOWN = TLS | {
    *CHOICES,
    "host",
    "port",
    "user",
    "password",
    "passfile",
    "dbname",
    "database",
    "connect_timeout",
    "application_name",
    "fallback_application_name",
    "options",
    "krbsrvname",
    "gsslib",
}

SECRETS = frozenset({"password", "sslpassword"})

OPTION = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)=(?P<value>.*)", re.DOTALL)
PLUS = re.compile(r"\+(?=-)|(?<=-c)\+")
"""A space as HTML forms write it, where nothing else can be meant."""


class AddressError(ValueError):
    """A sentence, but for its full stop, that says what is wrong and what to write, without a part
    of the URL's values."""


def check_parameters(given: Mapping[str, str]) -> None:
    """Raises `AddressError` for the first that is unknown, or asks for what cannot be had."""
    for name, value in given.items():
        if name not in KNOWN:
            raise AddressError(_unknown(name, is_hidden=not SECRETS.isdisjoint(given)))
        choices = CHOICES.get(name)
        if choices and value not in choices:
            raise AddressError(f"its parameter {name} can be {', '.join(choices)}; nothing else")
    timeout = given.get("connect_timeout", "")
    if timeout and not re.fullmatch(r"-?[0-9]{1,9}", timeout):
        raise AddressError("its parameter connect_timeout is a number of seconds")
    _check_verification(given)


def settings_of(given: Mapping[str, str]) -> dict[str, str]:
    """What a session begins with: `options` and the application's name."""
    settings = _options(given.get("options", ""))
    name = given.get("application_name") or given.get("fallback_application_name")
    if name:
        settings["application_name"] = name
    return settings


def _unknown(name: str, *, is_hidden: bool) -> str:
    """`is_hidden` where the name may be the rest of a password that holds a `&`."""
    if is_hidden:
        return "one of its parameters is not known here. Write & = % in a password percent-encoded"
    shown = name if re.fullmatch(r"[A-Za-z_]{1,40}", name) else "one"
    close = get_close_matches(name, KNOWN, n=1)
    hint = f"or write {close[0]}" if close else f"known are {', '.join(sorted(KNOWN))}"
    return f"its parameter {shown} is not known here: leave it out, {hint}"


def _check_verification(given: Mapping[str, str]) -> None:
    mode = given.get("sslmode") or given.get("ssl", "")
    root = given.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    if root == SYSTEM and mode != "verify-full":
        raise AddressError("sslrootcert=system needs sslmode=verify-full")
    if mode in VERIFYING and not root and not _home_root().exists() and "service" not in given:
        raise AddressError(
            f"sslmode={mode} needs the certificate of the authority: "
            "sslrootcert=/path/ca.crt, or sslrootcert=system with verify-full"
        )


def _home_root() -> Path:
    return Path(os.path.expanduser("~")) / ".postgresql/root.crt"  # noqa: PTH111 (never raises)


def _options(text: str) -> dict[str, str]:
    """`-c name=value` and `--name=value`; other switches of the server have no place here."""
    settings: dict[str, str] = {}
    try:
        words = shlex.split(PLUS.sub(" ", text))
    except ValueError:
        raise AddressError("its parameter options has a quotation that does not end") from None
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word = words.pop(0)
        elif word.startswith(("-c", "--")):
            word = word[2:]
        else:
            word = ""
        match = OPTION.fullmatch(word)
        if match is None:
            raise AddressError("its parameter options is -c name=value, once or more")
        settings[match["name"].replace("-", "_")] = match["value"]
    return settings
