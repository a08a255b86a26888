"""Logs: one JSON object a line on stdout (or readable lines for a terminal), which begins with
`time`, `level` and `event` and says which service of which version speaks.

An event is a word, what belongs to it are fields; the trace id is added by itself. Logs never hold
tokens, keys, bodies, addresses or phone numbers. Tracebacks carry no local variables.
"""

from __future__ import annotations

import logging
import re
import sys
from importlib.metadata import version
from typing import Any, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from clarion.telemetry.trace import current_trace_id

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*(?=@)")
_TOKEN = re.compile(r"(?<=token=)[^&\s\"']+")

_EMAIL = re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+")

MAX_ERROR_CHARACTERS = 300


FIRST = ("time", "level", "event")


def configure_logs(level: str, log_format: str, service: str = "clarion") -> None:
    """Set up this process: Clarion's own loggers at `level`, the libraries' at warning.

    `log_format` is `json` or `console`.
    """
    named = {"service": service, "version": version("clarion")}

    def add_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**event, **named}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        add_trace_id,
        add_service,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("clarion").setLevel(level.upper())


def add_trace_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: the running task's trace."""
    trace_id = current_trace_id()
    if trace_id:
        event.setdefault("trace_id", trace_id)
    return event


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: libraries log addresses; the user and password in them are cut out."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _TOKEN.sub("***", _CREDENTIALS.sub("***", value))
    return event


def order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: what every line has comes first."""
    first = {name: event.pop(name) for name in FIRST if name in event}
    return {**first, **event}


def shorten_errors(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: of an error's text only the first line, for databases put values into the next;
    addresses of people are cut out. So are those of the errors of a group."""
    _shorten(event.get("exception") or [])
    return event


def _shorten(errors: list[dict[str, Any]]) -> None:
    for error in errors:
        error["exc_value"] = _first_line(error["exc_value"])
        if error.get("exc_notes"):
            error["exc_notes"] = [_first_line(note) for note in error["exc_notes"]]
        for group in error.get("exceptions") or ():
            _shorten(group)


def _first_line(text: object) -> str:
    first_line = str(text).partition("\n")[0][:MAX_ERROR_CHARACTERS]
    return _TOKEN.sub("***", _EMAIL.sub("***", _CREDENTIALS.sub("***", first_line)))


def exceptions_as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: the errors as Python shows them, the first cause first."""
    errors = cast("list[dict[str, Any]] | None", event.get("exception"))
    if errors:
        event["exception"] = "\n".join(_text_of(errors))
    return event


def _text_of(errors: list[dict[str, Any]], indent: str = "") -> list[str]:
    lines: list[str] = []
    for error in reversed(errors):
        lines.append(f"{indent}Traceback (most recent call last):")
        lines += [
            f'{indent}  File "{frame["filename"]}", line {frame["lineno"]}, in {frame["name"]}'
            for frame in error["frames"]
        ]
        lines.append(f"{indent}{error['exc_type']}: {error['exc_value']}")
        lines += [f"{indent}{note}" for note in error.get("exc_notes") or ()]
        for group in error.get("exceptions") or ():
            lines += _text_of(group, indent + "  | ")
    return lines


def _renderers(log_format: str) -> list[Processor]:
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    if log_format == "console":
        console = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), sort_keys=False, timestamp_key="time"
        )
        return [tracebacks, shorten_errors, exceptions_as_text, _for_people, console]
    return [tracebacks, shorten_errors, order, structlog.processors.JSONRenderer()]


def _for_people(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: users of a terminal know which service runs there."""
    for name in ("service", "version"):
        event.pop(name, None)
    return event
