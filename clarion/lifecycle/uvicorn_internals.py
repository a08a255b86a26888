"""The undocumented parts of uvicorn that we use.

`check` is called before a server starts: a method that is overridden under an old name would
silently never be called.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from clarion.errors import ConfigurationError

__all__ = ["Config", "RequestResponseCycle", "ServerState", "UvicornHttp", "check"]

NEEDED: tuple[tuple[type, frozenset[str]], ...] = (
    (
        HttpToolsProtocol,
        frozenset(
            {
                "_should_upgrade",
                "_start_asgi_task",
                "access_log",
                "access_logger",
                "connection_lost",
                "connection_made",
                "connections",
                "cycle",
                "data_received",
                "flow",
                "handle_websocket_upgrade",
                "headers",
                "logger",
                "loop",
                "on_body",
                "on_headers_complete",
                "on_message_begin",
                "on_message_complete",
                "on_response_complete",
                "parser",
                "pipeline",
                "scope",
                "send_400_response",
                "server_state",
                "transport",
            }
        ),
    ),
    (
        RequestResponseCycle,
        frozenset(
            {
                "chunked_encoding",
                "expected_content_length",
                "response_complete",
                "response_started",
                "waiting_for_100_continue",
            }
        ),
    ),
    (
        uvicorn.Server,
        frozenset(
            {
                "capture_signals",
                "force_exit",
                "handle_exit",
                "on_tick",
                "should_exit",
                "started",
                "startup",
            }
        ),
    ),
    (ServerState, frozenset({"connections", "default_headers"})),
)
"""What we use of each class, of its own and of its instances."""

ARGUMENTS: tuple[tuple[Callable[..., Any], frozenset[str]], ...] = (
    (
        RequestResponseCycle,
        frozenset(
            {
                "access_log",
                "access_logger",
                "default_headers",
                "expect_100_continue",
                "flow",
                "keep_alive",
                "logger",
                "message_event",
                "on_response",
                "scope",
                "transport",
            }
        ),
    ),
    (HttpToolsProtocol, frozenset({"config", "server_state", "app_state", "_loop"})),
)
"""What we give each; another one that it insists on, or one that it no longer knows, is a fault."""


def check() -> None:
    """Raises `ConfigurationError` for an unsupported version of uvicorn."""
    for kind, names in NEEDED:
        for name in sorted(names - _attributes_of(kind)):
            raise _other_version(f"{kind.__module__}.{kind.__qualname__}.{name}")
    for call, given in ARGUMENTS:
        for name in sorted(given.symmetric_difference(inspect.signature(call).parameters)):
            raise _other_version(f"argument {name} of {call.__module__}.{call.__qualname__}")


def _attributes_of(kind: type) -> set[str]:
    """Of the class, and what its constructors give an instance."""
    made: set[str] = set()
    for parent in inspect.getmro(kind):
        code: Any = getattr(vars(parent).get("__init__"), "__code__", None)
        made.update(code.co_names if code else ())
        made.update(getattr(parent, "__dataclass_fields__", ()))
    return made | set(dir(kind))


def _other_version(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The installed uvicorn {version('uvicorn')} has not the {what} that this version of"
        " Clarion was written for: install the version in requirements.lock."
    )


class UvicornHttp(HttpToolsProtocol):
    """uvicorn's protocol for HTTP/1, under names that stay ours."""

    def may_upgrade(self) -> bool:
        """Whether the request asks for a WebSocket and a protocol is configured that answers it."""
        return super()._should_upgrade()

    def wrap(self, app: ASGIApp, cycle: RequestResponseCycle) -> ASGIApp:
        """What answers this request."""
        del cycle
        return app

    @property
    def answering(self) -> RequestResponseCycle | None:
        """The request that is answered now, or was last."""
        return cast("RequestResponseCycle | None", self.cycle)

    @property
    def is_reading_paused(self) -> bool:
        """Whether the app has paused reading the body, or the peer waits for `100 Continue`."""
        return self.flow.read_paused or self.cycle.waiting_for_100_continue

    @property
    def open_connections(self) -> set[object]:
        """All of the server, which a protocol enters and leaves."""
        return cast("set[object]", self.connections)

    def answer_in_turn(self, app: ASGIApp) -> None:
        """Have `app` answer the newest request once those before it are answered; nothing is read
        behind it."""
        cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )
        self.pipeline.appendleft((cycle, cast("Any", app)))

    def _should_upgrade(self) -> bool:
        return self.may_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, cast("Any", self.wrap(app, cycle)))
