"""axe-core in a page, over all of WCAG 2.2 AA and its best practices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.async_api import Page

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def violations(page: Page) -> list[Any]:
    """What axe finds: rule, and where."""
    if not await page.evaluate("'axe' in window"):
        await page.add_script_tag(path=AXE)
    found = await page.evaluate(
        """async (rules) => {
          const { violations } = await axe.run({ runOnly: rules });
          return violations.map(({ id, nodes }) => [id, nodes.map((node) => node.target)]);
        }""",
        RULES,
    )
    return json.loads(json.dumps(found))
