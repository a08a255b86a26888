"""How a process lives: it serves until SIGTERM or SIGINT, then stops in order within a deadline."""

from clarion.lifecycle.background import BackgroundTasks
from clarion.lifecycle.process import run, run_service
from clarion.lifecycle.serving import open_listener, serve

__all__ = ["BackgroundTasks", "open_listener", "run", "run_service", "serve"]
