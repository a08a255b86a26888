"""What a contender is to the loads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NamedTuple

from bench.lib.ground import Ground
from bench.lib.server import Server
from bench.loads.sockets import Sockets


class MissingProgram(Exception):
    """A contender cannot be measured here; the text says what to install."""


class News(NamedTuple):
    """A frame for one subscriber's sessions."""

    subscriber: str
    body: bytes


Send = Callable[[Sequence[News]], Awaitable[None]]
"""Give it to the server; those of one subscriber follow each other."""


@dataclass(frozen=True)
class Contender:
    """A running server, how clients reach it, and how news do."""

    name: str
    server: Server
    sockets: Sockets
    send: Send


Opening = Callable[[Ground], AbstractAsyncContextManager[Contender]]
