"""The recheck before every attempt: whether a delivery is still to be sent, and to which address.

Much time may pass between plan and attempt (`send_at`, a retry, a redrive), so cancellations and
the directory are read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from clarion.records.addresses import ADDRESS_COLUMNS, addresses_from
from clarion.records.cancellations import IS_CANCELLED
from clarion.records.deliveries import found_in, move, statement
from clarion.rules.delivery_states import SKIP, State
from clarion.rules.recipient_addresses import address_on, needs_address
from clarion.store.database import Driver
from services.notifier import metrics

MAX_CHANGES = 20
"""Stored changes of address per delivery: the first and the newest."""

CANCELLED = "cancelled"
"""The reason to skip a cancelled delivery."""

FACT_COLUMNS = statement(
    """n.subscriber, s.id IS NOT NULL AS in_directory, {addresses},
  s.id IS NULL AND EXISTS (
    SELECT 1 FROM deleted_subscribers t WHERE t.tenant = n.tenant AND t.id = n.subscriber
  ) AS deleted,
  n.cancelled_at IS NOT NULL OR {is_cancelled} AS cancelled""",
    addresses=ADDRESS_COLUMNS,
    is_cancelled=IS_CANCELLED,
)
"""The columns that `recheck` reads besides the delivery's `id`, `channel` and `recipient`."""

END_SKIPPED = statement(
    """
UPDATE deliveries d
SET state = '{skipped}', reason = q.reason, due_at = NULL, leased_until = NULL, rounds = 0,
    updated_at = now()
FROM unnest($1::uuid[], $2::text[]) AS q (id, reason)
WHERE d.id = q.id AND d.state IN ({ours})
""",
    skipped=move(SKIP, State.SENDING, State.SKIPPED),
    ours=found_in(SKIP, State.SENDING),
)
"""Runs in the transaction that has just claimed the deliveries."""

READDRESS = """
UPDATE deliveries d
SET recipient = q.address,
    address_changes = CASE
        WHEN jsonb_array_length(coalesce(d.address_changes, '[]')) < $3 THEN
          coalesce(d.address_changes, '[]')
        ELSE d.address_changes - 1 END
      || jsonb_build_object('at', now(), 'from', d.recipient, 'to', q.address)
FROM unnest($1::uuid[], $2::text[]) AS q (id, address)
WHERE d.id = q.id
"""


def facts_of(table: str) -> str:
    """The joins that `FACT_COLUMNS` needs, for rows with a column `notification`."""
    return f"""
LEFT JOIN notifications n ON n.id = {table}.notification
LEFT JOIN events e ON e.id = n.event
LEFT JOIN subscribers s ON s.tenant = n.tenant AND s.id = n.subscriber"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The present address of a delivery, or in `skip` the reason not to send it."""

    delivery: UUID
    channel: str
    address: str | None
    changed: bool = False
    skip: str | None = None


def recheck(row: Any) -> Verdict:
    """The verdict on a row with `FACT_COLUMNS`."""
    delivery, channel, planned = row["id"], row["channel"], row["recipient"]
    if row["cancelled"]:
        return Verdict(delivery, channel, None, skip=CANCELLED)
    if row["deleted"]:
        return Verdict(delivery, channel, None, skip="subscriber_deleted")
    if not needs_address((channel,)) or not row["in_directory"]:
        return Verdict(delivery, channel, planned)
    address, reason = address_on(channel, addresses_from(row))
    if reason is not None:
        return Verdict(delivery, channel, None, skip=reason)
    return Verdict(delivery, channel, address, changed=address != planned)


async def keep_verdicts(tx: Driver, verdicts: Sequence[Verdict]) -> None:
    """End skipped deliveries, and store new addresses together with the replaced ones."""
    skipped = [verdict for verdict in verdicts if verdict.skip is not None]
    if skipped:
        reasons = [verdict.skip for verdict in skipped]
        await tx.execute(END_SKIPPED, [verdict.delivery for verdict in skipped], reasons)
    changed = [verdict for verdict in verdicts if verdict.changed]
    if changed:
        addresses = [verdict.address for verdict in changed]
        await tx.execute(
            READDRESS, [verdict.delivery for verdict in changed], addresses, MAX_CHANGES
        )


def count_skipped(verdicts: Sequence[Verdict]) -> None:
    """Count skipped deliveries. Call it after the commit."""
    for verdict in verdicts:
        if verdict.skip is not None:
            metrics.ENDED.labels(verdict.channel, State.SKIPPED.value).inc()
