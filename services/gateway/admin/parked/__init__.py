"""Messages that could not be worked on: read whole, published again, thrown away.

| module | what |
|---|---|
| `reading` | one message with its body |
| `repair` | what is published for it |
| `redrive` | publish, then delete, in that order; and throwing away |
"""
