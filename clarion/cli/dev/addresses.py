"""What is this machine and what is not."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.requests import Request

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""As they stand in a Host header."""


def host_name(request: Request) -> str:
    """The name in the Host header, without its port; empty where there is not just one."""
    hosts = request.headers.getlist("host")
    host = hosts[0] if len(hosts) == 1 else ""
    name, _, port = host.rpartition(":")
    return name if name and port.isdecimal() else host


def is_loopback(host: str) -> bool:
    """Whether a bound address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
