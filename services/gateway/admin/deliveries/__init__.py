"""Deliveries for operators: list, redrive, cancel.

| module | what |
|---|---|
| `schemas` | requests and answers |
| `listing` | the list and its filters |
| `redrive` | schedule ended deliveries again, one or many |
| `cancel` | stop unsent deliveries |

Every change is a transition in one statement that also checks the state against the table in
`clarion.rules.delivery_states`: the row lock decides between a caller and a sender. The notifier's
dispatcher picks up deliveries that are `scheduled` and due.
"""
