"""The live feed: announcements arrive, are put in order, and reach every session that is due.

`announcement_subscriber` hears `clarion.live`, `hub` orders the frames of each feed, `fanout`
writes them, `gaps` reads from PostgreSQL what was missed. A session is known only as
`listener.Listener`.
"""
