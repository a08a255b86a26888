"""What the notifier and the gateway both know of a parked message."""

from __future__ import annotations

from clarion.contracts.envelope import ENVELOPE_CONTENT_TYPE
from clarion.contracts.job import JOBS_CONTENT_TYPE
from clarion.contracts.slice import SLICE_CONTENT_TYPE

OURS = frozenset({ENVELOPE_CONTENT_TYPE, SLICE_CONTENT_TYPE, JOBS_CONTENT_TYPE})
"""Content types that Clarion alone sends: whose it is stands in the message, if anywhere."""

NOT_ALLOWED = "not_allowed"
"""The reason of what its sender may not send; never published again."""

UNROUTABLE = "unroutable"
"""The reason of what was published to `clarion.events` with a key that is no lane."""

UNDECODABLE = "undecodable"
"""The reason of a message of whose AMQP properties some cannot be decoded."""

RAW_PROPERTIES = "clarion-raw-properties"
"""Among the headers of such a message: its properties as they came, in Base64."""

CUT = "clarion-cut"
"""Among the headers where those that the message needs were too large to be kept."""
