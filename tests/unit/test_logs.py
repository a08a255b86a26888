"""Log lines: one JSON object each, with the trace, without what must not be there."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import structlog

from clarion.telemetry.logs import configure_logs
from clarion.telemetry.trace import set_current_trace

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers, root.level, logging.getLogger("clarion").level)
    yield
    root.handlers = before[0]
    root.setLevel(before[1])
    logging.getLogger("clarion").setLevel(before[2])
    structlog.reset_defaults()
    set_current_trace("")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_event_is_one_line_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json", "gateway")
    set_current_trace(TRACEPARENT)
    structlog.get_logger("clarion.test").info("event_planned", events=3)
    structlog.get_logger("clarion.test").debug("not_at_this_level")
    (line,) = lines(capsys)
    assert list(line)[:3] == ["time", "level", "event"]
    assert line | {"time": ""} == {
        "time": "",
        "service": "gateway",
        "version": version("clarion"),
        "event": "event_planned",
        "events": 3,
        "level": "info",
        "logger": "clarion.test",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }


def test_libraries_speak_from_warning_and_without_credentials(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info", "json")
    logging.getLogger("sqlalchemy").info("chatter")
    logging.getLogger("sqlalchemy").warning("lost %s", "amqp://u:canary@h/ at /x?token=canary&y=1")
    (line,) = lines(capsys)
    assert line["event"] == "lost amqp://***@h/ at /x?token=***&y=1"


def test_an_error_shows_where_it_was_and_no_locals(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    held = "canary"
    try:
        raise ValueError(len(held))
    except ValueError:
        structlog.get_logger("clarion.test").exception("send_failed")
    (line,) = lines(capsys)
    (error,) = line["exception"]
    assert (error["exc_type"], error["exc_value"]) == ("ValueError", "6")
    assert error["frames"][0]["name"] == "test_an_error_shows_where_it_was_and_no_locals"
    assert "canary" not in json.dumps(line)


def test_values_in_an_errors_text_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    try:
        raise RuntimeError("refused by ada@example.com\nDETAIL: Key (phone)=(canary)")
    except RuntimeError:
        structlog.get_logger("clarion.test").exception("send_failed")
    (line,) = lines(capsys)
    assert line["exception"][0]["exc_value"] == "refused by ***"
    assert "canary" not in json.dumps(line)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_errors_are_redacted_in_every_format(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure_logs("info", log_format)
    try:
        try:
            raise ValueError("amqp://u:canary@h/ ?token=canary")
        except ValueError as error:
            group = ExceptionGroup("canary@example.com", [RuntimeError("no\nDETAIL: canary")])
            group.add_note("canary@example.com")
            raise group from error
    except ExceptionGroup:
        structlog.get_logger("clarion.test").exception("send_failed", at="amqp://u:canary@h/")
    text = capsys.readouterr().out
    assert "canary" not in text
    assert "test_errors_are_redacted_in_every_format" in text
    assert all(name in text for name in ("ValueError", "RuntimeError", "ExceptionGroup"))


def test_lines_for_people_are_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "console", "dev")
    structlog.get_logger("clarion.test").info("event_planned", events=3)
    line = capsys.readouterr().out
    assert not line.startswith("{")
    assert "event_planned" in line
    assert "events=3" in line
