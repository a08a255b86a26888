"""The live feed: from announcements on the bus to the sessions.

`announcement_subscriber` receives from `clarion.live`, `hub` orders the frames of each feed,
`fanout` writes them, `gaps` reads missed ones from PostgreSQL. A session is known here only as a
`listener.Listener`.
"""
