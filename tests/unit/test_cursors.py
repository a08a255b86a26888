"""Page cursors, signed and unsigned."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.http.cursors import Cursors, ForeignCursor

LIST = ("acme", "notifications", {"subscriber": "42", "lane": "bulk"})
KINDS = [Cursors(), Cursors("secret")]


@pytest.mark.parametrize("cursors", KINDS, ids=["unsigned", "signed"])
@given(st.lists(st.text(max_size=20), max_size=3))
def test_a_position_comes_back_for_the_same_list(cursors: Cursors, position: list[str]) -> None:
    cursor = cursors.make(position, about=LIST)
    same = ("acme", "notifications", {"lane": "bulk", "subscriber": "42"})
    assert cursors.open(cursor, about=same, kind=list[str]) == position


@pytest.mark.parametrize("cursors", KINDS, ids=["unsigned", "signed"])
@pytest.mark.parametrize(
    "other",
    [
        ("other", "notifications", {"subscriber": "42", "lane": "bulk"}),
        ("acme", "captures", {"subscriber": "42", "lane": "bulk"}),
        ("acme", "notifications", {"subscriber": "42"}),
    ],
)
def test_it_does_not_hold_for_another_list_tenant_or_filter(
    cursors: Cursors, other: object
) -> None:
    cursor = cursors.make(["1"], about=LIST)
    with pytest.raises(ForeignCursor):
        cursors.open(cursor, about=other, kind=list[str])


def test_secrets_rotate() -> None:
    old, new, rotated = Cursors("old"), Cursors("new"), Cursors("new", "old")
    assert rotated.open(old.make(["1"], about=LIST), about=LIST, kind=list[str]) == ["1"]
    assert new.open(rotated.make(["1"], about=LIST), about=LIST, kind=list[str]) == ["1"]
    for maker, reader in [(old, new), (rotated, old), (Cursors(), new), (new, Cursors())]:
        with pytest.raises(ForeignCursor):
            reader.open(maker.make(["1"], about=LIST), about=LIST, kind=list[str])


@pytest.mark.parametrize("cursors", KINDS, ids=["unsigned", "signed"])
def test_a_changed_position_or_one_of_another_kind_is_refused(cursors: Cursors) -> None:
    cursor = cursors.make(["1"], about=LIST)
    data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    changed = base64.urlsafe_b64encode(data.replace(b"1", b"2")).rstrip(b"=").decode()
    for text, kind in [(changed, list[str]), (cursor, list[int])]:
        with pytest.raises(ForeignCursor):
            cursors.open(text, about=LIST, kind=kind)


@pytest.mark.parametrize("cursors", KINDS, ids=["unsigned", "signed"])
@given(st.text(max_size=60))
def test_what_is_no_cursor_is_refused(cursors: Cursors, text: str) -> None:
    with pytest.raises(ForeignCursor):
        cursors.open(text, about=LIST, kind=list[str])
