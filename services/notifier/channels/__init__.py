"""Ways to reach a subscriber, each with the providers that carry it.

`provider` is what a provider promises, `urls` opens them from settings; `smtp`, `twilio` and
`capture` are providers; `email` and `sms` make what they send.
"""
