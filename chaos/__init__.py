"""The attack on the promises: real processes under load, killed, paused and cut off from a seed.

Takes nothing but a machine with RabbitMQ; gives three ledgers that must agree: what got `202`, what
the history holds, and what each live client saw. `python -m chaos --help` has the options.
"""
