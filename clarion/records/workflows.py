"""The workflow of an event. None are stored yet: every event has the default workflow."""

from __future__ import annotations

from clarion.contracts.event import Event
from clarion.rules.workflow import Workflow, default_workflow


def resolve(tenant: str, event: Event, *, lane: str) -> Workflow:
    """The workflow of `tenant` for an event that arrived on `lane`. Called once per event within
    the plan transaction, so it reads no table."""
    del tenant
    return default_workflow(event, lane)
