"""By which address a connection is counted: nobody chooses it for himself."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.http.client_address import address_of

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("fd00::1", ["[2001:db8:1:2:3:4:5:6]:443"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", [], "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", [], "192.0.2.1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("", ["198.51.100.7"], ""),
    ],
)
def test_the_nearest_hop_that_is_not_trusted_counts(
    peer: str, forwarded: list[str], counted: str
) -> None:
    assert address_of(peer, forwarded, PROXIES) == counted


@given(st.lists(st.text(max_size=40), max_size=4))
def test_without_trusted_proxies_the_header_counts_for_nothing(forwarded: list[str]) -> None:
    assert address_of("192.0.2.1", forwarded, []) == "192.0.2.1"


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_what_a_client_writes_before_the_proxy_counts_for_nothing(text: str) -> None:
    assert address_of("10.0.0.1", [f"{text}, 198.51.100.7"], PROXIES) == "198.51.100.7"
