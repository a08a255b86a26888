"""Logs: one JSON object a line on stdout (or readable lines for a terminal).

An event is a word, what belongs to it are fields; the trace id is added by itself. Logs never hold
tokens, keys, bodies, addresses or phone numbers. Tracebacks carry no local variables.
"""

from __future__ import annotations

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from clarion.telemetry.trace import current_trace_id

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*(?=@)")
_TOKEN = re.compile(r"(?<=token=)[^&\s\"']+")

_EMAIL = re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+")

MAX_ERROR_CHARACTERS = 300


def configure_logs(level: str, log_format: str) -> None:
    """Set up this process: Clarion's own loggers at `level`, the libraries' at warning.

    `log_format` is `json` or `console`.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        add_trace_id,
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
    text = event.get("event")
    if isinstance(text, str):
        event["event"] = _TOKEN.sub("***", _CREDENTIALS.sub("***", text))
    return event


def shorten_errors(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: of an error's text only the first line, for databases put values into the next;
    addresses of people are cut out."""
    for error in event.get("exception") or ():
        first_line = str(error["exc_value"]).partition("\n")[0][:MAX_ERROR_CHARACTERS]
        error["exc_value"] = _EMAIL.sub("***", _CREDENTIALS.sub("***", first_line))
    return event


def _renderers(log_format: str) -> list[Processor]:
    if log_format == "console":
        plain = structlog.dev.plain_traceback
        return [
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)
        ]
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    return [tracebacks, shorten_errors, structlog.processors.JSONRenderer()]
