"""The nginx of `deploy/`, with the addresses of a test, where one is installed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

from testbed.processes import Process, run_directory, start_process, wait_until

ROOT = Path(__file__).parents[1]
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


async def start_nginx(
    port: int, gateway: int, pushers: Sequence[int], changes: Mapping[str, str] | None = None
) -> Process:
    """Serves on `port`; the others are the ports of the services. Only where there is `NGINX`.
    `changes` are made to the text of the file."""
    assert NGINX is not None
    config = run_directory() / f"nginx-{port}.conf"
    text = configuration(port, gateway, pushers)
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    checked = await start_process([NGINX, "-t", "-c", config])
    assert await checked.wait() == 0, checked.output()
    process = await start_process([NGINX, "-c", config, "-g", "daemon off;"])
    await answering(f"http://127.0.0.1:{port}/healthz", process)
    return process


def configuration(port: int, gateway: int, pushers: Sequence[int]) -> str:
    """The file, with nothing changed but addresses and places."""
    text = (ROOT / "deploy/nginx/nginx.conf").read_text()
    for name, ports in {"gateway": [gateway], "pusher": pushers}.items():
        lines = "\n".join(f"        server 127.0.0.1:{one};" for one in ports)
        text, changed = re.subn(rf"^ +server {name}:8000;", lines, text, flags=re.MULTILINE)
        assert changed == 1
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    text = text.replace("/tmp/", f"{run_directory()}/nginx-{port}-")
    return text.replace("root /usr/share/nginx/html;", f"root {ROOT};")


async def answering(url: str, process: Process) -> None:
    """Return once the address answers with 200."""
    async with httpx2.AsyncClient() as client:

        async def answers() -> bool:
            return (await client.get(url)).status_code == 200

        await wait_until(answers, 60, f"{url}: {process!r}")
