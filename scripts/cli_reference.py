"""`docs/reference/cli.md`, from the command line itself; a test fails on drift."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"

INTRODUCTION = """\
# The `clarion` command

Every command with its arguments and options. `make schemas` writes this page from the program;
`clarion COMMAND --help` shows the same in a terminal.

The exit status is 0 for success, 1 where something failed while running, and 2 where a setting or
an argument has to be corrected first; a sentence on stderr names it.
"""


def page() -> str:
    """The page, of the commands as they are now."""
    module = ("services.cli.app", "utils", "docs", "--name", "clarion")
    written = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "typer", *module],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    commands = written[written.index("**Commands**") :]
    return f"{INTRODUCTION}\n{_with_whole_summaries(commands).strip()}\n"


def _with_whole_summaries(text: str) -> str:
    """typer cuts the summaries in its lists; the sections have the first sentence."""

    def whole(line: re.Match[str]) -> str:
        heading = re.compile(rf"^#+ `clarion (?:\w+ )?{line[1]}`\n\n(.+?\.)(?:\s|$)", re.M | re.S)
        found = heading.search(text)
        return f"* `{line[1]}`: {found[1]}" if found else line[0]

    return re.sub(r"^\* `(\w+)`: .*\.\.\.$", whole, text, flags=re.MULTILINE)


if __name__ == "__main__":
    FILE.write_text(page())
