"""The composition root of the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from clarion.bus.protocol import Bus
from clarion.errors import Problem
from clarion.http.cors import AllowedOriginsMiddleware, is_preflight
from clarion.http.cursors import Cursors
from clarion.http.methods import MethodsMiddleware, methods_at
from clarion.http.operations import Check
from clarion.http.origins import AllowedOrigins
from clarion.http.problems import install_problem_handlers
from clarion.http.refused_origins import RefusedOrigins
from clarion.http.security_headers import SecurityHeadersMiddleware
from clarion.http.tracing import TraceMiddleware
from clarion.lifecycle.background import BackgroundTasks
from clarion.store.clock_difference import check_clock
from clarion.store.database import Database
from clarion.tokens.api_keys import ApiKey
from services.gateway.admin.access import Resources
from services.gateway.admin.minted_tokens import MintedTokens
from services.gateway.admin.routes import ROUTES
from services.gateway.api import create_api
from services.gateway.api_front import EVENTS_PATH, ApiFront
from services.gateway.front.auth import Authenticator
from services.gateway.front.bad_keys import BadKeys
from services.gateway.front.key_watch import KeyWatch
from services.gateway.front.memory_budget import MemoryBudget
from services.gateway.front.rates import RequestRates
from services.gateway.ingest.event_ingest import EventIngest
from services.gateway.settings import GatewaySettings

EXPOSED_HEADERS = ("Retry-After", "RateLimit", "RateLimit-Policy", "traceparent")


class Gateway:
    """The gateway as one ASGI application, lifespan included."""

    def __init__(self, fastapi: FastAPI, front: ASGIApp, allowed: AllowedOrigins) -> None:
        self.fastapi = fastapi
        self._front = front
        self._with_cors = _with_cors(front, allowed)
        self._preflights = TraceMiddleware(SecurityHeadersMiddleware(self._with_cors))
        self._lists_origins = bool(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope.get("method") == "OPTIONS" and is_preflight(scope):
            await self._preflights(scope, receive, send)
            return
        app = self._with_cors if self._lists_origins and _is_from_a_page(scope) else self._front
        await app(scope, receive, send)


def create_app(
    settings: GatewaySettings,
    *,
    bus: Bus,
    database: Database,
    own_keys: Mapping[str, ApiKey] | None = None,
) -> Gateway:
    """The gateway on open resources; its lifespan starts and stops its own loops.
    `own_keys` are API keys valid while this process runs."""
    budget = MemoryBudget(max_body_bytes=settings.max_body_bytes)
    ingest = EventIngest(bus, budget)
    authenticator = Authenticator(
        database, settings.api_key, BadKeys(settings.trusted_proxies), own_keys=own_keys
    )
    tasks = BackgroundTasks()
    minted = MintedTokens(database)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        tasks.start("key_watch", authenticator.watch.run)
        tasks.start("audit", minted.run)
        try:
            yield
        finally:
            await ingest.close(settings.shutdown_timeout_s)
            await tasks.stop(settings.shutdown_timeout_s)
            await minted.close(settings.database_timeout_s)

    checks = {
        "broker": _broker_check(bus),
        "database": _database_check(database),
        "clock": partial(check_clock, database),
        "keys": _keys_check(authenticator.watch),
    }
    fastapi = create_api(checks, lifespan)
    fastapi.state.resources = Resources(
        settings,
        database,
        Cursors(*_cursor_secrets(settings)),
        bus,
        minted,
    )
    install_problem_handlers(fastapi)
    fastapi.add_middleware(SecurityHeadersMiddleware)
    fastapi.add_middleware(TraceMiddleware)
    front = ApiFront(
        fastapi,
        routes=ROUTES,
        ingest=ingest,
        authenticator=authenticator,
        budget=budget,
        rates=RequestRates(settings.max_requests_per_s, settings.max_tenant_requests_per_s),
    )

    def methods_of(scope: Scope) -> list[str]:
        return ["POST"] if scope["path"] == EVENTS_PATH else methods_at(fastapi.routes, scope)

    with_methods = MethodsMiddleware(front, methods_of)
    return Gateway(fastapi, with_methods, AllowedOrigins(settings.allowed_origins))


def _with_cors(app: ASGIApp, allowed: AllowedOrigins) -> ASGIApp:
    return AllowedOriginsMiddleware(
        app,
        allowed=allowed,
        refused=RefusedOrigins(),
        methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        request_headers=["Authorization", "Content-Type", "Idempotency-Key", "traceparent"],
        exposed_headers=EXPOSED_HEADERS,
        routes=[Route(EVENTS_PATH, app), *ROUTES],
    )


def _is_from_a_page(scope: Scope) -> bool:
    if scope["type"] == "http":
        for name, _ in scope["headers"]:
            if name == b"origin":
                return True
    return False


def _cursor_secrets(settings: GatewaySettings) -> list[str]:
    """A secret shared by all gateways of an installation that survives a restart, and the one
    before it."""
    present = settings.token_secret or settings.api_key or settings.database_url
    previous = settings.token_secret_previous
    return [present, previous] if previous else [present]


def _broker_check(bus: Bus) -> Check:
    async def check() -> str | None:
        status = bus.status()
        return None if status.can_publish else status.detail or "It takes nothing now."

    return check


def _database_check(database: Database) -> Check:
    async def check() -> str | None:
        try:
            await database.ping()
        except Problem as problem:
            return problem.detail
        return None

    return check


def _keys_check(watch: KeyWatch) -> Check:
    async def check() -> str | None:
        return None if watch.is_proven else "The gateway receives no notice of revoked keys."

    return check
