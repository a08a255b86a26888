"""The REST calls, one module for each noun."""

from fastapi import APIRouter

from services.gateway.routes import (
    captures,
    events,
    notifications,
    parked,
    subscribers,
    tokens,
    topics,
)

ROUTERS: tuple[APIRouter, ...] = (
    events.router,
    notifications.router,
    captures.router,
    subscribers.router,
    topics.router,
    tokens.router,
    parked.router,
)

__all__ = ["ROUTERS"]
