"""The OpenAPI document of gateway and pusher at one origin.

`python -m services.cli.api_document` writes it to `clarion/http/openapi.json`, which is shipped:
the services import one another in no direction, and a gateway behind a proxy serves the document
for both. A test fails on drift.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from clarion.http import merged_document
from services.gateway.api import api_document as gateway_document
from services.pusher.api import api_document as pusher_document

TARGET = Path(merged_document.__file__).with_name(merged_document.FILE)
DESCRIPTION = """\
Services and admins send events and read history by an API key (`apiKey`); a subscriber's page reads
the inbox and listens by a short-lived token (`subscriber`), which `POST /v1/tokens` makes. Errors
are problem details (RFC 9457) with a stable `code`. The live feed itself is described by AsyncAPI.
"""


def shared_document() -> dict[str, Any]:
    """Gateway first: at a shared origin health and metrics are its own."""
    info = {"title": "Clarion", "version": version("clarion"), "description": DESCRIPTION}
    return merged_document.merged([gateway_document(), pusher_document()], info)


def text_of(document: dict[str, Any]) -> str:
    """As it is written to the file."""
    return json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text_of(shared_document()))
