"""The position in a feed, and a frame as a line of text."""

from __future__ import annotations

from typing import Any

Frame = dict[str, Any]

CURSOR_FRAMES = frozenset({"notification", "changed", "caught_up"})


class Position:
    """The version from which to resume: the last that was handled.

    A snapshot is not ordered by version, so it counts only as a whole.
    """

    def __init__(self) -> None:
        self._since: int | None = None
        self._epoch: str | None = None
        self._in_snapshot = False

    def hello(self) -> Frame:
        """The frame that asks for what is missing."""
        self._in_snapshot = self._since is None
        place = {"since": self._since, "epoch": self._epoch}
        return {"type": "hello"} | {name: one for name, one in place.items() if one is not None}

    def take(self, frame: Frame) -> bool:
        """Update the position from a frame; True once the replay is complete."""
        kind = frame.get("type")
        if kind == "welcome":
            self._epoch = frame.get("epoch", self._epoch)
        if kind == "welcome" and frame.get("reset"):
            self._since, self._in_snapshot = None, True
        if kind == "caught_up":
            self._in_snapshot = False
        if kind in CURSOR_FRAMES and not self._in_snapshot:
            self._since = int(frame["version"])
        return kind == "caught_up"


def line_of(frame: Frame) -> str:
    """One readable line; empty for frames without news."""
    match frame:
        case {"type": "welcome", "unread": unread, **rest}:
            note = " What came before cannot be replayed." if rest.get("reset") else ""
            return f"-- connected, {unread} unread.{note}"
        case {"type": "notification", "item": item, "unread": unread}:
            mark = " " if item["read_at"] or item["archived_at"] else "*"
            text = " - ".join(part for part in (item["title"], item["body"]) if part)
            return printable(
                f"{item['created_at']} {mark} {text} [{item['type']}] ({unread} unread)"
            )
        case {"type": "changed", "verb": verb, "up_to": up_to, "unread": unread}:
            which = f" of {frame['category']}" if frame.get("category") else ""
            return printable(f"-- all{which} up to version {up_to}: {verb} ({unread} unread)")
        case {"type": "changed", "items": items, "unread": unread}:
            return f"-- {len(items)} changed ({unread} unread)"
        case {"type": "error", "code": code, "detail": detail}:
            return printable(f"-- {code}: {detail}")
        case _:
            return ""


def printable(text: str) -> str:
    """Without control characters: a title must not command the terminal."""
    return "".join(one if one.isprintable() else " " for one in text)
