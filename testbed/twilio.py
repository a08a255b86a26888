"""A strict stand-in for Twilio's Messages resource: it checks what the real one checks."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.served_app import served_app

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "a-token/with:signs"
KNOWN_FIELDS = {"To", "From", "MessagingServiceSid", "Body"}
E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass
class TwilioFake:
    """`base` is its address; `accepted` the forms it took; `answers` what it says first."""

    base: str = ""
    accepted: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    keys: list[str] = field(default_factory=list[str])
    requests: int = 0
    answers: list[Response] = field(default_factory=list[Response])
    silent: int = 0
    """How many requests it accepts without ever answering."""

    async def messages(self, request: Request) -> Response:
        """`POST /2010-04-01/Accounts/{sid}/Messages.json`."""
        self.requests += 1
        body = await request.body()
        if not _is_authentic(request):
            return fault(401, 20003, "Authenticate")
        if request.headers["content-type"] != "application/x-www-form-urlencoded":
            return fault(415, 20001, "Unsupported media type")
        if self.answers:
            return self.answers.pop(0)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        refusal = _refusal(form)
        if refusal is not None:
            return refusal
        self.accepted.append(form)
        self.keys.append(request.headers.get("idempotency-key", ""))
        if self.silent:
            self.silent -= 1
            await asyncio.sleep(30)
        return JSONResponse(
            {
                "sid": f"SM{self.requests:032x}",
                "account_sid": SID,
                "status": "queued",
                "to": form["To"],
                "error_code": None,
            },
            201,
        )


def fault(
    status: int, code: int, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error as Twilio writes it."""
    body: dict[str, Any] = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return JSONResponse(body, status, headers=headers)


@asynccontextmanager
async def running_twilio(fake: TwilioFake | None = None) -> AsyncIterator[TwilioFake]:
    """The fake on a free port."""
    fake = fake or TwilioFake()
    path = "/2010-04-01/Accounts/{sid}/Messages.json"
    app = Starlette(routes=[Route(path, fake.messages, methods=["POST"])])
    async with served_app(app, timeout_graceful_shutdown=1) as port:
        fake.base = f"http://127.0.0.1:{port}"
        yield fake


def _is_authentic(request: Request) -> bool:
    expected = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    return (
        request.headers.get("authorization") == f"Basic {expected}"
        and request.path_params["sid"] == SID
    )


def _refusal(form: dict[str, str]) -> JSONResponse | None:
    unknown = form.keys() - KNOWN_FIELDS
    if unknown:
        return fault(400, 20001, f"Unknown parameters {sorted(unknown)}")
    if "To" not in form:
        return fault(400, 21604, "A 'To' phone number is required.")
    if ("From" in form) == ("MessagingServiceSid" in form):
        return fault(400, 21603, "A 'From' phone number is required.")
    if not form.get("Body"):
        return fault(400, 21602, "Message body is required.")
    if len(form["Body"].encode("utf-16-le")) > 2 * 1600:
        return fault(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    if not E164.fullmatch(form["To"]):
        return fault(400, 21211, "The 'To' number is not a valid phone number.")
    if form["To"] == "+15005550009":
        return fault(400, 21614, "'To' number is not a valid mobile number")
    return None
