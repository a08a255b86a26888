"""Which setting of a session the server refused.

It refuses one at a time, the first that it meets, and its sentence bears the name in whatever
language. Only the name is reported: the rest of that sentence quotes the value, perhaps a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import asyncpg
import structlog

from clarion.errors import ConfigurationError

log = structlog.get_logger("clarion.store")

REFUSALS = (
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,
    asyncpg.CantChangeRuntimeParamError,
    asyncpg.InvalidNameError,
)
"""What a server says to the beginning of a session that has a setting it does not know, with a
value it does not take, of those that need a restart, or with a name that none can have."""

REFUSALS_BY_NAME = (asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)
"""What it says of a setting and of much else: of a setting only where it names it."""

MAX_NAME_CHARACTERS = 63
"""As long as PostgreSQL's own names; what is longer is not repeated."""

REMEDIES: tuple[tuple[type[BaseException], str], ...] = (
    (asyncpg.UndefinedObjectError, "Correct its name and its value, or leave it out."),
    (asyncpg.InvalidNameError, "Correct its name, or leave it out."),
    (asyncpg.InvalidParameterValueError, "Correct its value, or leave it out."),
    (
        asyncpg.CantChangeRuntimeParamError,
        "Leave it out: it can be set in the server's configuration only.",
    ),
    (
        asyncpg.InsufficientPrivilegeError,
        "Leave it out, or grant the user the right: GRANT SET ON PARAMETER.",
    ),
    (asyncpg.FeatureNotSupportedError, "Correct its value, or leave it out."),
)


def refused_setting(
    error: BaseException, *, url_setting: str, chosen: Iterable[str], own: Iterable[str]
) -> ConfigurationError | None:
    """The sentence for what the server said to the settings of a session, or of a transaction past
    a pooler; None where it spoke of something else. `chosen` are the names in the parameter
    `options`, `own` those that Clarion sets. A service logs it too, once for each setting."""
    if not isinstance(error, REFUSALS + REFUSALS_BY_NAME):
        return None
    chosen = tuple(chosen)
    name = _first_named(str(error.args[0]) if error.args else "", (*chosen, *own))
    if name is None and isinstance(error, REFUSALS_BY_NAME):
        return None
    sentence = _sentence(error, url_setting, name, chosen)
    if structlog.is_configured():  # a command prints it itself
        _log_once(name, sentence)
    return ConfigurationError(sentence)


def _first_named(message: str, names: Iterable[str]) -> str | None:
    """The value, which may read like another setting's name, comes after the name."""
    found: list[tuple[int, str]] = []
    for name in names:
        match = re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", message, re.IGNORECASE)
        if match is not None:
            found.append((match.start(), name))
    return min(found, key=lambda one: one[0])[1] if found else None


def _sentence(
    error: BaseException, url_setting: str, name: str | None, chosen: tuple[str, ...]
) -> str:
    if name is not None and name not in chosen:
        return (
            f"{url_setting}: the server refuses the setting {name}, which Clarion needs. "
            "It must be PostgreSQL, and CLARION_DATABASE_POOLER must say which pooler is before it."
        )
    problem = f"{url_setting}: the server refuses a setting that its parameter options names."
    remedy = next(text for kind, text in REMEDIES if isinstance(error, kind))
    if name is not None and len(name) <= MAX_NAME_CHARACTERS:
        return f"{problem} It is {name}. {remedy}"
    candidates = ", ".join(one for one in chosen if len(one) <= MAX_NAME_CHARACTERS)
    return (
        f"{problem} It is one of: {candidates}. {remedy}" if candidates else f"{problem} {remedy}"
    )


@cache
def _log_once(name: str | None, sentence: str) -> None:
    log.error("database_setting_refused", setting=name, detail=sentence)
