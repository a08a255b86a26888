"""The pusher faces subscribers: their live feed, their inbox, and what they do with its items.

Takes subscriber tokens, `GET /v1/live` (WebSocket) and `/v1/inbox` (REST), and announcements from
`clarion.live`. Gives frames of `clarion.v1`, and announcements of what commands changed. Promises
that a session's frames are contiguous, that a resume is exact, that memory per session is bounded,
and that a slow reader costs nobody else.

A frame's way: `feed.announcement_subscriber` hears it, `feed.hub` puts it in order,
`session.session` decides whether it is due, `wire.write_buffer` joins it with others and writes.
What is missing `feed.gaps` and `session.replay` read from `inbox.history`.

Rooms, from the top: `routes`, `sockets`, `engine`, `session`, `feed`, then `inbox`, `wire` and
`access` side by side. Imports run downwards (`tests/unit/test_imports.py`).
"""
