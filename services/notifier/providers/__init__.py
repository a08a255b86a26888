"""Providers of channels.

`provider` is the protocol of a provider, `registry` opens providers from settings; `smtp`, `twilio`
and `capture` implement it. `provider_chain` has the providers of a channel in order of preference.
"""
