"""The bus on RabbitMQ (3.10 to 4.3), by aio-pika.

`aio_pika.connect` with a supervision of our own rather than `connect_robust`, because the robust
classes restore what was declared and not what was promised:

- an exclusive, server-named queue has another name after a reconnect, and the reader has to learn
  that it missed announcements (`LiveSubscription.epoch`);
- a consumer that the broker cancels (its queue was deleted, its leader moved) ends in silence, and
  a robust consumer got by `get_queue(ensure=False)` does not come back at all;
- a delivery belongs to one channel: what is settled after a reconnect must be ignored, not sent
  with a tag that now means another message: `Received.channel_generation` tells channels apart.

Publishing and consuming have a connection each: a broker short of memory stops reading from
connections that publish, and consumers must go on to drain it.

The hot path (publish, deliver, settle) speaks to the aiormq channel under aio-pika's, which saves
a message object and a wait for the socket per message.
"""

from clarion.bus.rabbitmq.bus import RabbitMQBus

__all__ = ["RabbitMQBus"]
