"""The heads of inboxes, as `clarion.records.inboxes` keeps them."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from itertools import product
from typing import NamedTuple

from clarion.records import inboxes
from clarion.records.inboxes import IS_UNREAD, Head
from clarion.rules.inbox import is_unread
from clarion.store.database import Database

ANN, BOB, CAT = (("default", name) for name in ("ann", "bob", "cat"))


class Facts(NamedTuple):
    read_at: datetime | None
    archived_at: datetime | None
    snoozed_until: datetime | None


async def test_unread_in_sql_is_unread_in_python(database: Database) -> None:
    states = [Facts(*each) for each in product([None, datetime.now(UTC)], repeat=3)]
    query = (
        f"SELECT {IS_UNREAD.format(n='n')} FROM unnest($1::timestamptz[], $2::timestamptz[],"
        " $3::timestamptz[]) WITH ORDINALITY AS n (read_at, archived_at, snoozed_until, at)"
        " ORDER BY at"
    )
    async with database.driver() as tx:
        rows = await tx.fetch(query, *map(list, zip(*states, strict=True)))
    assert [row[0] for row in rows] == [is_unread(each) for each in states]
    assert [row[0] for row in rows].count(True) == 1


async def test_versions_are_given_once_whatever_the_order_of_the_people(database: Database) -> None:
    async def add(people: list[tuple[str, str]]) -> inboxes.Heads:
        async with database.driver() as tx:
            return await inboxes.add_items(tx, Counter(people))

    taken = await asyncio.gather(
        *(add([ANN, BOB, CAT]) for _ in range(4)), *(add([CAT, BOB, ANN]) for _ in range(4))
    )
    for person in (ANN, BOB, CAT):
        heads = sorted(each[person] for each in taken)
        assert heads == [Head(number, number) for number in range(1, 9)]


async def test_a_locked_inbox_is_left_out_and_an_idle_one_is_locked(database: Database) -> None:
    async with database.driver() as tx:
        await inboxes.add_items(tx, {ANN: 2, BOB: 1})
    async with database.driver() as holder:
        assert await inboxes.lock(holder, *ANN) == Head(2, 2)
        async with database.driver() as tx:
            assert await inboxes.lock_idle(tx, [ANN, BOB, CAT]) == {BOB: Head(1, 1)}
            await inboxes.advance(tx, *BOB, Head(5, 0))
        await inboxes.advance(holder, *ANN, Head(3, 1))
    async with database.driver() as tx:
        found = {person: await inboxes.lock(tx, *person) for person in (ANN, BOB, CAT)}
    assert found == {ANN: Head(3, 1), BOB: Head(5, 0), CAT: None}


async def test_creating_an_inbox_again_keeps_its_head(database: Database) -> None:
    async with database.driver() as tx:
        await inboxes.add_items(tx, {ANN: 1})
        await inboxes.create(tx, [ANN, BOB])
        assert await inboxes.lock_idle(tx, [ANN, BOB]) == {ANN: Head(1, 1), BOB: Head(0, 0)}
