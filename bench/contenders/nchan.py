"""nginx with nchan: a channel for each subscriber, published to by HTTP. It checks no token."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from bench.contenders.contender import Contender, MissingProgram, News
from bench.lib.ground import Ground
from bench.lib.server import Server, program
from bench.loads.sockets import Sockets
from testbed.processes import free_port

MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"))
MODULE = "ngx_nchan_module.so"
REMEDY = (
    "nchan is left out: it needs nginx with nchan "
    "(Debian: apt-get install nginx-light libnginx-mod-nchan)."
)
CONFIGURATION = """\
load_module {module};
daemon off;
pid nginx.pid;
worker_processes 1;
error_log stderr warn;
events {{ worker_connections 30000; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 100000000;
    keepalive_timeout 1h;
    nchan_max_reserved_memory 1024M;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location = /healthz {{ return 200; }}
        location ~ ^/live/(.+)$ {{
            nchan_subscriber websocket;
            nchan_channel_id $1;
            nchan_subscriber_first_message newest;
        }}
        location ~ ^/publish/(.+)$ {{
            nchan_publisher;
            nchan_channel_id $1;
            nchan_store_messages off;
        }}
    }}
}}
"""


@asynccontextmanager
async def opened(_: Ground) -> AsyncIterator[Contender]:
    """As `Opening`. Raises `MissingProgram`."""
    nginx, module = find_nginx()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as directory:
        configure(Path(directory), CONFIGURATION.format(module=module, port=port))
        command = [nginx, "-p", directory, "-c", "nginx.conf", "-e", "stderr"]
        async with program(command, {}, port, "/healthz") as process:
            worker = psutil.Process(process.pid).children()[0]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)

            async def send(news: Sequence[News]) -> None:
                writer.write(b"".join(map(request, news)))
                for _ in news:
                    await answer(reader)

            sockets = Sockets(port, "/live/{name}")
            yield Contender("nchan", Server(worker.pid, port), sockets, send)
            writer.close()


def find_nginx() -> tuple[str, Path]:
    """The program and the module. Raises `MissingProgram`."""
    nginx = shutil.which("nginx", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
    modules = [folder / MODULE for folder in MODULES if (folder / MODULE).exists()]
    if nginx is None or not modules:
        raise MissingProgram(REMEDY)
    return nginx, modules[0]


def configure(directory: Path, text: str) -> None:
    """Write its file where its worker, somebody else where we are root, may look."""
    directory.chmod(0o755)
    (directory / "nginx.conf").write_text(text)


def request(news: News) -> bytes:
    """To publish it."""
    head = f"POST /publish/{news.subscriber} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    return f"{head}content-length: {len(news.body)}\r\n\r\n".encode() + news.body


async def answer(reader: asyncio.StreamReader) -> None:
    """Read the answer to one. Raises `RuntimeError` where it was refused."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 202 " not in head[:20] and b" 201 " not in head[:20]:
        raise RuntimeError(f"nchan answered {head.decode(errors='replace')}")
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
