"""The backend of an example: serves its page and mints subscriber tokens for it.

    .venv/bin/python examples/serve.py chat

Its API key is CLARION_API_KEY, else that of a local `make up`. It believes anybody's name, as no
real backend may.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"
JOIN_TO_PUBLISH = {"chat": "room:42"}
"""Topics that whoever asks for a token may publish to, and becomes a member of."""


@dataclass(frozen=True)
class Clarion:
    """An installation, and the key that this backend has for it."""

    url: str

    def key(self) -> str:
        """From the environment, else the one that `make up` keeps with its data."""
        data = Path(os.environ.get("CLARION_DATA_DIR") or ROOT / ".clarion")
        return os.environ.get("CLARION_API_KEY") or (data / "api-key").read_text().strip()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer's JSON. Raises `urllib.error.HTTPError`."""
        headers = {"authorization": f"Bearer {self.key()}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


def mint(clarion: Clarion, example: str, subscriber: str) -> dict[str, str]:
    """A token for this person's feed, and where the feed is."""
    body: dict[str, Any] = {"subscriber": subscriber, "ttl_s": 600}
    if topic := JOIN_TO_PUBLISH.get(example):
        clarion.call("PUT", f"/v1/topics/{quote(topic)}", {"name": topic})
        clarion.call("PUT", f"/v1/topics/{quote(topic)}/subscribers/{quote(subscriber)}")
        body["publish"] = [topic]
    token = clarion.call("POST", "/v1/tokens", body)["token"]
    return {"token": token, "live": f"{clarion.url}/v1/live"}


class Handler(SimpleHTTPRequestHandler):
    """`/` is the example, `/web/...` the client, `/token?user=...` a token."""

    def __init__(self, *args: Any, example: str, token: Callable[[str], Any], **more: Any) -> None:
        self.example = example
        self.token = token
        super().__init__(*args, directory=str(ROOT), **more)

    def translate_path(self, path: str) -> str:
        inner = path if path.startswith("/web/") else f"/examples/{self.example}{path}"
        return super().translate_path(inner)

    def do_GET(self) -> None:
        """A token, or a file."""
        asked = urlsplit(self.path)
        if asked.path != "/token":
            super().do_GET()
            return
        try:
            said = json.dumps(self.token(parse_qs(asked.query)["user"][0])).encode()
        except OSError as error:  # `HTTPError` is one
            self.send_error(502, f"Clarion: {error}")
            return
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(said)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("example", choices=["chat", "order-tracker"])
    parser.add_argument("--clarion", default="http://127.0.0.1:8000")
    parser.add_argument("--port", type=int, default=8100)
    given = parser.parse_args()
    folder = ROOT / "examples" / given.example
    if (source := folder / "chat.jsx").exists():
        built = folder / "built" / "chat.js"
        bundle = [ESBUILD, source, "--bundle", "--jsx=automatic", f"--outfile={built}"]
        subprocess.run([*bundle, "--format=esm", "--log-level=warning"], check=True)
    token = partial(mint, Clarion(given.clarion), given.example)
    handler = partial(Handler, example=given.example, token=token)
    with ThreadingHTTPServer(("127.0.0.1", given.port), handler) as server:
        print(f"The example runs at http://127.0.0.1:{given.port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
