"""The gateway: the HTTP API for services and admins, authenticated by API keys.

It accepts events (`POST /v1/events`) and answers 202 once RabbitMQ has stored them in
`clarion.events.<lane>`, without touching the database. It also serves the history, the directory of
subscribers and topics, and subscriber tokens.

It promises: an event answered with 202 is stored by the broker; an array is accepted whole or not
at all, or the answer says that part of it may be stored; a refusal names the fault without
repeating the input; memory is bounded; a key acts within its scopes and its tenant only.
"""
