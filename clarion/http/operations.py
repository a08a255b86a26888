"""What operators and orchestrators ask of every service: alive, ready, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from clarion.telemetry.metrics import exposition

Check = Callable[[], Awaitable[str | None]]
"""`None` if healthy, else a sentence with the fault."""

CHECK_TIMEOUT_S = 2.0


class HealthDocument(BaseModel):
    """The process is alive."""

    model_config = {"json_schema_extra": {"example": {"status": "ok"}}}

    status: str


class ReadinessDocument(BaseModel):
    """`ok`, or a sentence that says what is wrong, of each check."""

    model_config = {
        "json_schema_extra": {"example": {"status": "ok", "checks": {"database": "ok"}}}
    }

    status: str
    checks: dict[str, str]


METRICS = {
    "schema": {"type": "string"},
    "example": "# TYPE clarion_unexpected_errors_total counter\n"
    "clarion_unexpected_errors_total 0.0\n",
}


def operations_router(checks: Mapping[str, Check]) -> APIRouter:
    """`/healthz` looks at the process only; `/readyz` runs `checks`, side by side; `/metrics`."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="Whether the process is alive", response_model=HealthDocument)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/readyz",
        summary="Whether it can do its work now",
        response_model=ReadinessDocument,
        responses={503: {"description": "It cannot; `checks` says why"}},
    )
    async def readyz() -> Response:
        return readiness(await run_checks(checks))

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        response_class=Response,
        responses={200: {"description": "The metrics", "content": {"text/plain": METRICS}}},
    )
    async def metrics() -> Response:
        body, content_type = exposition()
        return Response(body, headers={"content-type": content_type})

    _ = healthz, readyz, metrics
    return router


def readiness(results: Mapping[str, str]) -> Response:
    """200 where every result is `ok`, else 503."""
    ready = all(result == "ok" for result in results.values())
    body = {"status": "ok" if ready else "unavailable", "checks": dict(results)}
    return JSONResponse(body, 200 if ready else 503, headers={"cache-control": "no-store"})


async def run_checks(checks: Mapping[str, Check]) -> dict[str, str]:
    """Each check's sentence or `ok`; none takes longer than `CHECK_TIMEOUT_S`."""
    results = await asyncio.gather(*(_run(check) for check in checks.values()))
    return dict(zip(checks, results, strict=True))


async def _run(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check() or "ok"
    except TimeoutError:
        return f"No answer within {CHECK_TIMEOUT_S:g} s."
    except Exception as error:  # a check that breaks is a check that fails
        return f"The check itself failed: {type(error).__name__}."
