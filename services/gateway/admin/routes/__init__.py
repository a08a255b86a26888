"""The REST calls, one module for each noun."""

from fastapi import APIRouter

from services.gateway.admin.routes import (
    audit,
    captures,
    deliveries,
    events,
    notifications,
    parked,
    sessions,
    subscribers,
    tokens,
    topics,
)

ROUTERS: tuple[APIRouter, ...] = (
    events.router,
    notifications.router,
    deliveries.router,
    captures.router,
    subscribers.router,
    sessions.router,
    topics.router,
    tokens.router,
    parked.router,
    audit.router,
)

ROUTES = [route for router in ROUTERS for route in router.routes]

__all__ = ["ROUTERS", "ROUTES"]
