"""The workflow that an event follows. None are stored yet: every event has the default."""

from __future__ import annotations

from clarion.contracts.event import Event
from clarion.rules.workflow import Workflow, default_workflow


def resolve(tenant: str, event: Event, *, lane: str) -> Workflow:
    """The workflow of `tenant` for this event; `lane` is where the event arrived. Reads no table:
    it is called once per event in the plan transaction."""
    del tenant
    return default_workflow(event, lane)
