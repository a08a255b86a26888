"""The table of close codes and its page say the same."""

from __future__ import annotations

from pathlib import Path

from services.pusher.wire.close_codes import CLOSE_CODES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "close-codes.md"


def test_every_code_is_documented_as_it_is() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(("| 1", "| 4"))]
    assert rows == [
        f"| {one.code} | `{one.name}` | {one.sentence} | {one.come_back} |" for one in CLOSE_CODES
    ]


def test_codes_and_names_are_unique() -> None:
    assert len({one.code for one in CLOSE_CODES}) == len(CLOSE_CODES)
    assert len({one.name for one in CLOSE_CODES}) == len(CLOSE_CODES)
