"""A private RabbitMQ in a container, where a Docker engine answers."""

from __future__ import annotations

import shutil
import subprocess
from uuid import uuid4

from testbed.processes import free_port
from testbed.rabbitmq_node import wait_for_listener

IMAGE = "rabbitmq:3.13-management"


def engine_answers() -> bool:
    """Whether there is a Docker engine that we may use."""
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(
        ["docker", "version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20
    )
    return asked.returncode == 0


class ContainerNode:
    """A node in a container on ports of 127.0.0.1, with the management plugin."""

    def __init__(self) -> None:
        self.name = f"clarion-test-{uuid4().hex[:12]}"
        self.amqp_port = free_port()
        self.management_port = free_port()
        self._made = False

    def start(self) -> None:
        """Start (again) with the same data and ports; returns once it serves."""
        if self._made:
            docker("start", self.name)
        else:
            docker(
                *("run", "--detach", "--name", self.name, "--hostname", self.name),
                *("--label", "clarion.test=1"),
                *("--publish", f"127.0.0.1:{self.amqp_port}:5672"),
                *("--publish", f"127.0.0.1:{self.management_port}:15672"),
                IMAGE,
            )
            self._made = True
        self.wait()

    def wait(self) -> None:
        """Return once it serves."""
        wait_for_listener(self.management_port, 5672, None)

    def pause(self) -> None:
        """It says nothing, and its connections stay open."""
        docker("pause", self.name)

    def resume(self) -> None:
        """It goes on."""
        docker("unpause", self.name)

    def stop(self) -> None:
        """Stop in order: connections are closed with a word."""
        docker("stop", self.name)

    def kill(self) -> None:
        """SIGKILL: no goodbye to anybody."""
        docker("kill", self.name)

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl`; its output. Raises `CalledProcessError`."""
        return docker("exec", self.name, "rabbitmqctl", "--quiet", *arguments)

    def evaluate(self, expression: str) -> str:
        """What the node makes of an Erlang expression. Raises `CalledProcessError`."""
        return self.control("eval", f"{expression}.")

    def close(self) -> None:
        """Remove the container and its data."""
        if self._made:
            docker("rm", "--force", "--volumes", self.name)


def docker(*arguments: str) -> str:
    """Run `docker`; its output. Raises `CalledProcessError`."""
    return subprocess.run(
        ["docker", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        text=True,
        timeout=300,
    ).stdout
