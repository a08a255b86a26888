"""The `clarion` command, as quick as can be to where it may be stopped in order."""

from __future__ import annotations

import sys

from clarion.early_signals import exit_on_signal

SERVING = frozenset({"dev", "gateway", "notifier", "pusher"})
"""Commands that run until they are asked to stop. Any other has failed if it is stopped."""


def main() -> None:
    """Run the command."""
    if SERVING.intersection(sys.argv[1:2]):
        exit_on_signal()
    from services.cli.app import run_command

    run_command()


if __name__ == "__main__":
    main()
