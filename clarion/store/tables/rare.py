"""What partial indexes find: seldom, and asked for."""

from __future__ import annotations

from sqlalchemy import text

UNSENT_ENDS = ("failed", "dead", "bounced", "skipped", "cancelled", "expired")
"""States of a delivery that are seldom and asked for: an index finds their notifications."""
HAS_ENDED_UNSENT = text("state IN ('failed', 'dead', 'bounced', 'skipped', 'cancelled', 'expired')")
IS_SNOOZED = text("snoozed_until > '-infinity'::timestamptz")
"""Any end of a snooze. Not `IS NOT NULL`, which commands on one inbox say too: this index, which
holds those of the whole tenant, must not be thought to serve them."""
