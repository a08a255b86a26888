"""`/web/...` of the pusher: the bundle for plain pages of other origins, and the single modules."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from importlib.metadata import version

import httpx2
import pytest

from clarion.bus import Bus
from clarion.store.database import Database
from tests.support.pusher import running_pusher
from tests.support.sources import ROOT

VERSION = version("clarion")
PAGE = {"origin": "https://app.example.com"}
BUNDLE = f"/web/{VERSION}/clarion.js"


@pytest.fixture
async def http(memory_bus: Bus, database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    origins = ["https://app.example.com", "https://*.shop.example"]
    async with (
        running_pusher(memory_bus, database, allowed_origins=origins) as pusher,
        httpx2.AsyncClient(base_url=pusher.http) as client,
    ):
        yield client


async def test_the_bundle_is_kept_for_a_year_and_may_be_loaded_by_listed_pages(
    http: httpx2.AsyncClient,
) -> None:
    answer = await http.get(BUNDLE, headers=PAGE)
    assert answer.status_code == 200
    assert answer.content == (ROOT / "web/bundle/clarion.js").read_bytes()
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["access-control-allow-origin"] == PAGE["origin"]
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("path", [BUNDLE, "/web/clarion.js", "/web/client/clarion.js"])
async def test_it_follows_the_allowed_origins(http: httpx2.AsyncClient, path: str) -> None:
    origins = ["https://app.example.com", "https://a.shop.example", "https://evil.example", "null"]
    allowed: list[str | None] = []
    for origin in origins:
        answer = await http.get(path, headers={"origin": origin})
        allowed.append(answer.headers.get("access-control-allow-origin"))
    assert allowed == [*origins[:2], None, None]
    alone = await http.get(path)
    assert "access-control-allow-origin" not in alone.headers
    assert "origin" in alone.headers["vary"].lower()  # else a proxy would keep it for everybody


async def test_it_is_packed_for_who_takes_that_and_not_sent_again(
    http: httpx2.AsyncClient,
) -> None:
    packed = await http.get(BUNDLE, headers={"accept-encoding": "br, gzip"})
    plain = await http.get(BUNDLE, headers={"accept-encoding": "gzip;q=0, identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) <= len(gzip.compress(plain.content, 9))
    assert packed.headers["etag"] != plain.headers["etag"]
    for one, encoding in ((packed, "gzip"), (plain, "identity")):
        known = {"if-none-match": f'W/"x", {one.headers["etag"]}', "accept-encoding": encoding}
        again = await http.get(BUNDLE, headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == one.headers["etag"]
    head = await http.head(BUNDLE)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/web/0.0.9/clarion.js", f"../{VERSION}/clarion.js"),
        ("/web/99.1.0-rc.1/clarion.js", f"../{VERSION}/clarion.js"),
        ("/web/clarion.js", f"./{VERSION}/clarion.js"),
    ],
)
async def test_a_page_that_names_another_version_gets_this_one(
    http: httpx2.AsyncClient, path: str, to: str
) -> None:
    answer = await http.get(path, headers=PAGE, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, to)
    assert answer.headers["access-control-allow-origin"] == PAGE["origin"]
    assert "immutable" not in answer.headers["cache-control"]
    assert (await http.get(path, follow_redirects=True)).url.path == BUNDLE


async def test_single_modules_are_asked_for_anew(http: httpx2.AsyncClient) -> None:
    for path in ("client/clarion.js", "inbox/inbox.js", "inbox/style/base.js"):
        answer = await http.get(f"/web/{path}", headers=PAGE)
        assert answer.text == (ROOT / "web" / path).read_text()
        assert answer.headers["cache-control"] == "public, no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/web/",
        "/web/nothing.js",
        f"/web/{VERSION}/nothing.js",
        "/web/0.0.9/nothing.js",
        f"/web/{VERSION}/locales/nothing.js",
        "/web/client/package.json",
        "/web/client/nothing.js",
        "/web/inbox/../../pyproject.toml",
        "/web/%2e%2e/pyproject.toml",
        "/web/client/..%2f..%2fclarion/errors.py",
        "/web/build/main.js",
        "/web/demo/demo.js",
    ],
)
async def test_nothing_else_is_served(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
