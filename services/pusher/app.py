"""The pusher's composition root."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI

from clarion.bus import Bus
from clarion.errors import StoreUnavailable
from clarion.http.bodies import BoundedBodyMiddleware
from clarion.http.cors import AllowedOriginsMiddleware
from clarion.http.methods import MethodsMiddleware, methods_at
from clarion.http.operations import Check, operations_router
from clarion.http.origins import AllowedOrigins
from clarion.http.problems import install_problem_handlers
from clarion.http.refused_origins import RefusedOrigins
from clarion.http.repeated_headers import SingleHeadersMiddleware
from clarion.http.security_headers import SecurityHeadersMiddleware
from clarion.http.tracing import TraceMiddleware
from clarion.store.clock_difference import check_clock
from clarion.store.database import Database
from clarion.tokens.jwks import open_verifier
from services.pusher.access.quota import QUOTA_FIELDS, QuotaMiddleware
from services.pusher.api import ROUTES, create_api
from services.pusher.engine import Engine
from services.pusher.settings import PusherSettings
from services.pusher.sockets.websocket import STATE_KEY

REQUEST_HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "traceparent",
)
"""Allowed by CORS."""


def create_app(settings: PusherSettings, *, bus: Bus, database: Database) -> FastAPI:
    """The app on open resources. Serve it with `ws=LiveProtocol`, which finds the engine in the
    lifespan state."""
    verifier = open_verifier(
        secret=settings.token_secret,
        previous=settings.token_secret_previous,
        jwks_url=settings.token_jwks_url,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        engine = Engine(settings, bus=bus, database=database, verifier=verifier)
        app.state.pusher = engine
        await engine.start()
        try:
            yield {STATE_KEY: engine}
        finally:
            await engine.stop()

    app = create_api(lifespan)
    app.add_middleware(BoundedBodyMiddleware, max_bytes=settings.max_frame_bytes)
    install_problem_handlers(app)
    app.add_middleware(QuotaMiddleware)
    app.add_middleware(
        AllowedOriginsMiddleware,
        allowed=AllowedOrigins(settings.allowed_origins),
        refused=RefusedOrigins(),
        methods=["GET", "HEAD", "POST"],
        request_headers=REQUEST_HEADERS,
        exposed_headers=["traceparent", "retry-after", *QUOTA_FIELDS],
        routes=ROUTES,
    )
    app.add_middleware(SingleHeadersMiddleware)
    app.add_middleware(MethodsMiddleware, methods_of=lambda scope: methods_at(app.routes, scope))
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(TraceMiddleware)
    app.include_router(operations_router(checks(app, bus, database)))
    return app


def checks(app: FastAPI, bus: Bus, database: Database) -> Mapping[str, Check]:
    """The readiness checks."""

    async def check_bus() -> str | None:
        status = bus.status()
        return None if status.can_consume else status.detail

    async def check_database() -> str | None:
        try:
            await database.ping()
        except (StoreUnavailable, TimeoutError):
            return "The database does not answer."
        return None

    async def check_engine() -> str | None:
        engine: Engine | None = getattr(app.state, "pusher", None)
        if engine is None:
            return "It has not started."
        if not engine.revocations.is_loaded:
            return "It has not loaded the revoked tokens yet."
        return "It is stopping." if engine.drain.has_begun else None

    return {
        "bus": check_bus,
        "database": check_database,
        "clock": partial(check_clock, database),
        "sessions": check_engine,
    }
