"""How every connection is opened: the pool's, the key watch's, the migrator's.

What PostgreSQL itself enforces is set when a session begins. A pooler between us and it may take
no such settings (`SESSION`), or give each transaction another session (`TRANSACTION`): then they
are set by statements, in the latter case within each transaction, and nothing is kept prepared.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from asyncpg.exceptions import ClientConfigurationError, TargetServerAttributeNotMatched

from clarion.errors import ConfigurationError
from clarion.store.address import AddressError, DatabaseAddress, Host, Pooler
from clarion.store.refused_settings import refused_setting

Driver = asyncpg.Connection

DATABASE_URL = "CLARION_DATABASE_URL"
DATABASE_DIRECT_URL = "CLARION_DATABASE_DIRECT_URL"

SILENCE_S = 1.0
"""How much longer than PostgreSQL's own limits we wait for an answer: past it the connection was
cut without a word."""

TRY_NEXT = (OSError, TimeoutError, asyncpg.CannotConnectNowError, TargetServerAttributeNotMatched)
"""What of one host sends us to the next one."""

CARRIED = frozenset({"application_name", "timezone"})
"""What PgBouncer takes and keeps apart for each of its clients."""


class OneTransactionAtATime(asyncpg.Connection):
    """Behind a pooler by transaction: two messages of one exchange reach the same session only
    within a transaction."""

    async def set_type_codec(self, *arguments: Any, **options: Any) -> None:
        """As the driver's, which asks the database about the type."""
        async with self.transaction():
            await super().set_type_codec(*arguments, **options)


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens connections to one address. `timeout_s` bounds how long that may take and, unless
    `statement_s` and `lock_s` say otherwise, each of their statements and waits for locks."""

    address: DatabaseAddress
    application_name: str
    timeout_s: float
    pooler: Pooler = Pooler.NONE
    statement_s: float | None = None
    lock_s: float | None = None
    url_setting: str = DATABASE_URL
    """Which setting of Clarion gave the address."""

    @property
    def limits(self) -> dict[str, str]:
        """What PostgreSQL is to enforce, and the session's time zone. Without JIT: it compiles for
        longer than our statements, which read few rows of many partitions, take to run."""
        statement_ms = int(self._statement_s * 1000)
        lock_ms = statement_ms if self.lock_s is None else int(self.lock_s * 1000)
        return {
            "application_name": self.application_name,
            "statement_timeout": str(statement_ms),
            "lock_timeout": str(lock_ms),
            "idle_in_transaction_session_timeout": str(2 * statement_ms),
            "jit": "off",
            **self.address.settings,
            "timezone": "UTC",
        }

    @property
    def each_transaction(self) -> str | None:
        """What each transaction begins with, where the session is another one each time."""
        return _settings_statement(self._not_carried, True) if self._shares_sessions else None

    @property
    def _statement_s(self) -> float:
        return self.timeout_s if self.statement_s is None else self.statement_s

    @property
    def _shares_sessions(self) -> bool:
        return self.pooler is Pooler.TRANSACTION

    @property
    def _not_carried(self) -> dict[str, str]:
        return {name: value for name, value in self.limits.items() if name not in CARRIED}

    async def connect(self) -> Driver:
        """A connection to the first host that will do. Raises `ConfigurationError`, or what the
        driver raises for the last one."""
        hosts = self.address.hosts or (Host(""),)
        for number, host in enumerate(hosts, start=1):
            try:
                return await self._connect_to(host, self._patience_s(len(hosts)))
            except TRY_NEXT:
                if number == len(hosts):
                    raise
        raise AssertionError("there is always a host")

    def refused_setting(self, error: BaseException) -> ConfigurationError | None:
        """The sentence for a failure to begin a session, or a transaction past a pooler, where the
        server refuses one of its settings."""
        chosen = self.address.settings
        own = [name for name in self.limits if name not in chosen]
        return refused_setting(error, url_setting=self.url_setting, chosen=chosen, own=own)

    def _patience_s(self, hosts: int) -> float:
        return self.address.connect_timeout_s or self.timeout_s / hosts

    async def _connect_to(self, host: Host, timeout_s: float) -> Driver:
        try:
            connection = await asyncpg.connect(**self._arguments(host), timeout=timeout_s)
            if self.pooler is Pooler.SESSION:
                await _begin_session(connection, self._not_carried)
        except ClientConfigurationError as error:
            raise ConfigurationError(f"{self.url_setting}: {_about(error)}") from None
        except Exception as error:
            if (refused := self.refused_setting(error)) is not None:
                raise refused from None
            # a log of the driver's frames with their variables would contain the password
            raise error.with_traceback(None) from None
        return connection

    def _arguments(self, host: Host) -> dict[str, Any]:
        address = self.address
        arguments: dict[str, Any] = {
            "dsn": f"postgresql://?{address.tls_query}" if address.tls_query else None,
            "host": host.name or None,
            "port": host.port,
            "user": address.user,
            "password": address.password,
            "database": address.database,
            "passfile": address.parameters.get("passfile"),
            "krbsrvname": address.parameters.get("krbsrvname"),
            "gsslib": address.parameters.get("gsslib"),
            "target_session_attrs": address.session_kind,
            "command_timeout": self._statement_s + SILENCE_S,
            "server_settings": self._first_settings(),
        }
        if address.verifies_by_system:
            arguments["ssl"] = ssl.create_default_context()
        if self._shares_sessions:
            arguments |= {"statement_cache_size": 0, "connection_class": OneTransactionAtATime}
        return arguments

    def _first_settings(self) -> Mapping[str, str]:
        if self.pooler is Pooler.NONE:
            return self.limits
        return {name: value for name, value in self.limits.items() if name in CARRIED}


def read_address(url: str, setting: str = DATABASE_URL) -> DatabaseAddress:
    """The address. Raises `ConfigurationError` with a sentence that names the setting."""
    try:
        address = DatabaseAddress.parse(url)
        address.check_files()
    except AddressError as error:
        raise ConfigurationError(f"{setting}: {error}.") from None
    return address


def engine_arguments(connector: Connector) -> dict[str, Any]:
    """For SQLAlchemy's `connect_args`, so that its connections are ours."""
    arguments: dict[str, Any] = {"async_creator_fn": connector.connect}
    if connector.pooler is Pooler.TRANSACTION:
        arguments["prepared_statement_cache_size"] = 0
        arguments["prepared_statement_name_func"] = str  # "": none outlives its transaction
    return arguments


def is_encrypted(connection: Driver) -> bool:
    """Whether this connection is encrypted, up to the next hop."""
    return _tls_of(connection) is not None


def is_verified(connection: Driver) -> bool:
    """Whether the server's certificate was judged, and by its name too."""
    tls = _tls_of(connection)
    if tls is None:
        return False
    context = tls.context
    return context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname


def _tls_of(connection: Driver) -> ssl.SSLObject | None:
    transport: Any = getattr(connection, "_transport")  # noqa: B009 (the driver has no public way)
    return transport.get_extra_info("ssl_object")


async def _begin_session(connection: Driver, settings: Mapping[str, str]) -> None:
    """A session without its settings is not left open."""
    try:
        await connection.execute(_settings_statement(settings, False))
    except BaseException:
        connection.terminate()
        raise


def _settings_statement(settings: Mapping[str, str], is_local: bool) -> str:
    calls = (
        f"set_config({_literal(name)}, {_literal(value)}, {'true' if is_local else 'false'})"
        for name, value in settings.items()
    )
    return f"SELECT {', '.join(calls)}"


def _literal(text: str) -> str:
    quoted = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{quoted}'"


def _about(error: ClientConfigurationError) -> str:
    """The driver quotes names of files and of modes; a URL's values it does not."""
    return f"the driver cannot use it: {error}"
