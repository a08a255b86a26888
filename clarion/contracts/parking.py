"""What the notifier and the gateway both know of the `headers` of a parked message."""

from __future__ import annotations

UNDECODABLE = "undecodable"
"""The reason of a message of whose AMQP properties some cannot be decoded."""

RAW_PROPERTIES = "clarion-raw-properties"
"""Among the headers of such a message: its properties as they came, in Base64."""

CUT = "clarion-cut"
"""Among the headers where those that the message needs were too large to be kept."""
