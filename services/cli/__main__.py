"""The `clarion` command; it installs signal handling before the slow imports."""

from __future__ import annotations

import sys

from clarion.early_signals import exit_on_signal

SERVING = frozenset({"dev", "gateway", "notifier", "pusher"})
"""Commands that run until stopped. Any other command fails if it is stopped."""


def main() -> None:
    """Run the command."""
    if SERVING.intersection(sys.argv[1:2]):
        exit_on_signal()
    from services.cli.app import run_command

    run_command()


if __name__ == "__main__":
    main()
