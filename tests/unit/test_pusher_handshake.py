"""What a handshake is judged by, and cursors."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.errors import Invalid
from clarion.http.origins import is_same_host
from services.pusher.inbox.cursors import Place, read_cursor, write_cursor


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("https://localhost:8000", "localhost:8000", True),
        ("https://App.Example.com", "app.example.com", True),
        ("https://app.example.com", "app.example.com:443", True),
        ("http://app.example.com:80", "app.example.com", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://localhost:8000", "localhost:8001", False),
        ("http://localhost", "localhost:8000", False),
        ("https://example.com.evil.example", "example.com", False),
        ("https://evil.example/example.com", "example.com", False),
        ("https://user@example.com", "example.com", False),
        ("ftp://example.com", "example.com", False),
        ("example.com", "example.com", False),
        ("null", "null", False),
        ("", "", False),
    ],
)
def test_an_origin_is_the_hosts_own_or_foreign(origin: str, host: str, same: bool) -> None:
    assert is_same_host(origin, host) is same


@given(st.integers(0, 2**53 - 1), st.uuids())
def test_a_cursor_comes_back_as_it_was(version: int, identifier: UUID) -> None:
    place = Place(version, identifier)
    assert read_cursor(write_cursor(place, "list"), "list") == place


@given(st.text(max_size=60))
def test_what_is_no_cursor_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        read_cursor(text, "list")
