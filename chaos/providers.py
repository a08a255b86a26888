"""A mail server and a Twilio that keep what they took, and fail on purpose at a seeded rate."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.requests import Request
from starlette.responses import Response

from testbed.smtp import Mailbox
from testbed.twilio import TwilioFake, fault

SEND_TIMEOUT_S = 4.0
"""What the notifiers are told to wait; a hang lasts longer."""
HANG_S = SEND_TIMEOUT_S + 2.0

MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^@>]+)@", re.MULTILINE | re.IGNORECASE)

MOODS = (
    ("defer", 0.04),
    ("drop", 0.01),
    ("drop_taken", 0.01),
    ("hang", 0.005),
    ("hang_taken", 0.01),
)
"""What happens instead of a plain answer, and how often; `taken`: the message is kept first."""


@dataclass
class Post:
    """What a provider took, by delivery: the times, in epoch seconds."""

    random: Random
    taken: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: int = 0

    def mood(self) -> str:
        """What to do with the next message; `fine` mostly."""
        drawn = self.random.random()
        for mood, share in MOODS:
            drawn -= share
            if drawn < 0:
                self.failures += 1
                return mood
        return "fine"

    def take(self, delivery: str) -> None:
        """The message is the recipient's from here on, whatever is answered."""
        self.taken[delivery].append(time.time())


class FlakyMailbox(Mailbox):
    """Takes mail by Message-ID, which is the delivery's id."""

    def __init__(self, post: Post) -> None:
        super().__init__()
        self.post = post

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Answer as the mood is."""
        mood = self.post.mood()
        if mood == "defer":
            return "451 4.7.1 Try again later"
        if mood in ("fine", "drop_taken", "hang_taken"):
            found = MESSAGE_ID.search(cast("bytes", envelope.content))
            self.post.take(found[1].decode() if found else "mail without Message-ID")
        if mood.startswith("drop"):
            cast("asyncio.Transport", server.transport).abort()
        elif mood.startswith("hang"):
            await asyncio.sleep(HANG_S)
        return "250 2.0.0 OK"


class FlakyTwilio(TwilioFake):
    """As strict as the other fake; takes a message by its `Idempotency-Key`, the delivery's id."""

    def __init__(self, post: Post) -> None:
        super().__init__()
        self.post = post

    async def messages(self, request: Request) -> Response:
        """Answer as the mood is."""
        mood = self.post.mood()
        if mood == "defer":
            return fault(429, 20429, "Too many requests", {"Retry-After": "1"})
        if mood == "drop":
            return fault(503, 20503, "Service unavailable")
        if mood == "hang":
            await asyncio.sleep(HANG_S)
            return fault(500, 20500, "Internal server error")
        answer = await super().messages(request)
        if answer.status_code == 201:
            self.post.take(request.headers.get("idempotency-key", "message without key"))
        if mood.endswith("taken"):
            await asyncio.sleep(HANG_S)
        return answer
