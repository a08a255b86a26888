"""How a process lives: it serves until SIGTERM or SIGINT, then stops in order within a deadline."""
