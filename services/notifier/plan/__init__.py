"""Plans events: one transaction per batch. `batch` shows the main path on one page.

| module | contents |
|---|---|
| `batch` | the steps, in order |
| `claim` | idempotency keys: new events, duplicates and conflicts |
| `audience` | recipients named by events, and members of topics |
| `counts` | sizes of audiences, before members are read |
| `drafting` | the workflow of each event, and the decisions for each recipient |
| `write` | inbox versions and rows |
| `slices` | audiences too large for one transaction |
| `members` | the members of topics, in pages |
"""
