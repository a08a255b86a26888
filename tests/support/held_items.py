"""The items that a client holds, and what it does with the frames and pages that it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Held = dict[str, dict[str, Any]]


def carry_out(items: Held, command: Mapping[str, Any]) -> None:
    """Apply a command on all items that entered by a version to those that are held."""
    verb, at, category = command["verb"], command["at"], command.get("category")
    for item in items.values():
        is_meant = item["entered"] <= command["up_to"] and category in (None, item["category"])
        if not is_meant or item["version"] >= command["version"]:
            continue
        if verb in ("read", "seen"):
            item["seen_at"] = item["seen_at"] or at
        if verb == "read":
            item["read_at"] = item["read_at"] or at
        if verb == "archive":
            item["archived_at"] = item["archived_at"] or at
            item["snoozed_until"] = None


class Holder:
    """A client that holds every item of which it was told."""

    def __init__(self) -> None:
        self.items: Held = {}
        self.version = 0
        self.unread = 0

    def handle(self, frame: Mapping[str, Any]) -> None:
        """A frame of the live protocol."""
        if frame["type"] == "welcome" and frame.get("reset"):
            self.items.clear()
        if frame["type"] == "notification":
            self._keep(frame["item"])
        if frame.get("verb"):
            carry_out(self.items, frame)
        for state in frame.get("items", ()):
            self._keep(state)
        if frame["type"] in ("notification", "changed", "caught_up"):
            self.version = frame["version"]
        self.unread = frame.get("unread", self.unread)

    def take(self, page: Mapping[str, Any]) -> None:
        """A page of `/v1/inbox/changes`."""
        if page["reset"]:
            self.items.clear()
        for command in page["commands"]:
            carry_out(self.items, command)
        for item in page["items"]:
            self._keep(item)
        self.version, self.unread = page["version"], page["unread"]

    def _keep(self, item: Mapping[str, Any]) -> None:
        if item["id"] in self.items or "title" in item:
            self.items[item["id"]] = self.items.get(item["id"], {}) | dict(item)
