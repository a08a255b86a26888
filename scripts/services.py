"""Sees to it that the tests find RabbitMQ, PostgreSQL with TLS, PgBouncer, Chromium, Firefox and
nginx; run by `make test` before pytest.

What is given by the environment, installed, or (RabbitMQ) can run in a container is taken as it
is. Otherwise root on Debian has it installed by apt, with services kept from starting; anybody
else is told in a sentence what to install; only nginx the tests can do without.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from testbed.browser import find_chromium, find_firefox
from testbed.installed_postgres import find_postgres
from testbed.nginx import NGINX
from testbed.pgbouncer import find_pgbouncer
from testbed.rabbitmq import find_node

POLICY = Path("/usr/sbin/policy-rc.d")
KEEP_STOPPED = "#!/bin/sh\nexit 101\n"


def main() -> None:
    """Check each; install what is missing where we may."""
    if not os.environ.get("CLARION_AMQP_URL", "").startswith("amqp"):
        ensure(find_node, "rabbitmq-server")
    ensure(find_postgres, "postgresql")
    ensure(find_pgbouncer, "pgbouncer")
    ensure(lambda: find_chromium(os.environ.get("CHROMIUM")), "chromium")
    ensure(lambda: find_firefox(os.environ.get("FIREFOX")), "firefox-esr")
    if NGINX is None and may_install():
        install("nginx")


def ensure(find: Callable[[], object], package: str) -> None:
    """Return once `find` finds it. Exits with its sentence where that cannot be reached."""
    try:
        find()
        return
    except RuntimeError as error:
        if not may_install():
            raise SystemExit(str(error)) from None
    install(package)
    try:
        find()
    except RuntimeError as error:
        raise SystemExit(f"{error} (apt-get install {package} was tried.)") from None


def may_install() -> bool:
    """Whether we are root on Debian."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(package: str) -> None:
    """Install a Debian package; no service starts."""
    print(f"Installing {package} ...", file=sys.stderr, flush=True)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    with services_stay_stopped():
        for arguments in (
            ("update", "-qq"),
            ("install", "-qqy", "--no-install-recommends", package),
        ):
            subprocess.run(
                ["apt-get", *arguments], env=environment, stdout=subprocess.DEVNULL, check=False
            )


@contextmanager
def services_stay_stopped() -> Iterator[None]:
    """Debian asks this file before a package starts its service."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(KEEP_STOPPED)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
