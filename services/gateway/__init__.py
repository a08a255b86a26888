"""The gateway: the door for services and admins, who show API keys.

It takes events (`POST /v1/events`), and answers 202 once RabbitMQ has stored them in
`clarion.events.<lane>`; on that way it touches no database. It gives the history, the directory of
subscribers and topics, and subscriber tokens.

It promises: a 202 is kept by the broker; an array is accepted whole or not at all, or the answer
says that part of it may be; each refusal names what was wrong and never repeats it; what it holds
in memory is bounded; a key does only what its scopes say, only in its tenant.
"""
