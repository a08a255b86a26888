"""Real servers for tests, bench and chaos: brokers, databases, mail, browsers, whole stacks.

Each is started privately, on ports and data of its own, and ended with what it started; nothing
here imports from `tests`.
"""
