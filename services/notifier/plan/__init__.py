"""From events to rows in one transaction a batch; `batch` is the main path on one page.

| module | what |
|---|---|
| `batch` | the steps, in order |
| `claim` | which events are seen for the first time; duplicates and conflicts |
| `audience` | whom they are for |
| `counts` | how many that are, before anybody is read |
| `drafting` | the workflow of each event, and the decisions for each recipient |
| `write` | versions of inboxes, and the rows |
| `slices` | audiences too large for one transaction |
| `members` | the members of topics, so many at a time |
"""
