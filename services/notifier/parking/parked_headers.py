"""The stored headers of a parked message, as text for a redrive and for operators.

The attributes of a binary CloudEvent are its headers: they are stored whole, or dropped and marked
by `CUT`. Other headers are truncated to `MAX_SHOWN` characters. Undecodable properties are stored
whole: the size of an AMQP frame bounds them.
"""

from __future__ import annotations

from collections.abc import Mapping

from clarion.contracts.cloudevents import AMQP_PREFIXES, amqp_text
from clarion.contracts.parking import CUT, RAW_PROPERTIES

MAX_ATTRIBUTES = 64 * 1024
"""Characters of all attributes together; an AMQP frame allows about twice as many."""
MAX_SHOWN = 1_000
MAX_HEADERS = 100

CHANGING = frozenset({"x-delivery-count"})
"""Headers that differ at each redelivery of the same message."""


def kept_headers(headers: Mapping[str, object]) -> dict[str, str]:
    """The part of `headers` that is stored."""
    texts = {_storable(name): _storable(amqp_text(value)) for name, value in headers.items()}
    attributes = {name: text for name, text in texts.items() if _is_attribute(name)}
    others = [name for name in texts if name not in attributes and name not in CHANGING]
    kept = {name[:MAX_SHOWN]: texts[name][:MAX_SHOWN] for name in others[:MAX_HEADERS]}
    if RAW_PROPERTIES in texts:
        kept[RAW_PROPERTIES] = texts[RAW_PROPERTIES]
    if sum(len(name) + len(text) for name, text in attributes.items()) > MAX_ATTRIBUTES:
        return kept | {CUT: "its attributes are too large to be kept"}
    return kept | attributes


def _is_attribute(name: str) -> bool:
    return name.lower().startswith(tuple(prefix.lower() for prefix in AMQP_PREFIXES))


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
