"""The API documentation behind the nginx of `deploy/`: one document of both services."""

from __future__ import annotations

import httpx2
import pytest

from clarion.bus import Bus
from clarion.http.merged_document import read_merged
from clarion.store.database import Database
from testbed.nginx import NGINX, start_nginx
from testbed.processes import free_port
from tests.support.served_gateway import running_gateway


@pytest.mark.skipif(NGINX is None, reason="no nginx is installed")
async def test_page_and_merged_document_come_through(memory_bus: Bus, database: Database) -> None:
    port = free_port()
    async with (
        running_gateway(memory_bus, database) as gateway,
        await start_nginx(port, gateway, [gateway]),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        page, document = await client.get("/docs"), await client.get("/openapi.json")
        slash = await client.get("/docs/")
        program = page.text.partition('<script src="')[2].partition('"')[0]
        loaded = await client.get(f"/{program}")
    assert (page.status_code, document.json()) == (200, read_merged())
    assert (slash.status_code, slash.headers["location"]) == (308, "../docs")
    assert loaded.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "SwaggerUIBundle" in loaded.text
