"""The transports under a session: a WebSocket or an event stream."""
