"""How a process lives: it serves until SIGTERM or SIGINT, then stops in order within a deadline."""

from clarion.lifecycle.background import BackgroundTasks
from clarion.lifecycle.process import run, run_service
from clarion.lifecycle.serving import open_listener, serve
from clarion.lifecycle.workers import Worker

__all__ = ["BackgroundTasks", "Worker", "open_listener", "run", "run_service", "serve"]
