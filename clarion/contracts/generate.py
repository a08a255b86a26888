"""Writes the JSON schemas of what travels: `python -m clarion.contracts.generate`.

They are committed for readers and for clients in other languages; a test fails on drift. The
schema of an announcement shows its shape only: on the wire it is MessagePack.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import msgspec

from clarion.contracts.announcement import Announcement
from clarion.contracts.envelope import Envelope
from clarion.contracts.event import Event
from clarion.contracts.frames import AnyClientFrame, AnyServerFrame
from clarion.contracts.item import Item
from clarion.contracts.job import Jobs
from clarion.contracts.revocation import Revocation
from clarion.contracts.slice import Slice

FOLDER = Path(__file__).with_name("schemas")
DIALECT = "https://json-schema.org/draft/2020-12/schema"

CONTRACTS: dict[str, Any] = {
    "announcement": Announcement,
    "client_frame": AnyClientFrame,
    "envelope": Envelope,
    "event": Event,
    "item": Item,
    "jobs": Jobs,
    "revocation": Revocation,
    "server_frame": AnyServerFrame,
    "slice": Slice,
}


def schema_texts() -> dict[str, str]:
    """What each file in `schemas/` holds, by its name."""
    return {f"{name}.json": schema_text(name, kind) for name, kind in CONTRACTS.items()}


def schema_text(name: str, kind: Any) -> str:
    """The JSON schema of one contract as text."""
    (schema,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    document = {"$schema": DIALECT, "$id": f"urn:clarion:{name}:1", **schema}
    if parts:
        document["$defs"] = parts
    return json.dumps(portable(document), indent=2, ensure_ascii=False) + "\n"


def portable(value: Any, key: str = "") -> Any:
    """The same schema with regular expressions as JSON Schema spells them: `$`, not `\\Z`."""
    if isinstance(value, dict):
        parts = cast(dict[str, Any], value)
        return {name: portable(part, name) for name, part in parts.items()}
    if isinstance(value, list):
        return [portable(part) for part in cast(list[Any], value)]
    return value.replace(r"\Z", "$") if key == "pattern" else value


def main() -> None:
    """Write all, and remove what is no contract any more."""
    FOLDER.mkdir(exist_ok=True)
    texts = schema_texts()
    for file in FOLDER.glob("*.json"):
        if file.name not in texts:
            file.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
