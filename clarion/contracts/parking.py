"""What the notifier and the gateway both know of the `headers` of a parked message."""

from __future__ import annotations

CUT = "clarion-cut"
"""Among the headers where those that the message needs were too large to be kept."""
