"""The history of an item, stored in `notifications.changes`.

    {"at": time, "what": verb, "by": who, "version": after it, "was": before it, "until"?: time}

The first entry is always kept: its `was` is the version with which the item arrived.
"""

from __future__ import annotations

MAX_KEPT = 20
"""Entries per item. Beyond this the oldest except the first are dropped."""

APPEND_CHANGE = """
CASE WHEN jsonb_array_length(n.changes) >= {most} THEN n.changes - 1 ELSE n.changes END
|| jsonb_build_array(jsonb_build_object('at', now(), 'version', {version}, 'was', n.version)
                     || {note}::jsonb)
"""


def append_change(*, version: str, note: str) -> str:
    """SQL for the new value of `n.changes`; `version` and `note` (an object with `what` and `by`)
    are SQL too: parameters or columns, never values."""
    return APPEND_CHANGE.format(most=MAX_KEPT, version=version, note=note)
