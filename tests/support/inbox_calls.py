"""Calls of `/v1/inbox` that must succeed."""

from __future__ import annotations

from typing import Any

import httpx2


async def get(http: httpx2.AsyncClient, path: str = "/v1/inbox", **params: Any) -> Any:
    """The document at `path`."""
    answer = await http.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(http: httpx2.AsyncClient, verb: str, **body: Any) -> Any:
    """The answer to a command."""
    answer = await http.post(f"/v1/inbox/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()
