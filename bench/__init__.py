"""What Clarion costs, each figure beside a naive peer in the same run.

`make bench` runs all; `make bench ARGS="accept plan"` chooses. Servers are processes of their own,
measured from outside (CPU time and resident memory); loads are bounded in count and time; nothing
leaves 127.0.0.1. RabbitMQ and PostgreSQL are private unless `CLARION_AMQP_URL` and
`CLARION_DATABASE_URL` name some.

On a small machine the load generator, the broker and the database share the cores with what is
measured: read the ratios, and of the figures those per CPU second of the server first.
"""

import warnings

warnings.filterwarnings("ignore", module="platformdirs")  # it warns of a directory it lacks
