"""Who carries frames to sockets: Clarion's pusher, and what one would take in its place.

Each is opened on a fresh ground and is given the same frames in the way its publishers give them.
`MissingProgram` says what to install for one that this machine lacks.
"""
