"""The attack as a command, for a short while: the three ledgers agree."""

from __future__ import annotations

import re
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from testbed.processes import launch, start_process

SUMMARY = re.compile(
    r"accepted=(\d+) lost=0 doubled=0 missing=0 "
    r"external_duplicates=\d+ unexplained=0 heal_max_s=\d+\.\d"
)
COMMAND = [sys.executable, "-m", "chaos"]
MIX = "gateway-kill,notifier-kill,pusher-stop,broker-kill,readonly"
SOAKED_MIX = f"{MIX},blocked,broker-drop,full,crowded"
"""As many kinds of fault as one minute holds, or three."""


@pytest.mark.alone
@pytest.mark.soak
@pytest.mark.timeout(800)
async def test_nothing_is_lost_nothing_is_double_while_everything_fails(
    pytestconfig: pytest.Config,
) -> None:
    minutes, mix = ("3", SOAKED_MIX) if pytestconfig.getoption("--soak") else ("1", MIX)
    given = ["--minutes", minutes, "--seed", "3", "--rate", "40", "--faults", mix]
    attack = launch([*COMMAND, *given])
    status = await attack.wait(780)
    last = attack.output().splitlines()[-1]
    found = SUMMARY.fullmatch(last)
    assert (status, bool(found)) == (0, True), attack.output()
    assert found is not None
    assert int(found[1]) > 330 * int(minutes)


@pytest.mark.timeout(300)
async def test_an_interrupted_attack_leaves_no_process() -> None:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:  # short: it holds a Unix socket
        Path(folder).chmod(0o755)
        attack = await start_process(
            [*COMMAND, "--minutes", "5", "--seed", "3", "--faults", "none"],
            env={"TMPDIR": folder},
            ready="nothing struck",
            timeout_s=150,
        )
        assert folder in _processes()
        attack.send_signal(signal.SIGINT)
        assert await attack.wait(60) == 130
        assert folder not in _processes()


def _processes() -> str:
    """Command and environment of every process; what the attack starts inherits its folder."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                found.append((process / name).read_bytes().decode(errors="replace"))
            except OSError:
                continue
    return "\n".join(found)
