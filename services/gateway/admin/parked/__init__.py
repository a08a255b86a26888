"""Parked messages: read, republished, deleted.

| module | what |
|---|---|
| `reading` | one message with its body |
| `repair` | the message to publish for it |
| `redrive` | publish, then delete, in that order; discard |
"""
