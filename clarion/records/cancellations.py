"""Whether an event is cancelled: a fact that is kept, and asked by whoever would tell it.

A cancellation names an event by tenant, id and source; an empty source stands for any. Of an event
that was not known yet it holds what was accepted before it came.
"""

from __future__ import annotations

BY_CALLER = "cancelled_by_caller"
"""The reason of what was stopped by it; of a delivery that is being sent, until it has an end."""

IS_CANCELLED = """EXISTS (
    SELECT 1 FROM cancellations c
    WHERE c.tenant = e.tenant AND c.event_id = e.event_id AND c.source IN (e.source, '')
      AND (e.accepted_at <= c.accepted_before) IS NOT FALSE)"""
"""Of a row `e` of `events`, for the statements of the hot path."""
