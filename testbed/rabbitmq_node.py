"""A private node of an installed RabbitMQ, run by whoever runs the tests.

It has its own name, data, cookie, ports and name server (epmd): two runs side by side never meet.
With a `seed` it joins the cluster of that node, whose cookie and name server it shares.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Self
from uuid import uuid4

import httpx2
import psutil

from testbed.processes import Process, free_port, launch, run_directory

LAUNCHERS = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
    "/opt/rabbitmq/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
)
"""The one on Debian's PATH insists on the user `rabbitmq`; these do not."""

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0

CONFIG = """
listeners.tcp.local = 127.0.0.1:{amqp_port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management_port}
loopback_users = none
disk_free_limit.absolute = 1MB
collect_statistics_interval = 1000
log.file.level = info
"""

CLUSTER_CONFIG = """
cluster_partition_handling = pause_minority
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = {first}
"""
"""What docs/operations/rabbitmq.md tells operators."""


def find_launcher() -> Path | None:
    """The folder with `rabbitmq-server` and `rabbitmqctl`; None where it is not installed."""
    for pattern in LAUNCHERS:
        for folder in sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True):
            if (folder / "rabbitmq-server").exists() and shutil.which("erl"):
                return folder
    return None


class InstalledNode:
    """A node from the installed package, with the management plugin."""

    def __init__(self, launcher: Path, *, seed: Self | None = None) -> None:
        """`seed` is a node that runs already when this one is started for the first time."""
        self._launcher = launcher
        self._seed = seed
        self._directory = Path(tempfile.mkdtemp(prefix="rabbitmq-", dir=run_directory()))
        self.amqp_port = free_port()
        self.management_port = free_port()
        self.name = f"clarion-{uuid4().hex[:8]}@localhost"
        self._cookie: str = seed._cookie if seed else token_hex(16)
        self._epmd_port: int = seed._epmd_port if seed else free_port()
        self._environment = self._prepare()
        self._epmd: Process | None = None
        self._server: Process | None = None

    @property
    def log_directory(self) -> Path:
        """Where it writes its log."""
        return self._directory / "log"

    def start(self) -> None:
        """Start (again) with the same data and ports; returns once it serves."""
        if self._epmd is None and self._seed is None:
            epmd = ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = launch(epmd, env=self._environment, outlives_test=True)
        server = [self._launcher / "rabbitmq-server"]
        self._server = launch(server, env=self._environment, outlives_test=True)
        self.wait()

    def wait(self) -> None:
        """Return once it serves."""
        wait_for_listener(self.management_port, self.amqp_port, self._server)

    def pause(self) -> None:
        """SIGSTOP: it says nothing, and its connections stay open."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def stop(self) -> None:
        """Stop in order: connections are closed with a word."""
        if self._server is not None:
            with suppress(subprocess.SubprocessError):  # it takes too long: then it is killed
                self.evaluate("spawn(rabbit, stop_and_halt, [])")
                self._server.join(STOP_TIMEOUT_S)
            self._server.kill()
            self._server = None

    def kill(self) -> None:
        """SIGKILL: no goodbye to anybody."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl`; its output. Raises `CalledProcessError`."""
        return self._ask([self._launcher / "rabbitmqctl", "--quiet", *arguments])

    def evaluate(self, expression: str) -> str:
        """What the node makes of an Erlang expression. Raises `CalledProcessError`.

        By `erl_call`, which is a hundred times quicker than `rabbitmqctl`, where it is installed.
        """
        if shutil.which("erl_call") is None:
            return self.control("eval", f"{expression}.")
        command = ["erl_call", "-sname", self.name, "-c", self._cookie, "-e"]
        answer = self._ask(command, f"{expression}.\n")
        if not answer.startswith("{ok,"):
            raise subprocess.CalledProcessError(1, expression, answer)
        return answer

    def close(self) -> None:
        """End it and its name server, and remove its data."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd = None
        shutil.rmtree(self._directory, ignore_errors=True)

    def _ask(self, command: Sequence[str | Path], said: str = "") -> str:
        done = subprocess.run(
            [str(word) for word in command],
            env=dict(os.environ) | self._environment,
            input=said,
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
        )
        return done.stdout

    def _send(self, number: signal.Signals) -> None:
        if self._server is None:
            return
        launched = psutil.Process(self._server.pid)
        for process in (launched, *launched.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _prepare(self) -> dict[str, str]:
        home = self._directory
        config = CONFIG.format(amqp_port=self.amqp_port, management_port=self.management_port)
        first = self._seed or self
        (home / "rabbitmq.conf").write_text(config + CLUSTER_CONFIG.format(first=first.name))
        cookie = home / ".erlang.cookie"
        cookie.write_text(self._cookie)
        cookie.chmod(0o400)
        (home / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (home / "advanced.config").write_text("[].\n")
        (home / "environment").touch()
        return {
            "HOME": str(home),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "environment"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "config"),
            "RABBITMQ_SCHEMA_DIR": str(home / "schema"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(home / "feature_flags"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",
        }


def wait_for_listener(management_port: int, amqp_port: int, server: Process | None) -> None:
    """Return once the node listens for AMQP. Raises `RuntimeError` with the server's output."""
    check = f"http://127.0.0.1:{management_port}/api/health/checks/port-listener/{amqp_port}"
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server is not None and server.returncode is not None:
            raise RuntimeError(f"RabbitMQ did not start: {server!r}")
        try:
            if httpx2.get(check, auth=("guest", "guest"), timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"RabbitMQ does not listen after {START_TIMEOUT_S} s: {server!r}")
