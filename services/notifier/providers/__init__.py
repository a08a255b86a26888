"""Ways to reach a subscriber, each with the providers that carry it.

`provider` is what a provider promises, `registry` opens them from settings; `smtp`, `twilio` and
`capture` are providers. `provider_chain` has the providers of a channel in order of preference.
"""
