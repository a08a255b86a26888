"""The pusher serves subscribers: their live feed, their inbox and the commands on its items.

Takes subscriber tokens, `GET /v1/live` (WebSocket), `/v1/inbox` (REST) and announcements from
`clarion.live`. Sends frames of `clarion.v1` and announcements of changes. Guarantees that a
session's frames are contiguous, that a resume is exact, that memory per session is bounded, and
that a slow reader delays no other.

The path of a frame: `feed.announcement_subscriber` receives it, `feed.hub` orders it,
`session.session` accepts it if it is next, and `wire.write_buffer` batches and writes it. Missing
frames come from `inbox.history`, through `feed.gaps` and `session.replay`.

Rooms, from the top: `routes`, `sockets`, `engine`, `session`, `feed`, then `inbox`, `wire` and
`access` side by side. Imports run downwards (`tests/unit/test_imports.py`).
"""
