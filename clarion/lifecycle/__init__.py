"""A process serves until SIGTERM or SIGINT, then shuts down gracefully within a deadline."""
