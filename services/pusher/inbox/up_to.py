"""`read`, `seen` and `archive` of all items that entered by a version, as one entry in the feed.

The state is set in the items' rows, where it is not set yet; their `version` and history stay, so
that no index is written. The entry tells everybody else (`clarion.records.inbox_commands`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from clarion.contracts.frames import FeedCommand, FeedVerb
from clarion.records import inbox_commands, inboxes
from clarion.records.inboxes import Head, Marks
from clarion.store.database import Driver
from services.pusher.inbox.change import Change
from services.pusher.inbox.command import InboxCommand, Verb

CARRY_OUT = """
WITH changed AS (
    UPDATE notifications n SET {assign}
    WHERE n.tenant = $1 AND n.subscriber = $2 AND n.version > $3
        AND coalesce(n.entered, n.version) <= $4 AND {category} AND {unset}
    RETURNING {counted} AS counted
)
SELECT count(*) AS changed, count(*) FILTER (WHERE counted) AS counted FROM changed
"""
OF_CATEGORY = "n.category = $5"


@dataclass(frozen=True, slots=True)
class Pass:
    """One statement of a verb: its assignments, the rows that it is for, and which of these
    counted as unread before."""

    assign: str
    unset: str
    counted: str

    def statement(self, category: str | None) -> str:
        return CARRY_OUT.format(
            assign=self.assign,
            unset=self.unset,
            counted=self.counted,
            category="true" if category is None else OF_CATEGORY,
        )


PASSES: dict[Verb, tuple[Pass, ...]] = {
    "read": (
        Pass(
            "read_at = now(), seen_at = coalesce(n.seen_at, now())",
            "n.read_at IS NULL",
            "n.archived_at IS NULL AND n.snoozed_until IS NULL",
        ),
    ),
    "seen": (Pass("seen_at = now()", "n.seen_at IS NULL", "false"),),
    "archive": (
        Pass(
            "archived_at = now()",
            "n.archived_at IS NULL AND n.snoozed_until IS NULL",
            "n.read_at IS NULL",
        ),
        Pass(
            "archived_at = now(), snoozed_until = NULL, due_at = NULL",
            "n.archived_at IS NULL AND n.snoozed_until IS NOT NULL",
            "false",
        ),
    ),
}


def is_one_entry(command: InboxCommand) -> bool:
    """Whether it is carried out here."""
    return command.ids is None and command.verb in PASSES


async def carry_out(tx: Driver, command: InboxCommand, head: Head, up_to: int) -> Change | None:
    """Apply it to the locked inbox; `None` where it changes nothing."""
    whose = (command.tenant, command.subscriber)
    begin = _looked_at(command.verb, await inboxes.marks(tx, *whose))
    category = [] if command.category is None else [command.category]
    changed = counted = 0
    for one in PASSES[command.verb]:
        statement = one.statement(command.category)
        row: Any = await tx.fetchrow(statement, *whose, begin, up_to, *category)
        changed, counted = changed + row["changed"], counted + row["counted"]
    floor = await inbox_commands.prune(tx, *whose) if changed else 0
    marks = Marks() if category else _marks_after(command.verb, up_to)
    if floor or any(marks):
        await inboxes.raise_marks(tx, *whose, marks, floor=floor)
    if not changed:
        return None
    after = Head(head.version + 1, head.unread - counted)
    await inboxes.advance(tx, *whose, after)
    return Change(*after, [], command=await _entry(tx, command, after, up_to), covered=changed)


def _looked_at(verb: Verb, marks: Marks) -> int:
    """The version up to which there is nothing left for it."""
    return {"read": marks.read_to, "seen": marks.seen_to}.get(verb, 0)


def _marks_after(verb: Verb, up_to: int) -> Marks:
    return {"read": Marks(up_to, up_to), "seen": Marks(0, up_to)}.get(verb, Marks())


async def _entry(tx: Driver, command: InboxCommand, head: Head, up_to: int) -> FeedCommand:
    verb = cast("FeedVerb", command.verb)
    at = await inbox_commands.record(
        tx,
        command.tenant,
        command.subscriber,
        version=head.version,
        verb=verb,
        up_to=up_to,
        category=command.category,
        by=command.by,
    )
    return FeedCommand(
        version=head.version, verb=verb, up_to=up_to, category=command.category, at=at
    )
