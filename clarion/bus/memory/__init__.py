"""The broker in the process itself, for trying Clarion out and for fast tests.

The semantics are those of `rabbitmq`, held by the same contract suite; only nothing outlives the
process, which `MemoryBus.start` says in the log.
"""

from clarion.bus.memory.broker import MemoryBroker
from clarion.bus.memory.bus import MemoryBus

__all__ = ["MemoryBroker", "MemoryBus"]
