"""The page on retries, states and reasons lists what the code has, no more and no less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from clarion.errors import BadRequest, Invalid, UnsupportedMedia
from clarion.rules.delivery_states import MOVES, State
from clarion.rules.retry import STEPS_S
from tests.support.sources import ROOT, python_files

FILE = "docs/concepts/retries-and-states.md"
PAGE = (ROOT / FILE).read_text()
WORD = re.compile(r"[a-z]+(_[a-z0-9]+)*")
GIVES_A_REASON = {"Retry", "Failed", "Unknown", "Malformed", "Decision", "Verdict", "Wait"}
"""What is made with a reason; the modules that make one say which reasons there are."""

NO_REASONS = {
    *("address", "body", "channel", "code", "data", "detail", "digest", "event", "exchange"),
    *("message", "phone", "queue", "recipient", "sender", "source", "status", "subscriber"),
    *("deleted", "email", "inbox", "normal", "tenant", "text", "traceparent", "topic"),
    *("connect", "content", "hello", "login", "deterministic", "smtp", "smtps", "replace"),
    *("ended", "hold", "send", "skip", "sending", "skipped", "failing", "no_signal", "works"),
    *("accepted_at", "due_at", "event_id", "in_directory", "lane", "next_after", "next_topic"),
    *("trace_id", "attempt_cut", "circuit_breaker_changed", "delivery_attempted", "lease_lost"),
    *(
        "lease_too_old",
        "not_recorded",
        "dead_letter_body_only",
        "dead_letters_retried",
        "provider_raised",
    ),
    *("provider_raised", "provider_skipped", "http", "https", "urgent", "base", "from"),
}
"""Other words of these modules: fields, kinds, and events of the log."""


def test_every_reason_of_the_code_is_explained() -> None:
    unexplained = reasons_of_the_code() - reasons_of_the_page() - NO_REASONS
    assert unexplained == set(), f"explain them in {FILE}, or list what is no reason in NO_REASONS"


def test_no_reason_is_explained_that_the_code_does_not_have() -> None:
    assert reasons_of_the_page() - reasons_of_the_code() == set()


def test_the_transitions_of_a_delivery_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", PAGE, re.MULTILINE)
    documented = {State(state): set(re.findall(r"\w+", targets)) for state, targets in rows}
    assert documented == {state: {*targets} for state, targets in MOVES.items() if targets}


def test_every_state_is_explained() -> None:
    section = PAGE[PAGE.index("| state | meaning") : PAGE.index("Every legal transition")]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [*State]


def test_the_back_off_is_that_of_the_code() -> None:
    unit = {"s": 1, "min": 60, "h": 3600}
    for channel, steps in STEPS_S.items():
        row = re.search(rf"^\| {channel} \| (\d.*) \|$", PAGE, re.MULTILINE)
        assert row is not None
        written = [part.split() for part in row[1].split(", ")]
        assert tuple(int(number) * unit[word] for number, word in written) == steps


def reasons_of_the_page() -> set[str]:
    """The first column of the tables below `## Reasons`."""
    tables = PAGE[PAGE.index("\n## Reasons") :]
    return set(re.findall(r"^\| `(\w+)` \|", tables, re.MULTILINE))


def reasons_of_the_code() -> set[str]:
    """The words in modules that make something with a reason, those that SQL writes, those of
    problems that a message is parked with."""
    found = {problem.default_code for problem in (BadRequest, Invalid, UnsupportedMedia)}
    found |= {"malformed_json"}
    for file in python_files("services/notifier", "clarion/rules", "clarion/contracts"):
        text = file.read_text()
        found |= set(re.findall(r"\breason = '([a-z_]+)'", text))
        if (
            file.stem in {"failures", "parking", "recipient_addresses"}
            or calls(text) & GIVES_A_REASON
        ):
            found |= set(words(text))
    return {word.format(whose=whose) for word in found for whose in ("address", "sender")}


def calls(text: str) -> set[str]:
    """The names that a module calls."""
    nodes = ast.walk(ast.parse(text))
    return {
        node.func.id
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def words(text: str) -> Iterator[str]:
    """Its strings that are one word in lower case; f-strings with their fields in braces."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr) and re.fullmatch(
            r"f'[a-z_0-9{}]+'", written := ast.unparse(node)
        ):
            yield written[2:-1]
        elif isinstance(node, ast.Constant):
            written = str(node.value)
            if WORD.fullmatch(written) and len(written) > 3:
                yield written
