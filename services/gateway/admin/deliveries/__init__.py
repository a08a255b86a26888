"""Deliveries as operators look at them and drive them: listed, sent again, cancelled.

| module | what |
|---|---|
| `schemas` | what the calls take and give |
| `listing` | the list and its filters |
| `redrive` | sending again what has ended, one or many |
| `cancel` | stopping what is not sent yet |

Every change is one of state, made in one statement that also checks the state by the table in
`clarion.rules.delivery_states`: the row lock decides between a caller and a sender. The notifier's
dispatch takes up what is `scheduled` and due.
"""
