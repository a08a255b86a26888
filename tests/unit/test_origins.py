"""Which pages may call, and what is told of those that may not."""

from __future__ import annotations

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from clarion.http.origins import AllowedOrigins, normalised_entry
from clarion.http.refused_origins import MAX_CHARACTERS, RefusedOrigins
from clarion.http.repeated_lines import LOG_EVERY_S

BELOW = ["https://*.example.com"]


def counted(surface: str) -> float:
    """How many pages were refused so far."""
    return REGISTRY.get_sample_value("clarion_refused_origins_total", {"surface": surface}) or 0


@pytest.mark.parametrize(
    ("entries", "origin", "listed"),
    [
        (BELOW, "https://app.example.com", True),
        (BELOW, "https://a.b.c.example.com", True),
        (BELOW, "https://APP.Example.com", True),
        (BELOW, "https://app.example.com:443", True),
        (BELOW, "https://xn--mnchen-3ya.example.com", True),
        (BELOW, "https://example.com", False),
        (BELOW, "https://.example.com", False),
        (BELOW, "https://..example.com", False),
        (BELOW, "https://*.example.com", False),
        (BELOW, "https://evil-example.com", False),
        (BELOW, "https://evilexample.com", False),
        (BELOW, "https://a.example.com.evil", False),
        (BELOW, "https://a.example.com.evil.example", False),
        (BELOW, "https://a.example.com@evil.example", False),
        (BELOW, "https://evil.example/a.example.com", False),
        (BELOW, "https://evil.example#.example.com", False),
        (BELOW, "https://evil.example\\.example.com", False),
        (BELOW, "https://a.example.com:8443", False),
        (BELOW, "https://a.example.com.", False),
        (BELOW, "http://a.example.com", False),
        (BELOW, "https://a.example.com https://evil.example", False),
        (BELOW, "https://a.example.com\n", False),
        (BELOW, "https://aexample.com", False),
        (BELOW, "null", False),
        (BELOW, "", False),
        ([*BELOW, "https://example.com"], "https://example.com", True),
        (["https://*.example.com:8443"], "https://a.example.com:8443", True),
        (["https://*.example.com:8443"], "https://a.example.com", False),
        (["http://*.localhost:3000"], "http://shop.localhost:3000", True),
        (["https://*.München.example"], "https://app.xn--mnchen-3ya.example", True),
        (["https://Straße.example"], "https://xn--strae-oqa.example", True),
        (["https://App.Example.com:443"], "https://app.example.com", True),
        (["http://app.example.com:80"], "http://app.example.com", True),
        (["http://app.example.com"], "https://app.example.com", False),
        (["http://[::1]:3000"], "http://[::1]:3000", True),
        (["http://my_app:3000"], "http://my_app:3000", True),
        ([], "https://app.example.com", False),
    ],
)
def test_an_origin_is_listed_or_not(entries: list[str], origin: str, listed: bool) -> None:
    assert AllowedOrigins(entries).lists(origin) is listed


@pytest.mark.parametrize(
    "entry",
    [
        "*", "null", "https://*", "https://*.com", "https://*.de", "https://*.*.example.com",
        "https://app*.example.com", "https://app.*.example.com", "*.example.com",
        "https://*.example.com/", "https://*.0.0.1", "https://*.127.0.0.1", "https://*.[::1]",
        "https://*example.com", "https://*..example.com", "https://app.example.com:0",
        "https://app.example.com:65536", "https://user@app.example.com", "ftp://app.example.com",
        "https://app..example.com", "https://-.example.com", "https://\u200b.example.com",
        "https://a.example.com https://b.example.com", "https://app.example.com?x", "https://",
    ],
)  # fmt: skip
def test_what_is_no_entry_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"write origins|no domain name"):
        normalised_entry(entry)


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(st.lists(LABELS, min_size=1, max_size=4), LABELS)
def test_only_labels_in_front_make_a_subdomain(labels: list[str], other: str) -> None:
    allowed = AllowedOrigins(BELOW)
    front = ".".join(labels)
    assert allowed.lists(f"https://{front}.example.com")
    assert not allowed.lists(f"https://{front}{other}-example.com")
    assert not allowed.lists(f"https://{front}.example.com.{other}")
    assert not allowed.lists(f"https://example.com.{front}")


@given(st.text(max_size=40))
def test_no_text_makes_it_fail(text: str) -> None:
    allowed = AllowedOrigins(BELOW)
    assert allowed.lists(text) in (True, False)
    assert allowed.may_listen(text, [text]) in (True, False)


def test_a_refused_origin_is_counted_and_logged_once_a_minute_with_what_decides() -> None:
    now = [100.0]
    refused = RefusedOrigins(lambda: now[0])
    before = counted("websocket")
    with structlog.testing.capture_logs() as lines:
        for _ in range(4):
            refused.note("https://app.example.com", ["gateway"], "websocket")
        now[0] += LOG_EVERY_S
        refused.note("https://app.example.com", ["gateway"], "websocket")
    assert [(one["event"], one["origin"], one["host"], one["count"]) for one in lines] == [
        ("origin_refused", "https://app.example.com", "gateway", 1),
        ("origin_refused", "https://app.example.com", "gateway", 4),
    ]
    assert counted("websocket") == before + 5


def test_lines_of_many_origins_are_bounded_and_their_values_escaped() -> None:
    refused = RefusedOrigins(lambda: 100.0)
    with structlog.testing.capture_logs() as lines:
        for number in range(1000):
            refused.note(f"https://\x1b[2J\u202e{number}", ["x" * 5_000, "\x9b"], "stream")
    assert len(lines) == 10
    shown = "".join(one["origin"] + one["host"] for one in lines)
    assert shown.isascii()
    assert shown.isprintable()
    assert all(len(one["host"]) <= MAX_CHARACTERS for one in lines)
