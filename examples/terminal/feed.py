"""Prints a subscriber's notifications as they come, and resumes after every loss.

    .venv/bin/python examples/terminal/feed.py ada

It speaks `clarion.v1` (docs/reference/live-protocol.md) and is all that a client must be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

STAY_AWAY = {1002, 1003, 1007, 4403, 4413}
"""Close codes after which coming back is of no use."""

TOO_MANY = 4409
"""This subscriber has as many sessions as one may have."""

CURSORS = {"notification", "changed", "caught_up"}
"""Frames whose version is a place to resume at."""


def ask(url: str, body: dict[str, Any] | None = None, key: str = "") -> Any:
    """The answer's JSON."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers if key else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def new_token(clarion: str, subscriber: str) -> str:
    """As a backend mints it; a local `make up` keeps its key with its data."""
    data = Path(os.environ.get("CLARION_DATA_DIR") or ".clarion")
    key = os.environ.get("CLARION_API_KEY") or (data / "api-key").read_text().strip()
    return ask(f"{clarion}/v1/tokens", {"subscriber": subscriber}, key)["token"]


@dataclass
class Feed:
    """What was printed: all up to `version`, which is None until a first snapshot is complete."""

    version: int | None = None
    epoch: str | None = None
    snapshot: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def hello(self) -> dict[str, Any]:
        """Asks for what is missing."""
        self.snapshot.clear()
        place = {"since": self.version, "epoch": self.epoch}
        return {"type": "hello"} | {name: one for name, one in place.items() if one is not None}

    def take(self, frame: dict[str, Any]) -> None:
        """Print what a frame brings; a snapshot when it is whole."""
        if frame["type"] == "welcome":
            self.epoch = frame.get("epoch")
            if frame.get("reset"):
                self.version = None
                self.snapshot.clear()
        elif frame["type"] == "notification" and self.version is None:
            self.snapshot.append(frame["item"])
        elif frame["type"] == "notification":
            show(frame["item"])
        elif frame["type"] == "caught_up":
            for item in sorted(self.snapshot, key=lambda item: item["created_at"]):
                show(item)
            self.version = self.version or 0
            print(f"-- live at version {frame['version']} --", flush=True)
        if self.version is not None and frame["type"] in CURSORS:
            self.version = max(self.version, frame["version"])


def show(item: dict[str, Any]) -> None:
    """One line."""
    print(f"{item['created_at'][11:19]}  {item['title']}", flush=True)


async def listen(clarion: str, token: str, feed: Feed) -> None:
    """One connection, until it ends."""
    live = clarion.replace("http", "ws", 1) + "/v1/live"
    subprotocols: Any = ["clarion.v1", f"bearer.{token}"]
    async with connect(live, subprotocols=subprotocols) as socket:
        await socket.send(json.dumps(feed.hello()))
        async for text in socket:
            feed.take(json.loads(text))


async def follow(clarion: str, subscriber: str) -> None:
    """Print the feed until the server says not to come back."""
    feed = Feed()
    failures = 0
    while True:
        before = feed.version
        try:
            token = await asyncio.to_thread(new_token, clarion, subscriber)
            await listen(clarion, token, feed)
        except (OSError, WebSocketException) as error:
            if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code in STAY_AWAY:
                raise SystemExit(f"Refused: {error.rcvd.reason}") from error
            if isinstance(error, ConnectionClosed) and error.rcvd and error.rcvd.code == TOO_MANY:
                await asyncio.sleep(60)  # others have to end first
        failures = failures + 1 if feed.version == before else 1
        await asyncio.sleep(random.uniform(0, min(30, 0.25 * 2**failures)))


def main() -> None:
    """Runs until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subscriber")
    parser.add_argument("--clarion", default="http://127.0.0.1:8000")
    given = parser.parse_args()
    try:
        asyncio.run(follow(given.clarion, given.subscriber))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
