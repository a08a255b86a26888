"""The browser client and the elements, as files that pages of other origins may load.

`<version>/clarion.js` is client and elements in one file, and what it loads lies beside it: these
never change, so that browsers and proxies keep them for a year. Another version's address leads to
this one, whose client speaks to older and newer servers: a page that names a version outlives an
upgrade. The single modules below `client/` and `inbox/` are revalidated each time.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from clarion.errors import NotFound
from clarion.package_data import folder

WEB = folder("web")
VERSION = version("clarion")
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, no-cache"
FOR_A_WHILE = "public, max-age=300"
MODULE = "text/javascript; charset=utf-8"

_NAME = r"[a-zA-Z0-9_-]+\.js"
_VERSIONED = re.compile(rf"(?:([0-9]+\.[0-9][0-9A-Za-z.+-]*)/)?(clarion\.js|locales/{_NAME})")
_MODULE = re.compile(rf"(client|inbox)/(?:[a-z]+/)?{_NAME}")
_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Module:
    """One file, ready to be sent."""

    plain: bytes
    packed: bytes
    etag: str


def respond(request: Request, path: str) -> Response:
    """The answer to a GET of what is `path` below `/web/`. Raises `NotFound`."""
    versioned = _VERSIONED.fullmatch(path)
    if versioned is None:
        file = WEB / path if _MODULE.fullmatch(path) else None
        return _answer(request, _module(file), ASK_AGAIN)
    asked, name = versioned.groups()
    module = _module(WEB / "bundle" / name if name == "clarion.js" else WEB / "inbox" / name)
    if asked == VERSION:
        return _answer(request, module, FOR_EVER)
    # Relative, for a proxy may have a prefix before it
    up = "../" * path.count("/")
    headers = {"cache-control": FOR_A_WHILE, "vary": "Origin"}
    return RedirectResponse(f"{up or './'}{VERSION}/{name}", 302, headers)


def _module(file: Path | None) -> Module:
    try:
        if file is not None:
            changed = file.stat()
            return _read(file, changed.st_mtime_ns, changed.st_size)
    except OSError:
        pass
    raise NotFound("There is nothing at this address.")


@lru_cache(maxsize=256)
def _read(file: Path, _changed_at: int, _size: int) -> Module:
    plain = file.read_bytes()
    digest = hashlib.sha256(plain).hexdigest()[:24]
    return Module(plain, gzip.compress(plain, 9, mtime=0), digest)


def _answer(request: Request, module: Module, caching: str) -> Response:
    packs = takes_gzip(request.headers.get("accept-encoding", ""))
    etag = f'"{module.etag}{"-gz" if packs else ""}"'
    headers = {"cache-control": caching, "etag": etag, "vary": "Accept-Encoding, Origin"}
    if etag in re.findall(r'"[^"]*"', request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    if packs:
        headers["content-encoding"] = "gzip"
    content = module.packed if packs else module.plain
    return Response(content, headers=headers, media_type=MODULE)


def takes_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` allows it."""
    weights = [match[1] for match in _GZIP.finditer(accepted)]
    return bool(weights) and all(weight is None or weight.strip("0.") for weight in weights)
