"""Cancellations of events, checked before every plan and every delivery.

A cancellation names an event by tenant, id and source; an empty source matches any source. If the
event was not known yet, the cancellation applies to events that were accepted before it arrived.
"""

from __future__ import annotations

BY_CALLER = "cancelled_by_caller"
"""The reason of cancelled work; also of a delivery that is being sent, until it ends."""

IS_CANCELLED = """EXISTS (
    SELECT 1 FROM cancellations c
    WHERE c.tenant = e.tenant AND c.event_id = e.event_id AND c.source IN (e.source, '')
      AND (e.accepted_at <= c.accepted_before) IS NOT FALSE)"""
"""The condition on a row `e` of `events`, for statements of the hot path."""
