"""Whom the demo page's key is for."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from clarion.cli.dev.addresses import LOOPBACK_NAMES, host_name


@pytest.mark.parametrize(
    ("hosts", "trusted"),
    [
        (["localhost"], True),
        (["127.0.0.1:8000"], True),
        (["[::1]:8000"], True),
        ([], False),
        ([""], False),
        (["evil.example"], False),
        (["localhost.evil.example:8000"], False),
        (["localhost:1@evil.example"], False),
        (["localhost", "evil.example"], False),
        (["localhost", "localhost"], False),
    ],
    ids=str,
)
def test_the_host_header_names_this_machine_once(hosts: list[str], trusted: bool) -> None:
    headers = [(b"host", host.encode()) for host in hosts]
    request = Request({"type": "http", "headers": headers})
    assert (host_name(request) in LOOPBACK_NAMES) is trusted
