"""Publishing with confirms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from secrets import token_hex

import aiormq
from aio_pika.abc import AbstractChannel
from aiormq.channel import Channel
from pamqp.commands import Basic
from pamqp.common import FieldTable

from clarion.bus.metrics import BLOCKED, PUBLISHES
from clarion.bus.protocol import Message
from clarion.bus.rabbitmq.aiormq_internals import Cause, channel_under, when_closed
from clarion.bus.rabbitmq.connection import BrokerConnection, user_of
from clarion.bus.rabbitmq.outcome import is_cancelled
from clarion.bus.rabbitmq.supervised_connection import SupervisedConnection
from clarion.errors import (
    BusUnavailable,
    ConfigurationError,
    PublishRefused,
    PublishUnknown,
    Unroutable,
)
from clarion.topology import EVENTS, EXCHANGES, LIVE, QUEUES

PROOF_S = 2.0

_PERSISTENT = 2
_TRANSIENT = 1
_KNOWN_EXCHANGES = frozenset(exchange.name for exchange in EXCHANGES)
_LANES = frozenset(queue.key for queue in QUEUES if queue.exchange == EVENTS)

_confirmed = PUBLISHES.labels("confirmed")
_refused = PUBLISHES.labels("refused")
_unknown = PUBLISHES.labels("unknown")
_unroutable = PUBLISHES.labels("unroutable")
_unavailable = PUBLISHES.labels("unavailable")


class ConfirmingPublisher:
    """One connection and one channel in confirm mode; any number of publishes in flight on it.

    A publish in flight when the connection is lost or blocked ends at once as `PublishUnknown`.
    Each message carries the user of the connection: that is how consumers know that it is ours.
    """

    def __init__(self, urls: Sequence[str], *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._channel: AbstractChannel | None = None  # aio-pika refers to it weakly
        self._amqp: Channel | None = None
        self._user = ""
        self._in_flight: set[asyncio.Timeout] = set()
        self._is_doubtful = False
        self._message_ids = (
            f"{prefix}{number:x}" for prefix in [token_hex(8)] for number in count()
        )
        self.connection = SupervisedConnection(
            "publish",
            urls,
            self._prepare,
            prove=self._prove,
            on_blocked=self._on_blocked,
            on_lost=self._on_lost,
        )

    async def publish(self, exchange: str, key: str, message: Message, mandatory: bool) -> None:
        """See `clarion.bus.protocol.Bus.publish`."""
        if exchange not in _KNOWN_EXCHANGES:  # it would end the channel for all in flight
            raise ValueError(f"{exchange} is not an exchange of clarion.topology")
        if mandatory and exchange == EVENTS and key not in _LANES:  # the broker would park it
            _unroutable.inc()
            raise Unroutable(f"No queue is bound to {exchange} with key {key!r}.")
        amqp = self._amqp
        if amqp is None or amqp.is_closed or self.connection.is_blocked:
            self.connection.probe_soon()  # which asks nothing of a broker that blocks us
            _unavailable.inc()
            raise BusUnavailable(self.why_not() or "The connection to the broker is lost.")
        # aiormq tells returns by message id, so one id must never be in flight twice
        properties = Basic.Properties(
            content_type=message.content_type,
            headers=_table(message),
            delivery_mode=_PERSISTENT if message.persistent else _TRANSIENT,
            message_id=next(self._message_ids),
            user_id=self._user,
        )
        try:
            async with asyncio.timeout(self._timeout_s) as deadline:
                self._in_flight.add(deadline)
                try:
                    await amqp.basic_publish(
                        message.body,
                        exchange=exchange,
                        routing_key=key,
                        properties=properties,
                        mandatory=mandatory,
                        wait=False,
                    )
                finally:
                    self._in_flight.discard(deadline)
        except aiormq.exceptions.PublishError as error:
            _unroutable.inc()
            raise Unroutable(f"No queue is bound to {exchange} with key {key!r}.") from error
        except aiormq.exceptions.DeliveryError as error:
            _refused.inc()
            raise PublishRefused(f"A queue of {exchange} with key {key!r} is full.") from error
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            # what aiormq makes of a connection that was found dead
            _unknown.inc()
            raise PublishUnknown("The connection was lost before the confirm.") from error
        except Exception as error:  # aiormq raises anything, and the message may be stored
            _unknown.inc()
            self._doubt(amqp)
            raise PublishUnknown(self.why_not() or "No confirm in time.") from error
        self._is_doubtful = False
        _confirmed.inc()

    def why_not(self) -> str:
        """Why nothing can be published now, in a sentence; empty where it can."""
        if self.connection.is_blocked:
            return "The broker is short of memory or disk and blocks publishers."
        if why_not := self.connection.why_not():
            return why_not
        if self._amqp is None or self._amqp.is_closed:
            return "The channel to the broker is closed."
        return "No confirm in time." if self._is_doubtful else ""

    async def _prepare(self, connection: BrokerConnection) -> None:
        self._channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        amqp = await channel_under(self._channel)
        self._user = user_of(str(connection.url))
        is_proven = await _prove_user(amqp, self._user)
        when_closed(amqp, lambda cause: self._channel_closed(amqp, cause))
        self._amqp = amqp
        self._is_doubtful = False
        if not is_proven:
            self._doubt(amqp)

    async def _prove(self) -> None:
        """The channel answers, and so will it confirm."""
        amqp = self._amqp
        if amqp is None or amqp.is_closed:
            raise ConnectionError("the publishing channel is closed")
        await amqp.confirm_delivery()
        self._is_doubtful = False

    def _doubt(self, amqp: Channel) -> None:
        """No confirm came. Until something is confirmed or the channel answers, it may be dead."""
        if amqp is self._amqp:
            self._is_doubtful = True
            self.connection.probe_soon()

    def _channel_closed(self, amqp: Channel, cause: Cause) -> None:
        if self._amqp is amqp:
            self._give_up()
            self._amqp = self._channel = None
            self.connection.drop(f"the publishing channel was closed ({cause!r})")

    def _on_blocked(self, blocked: bool) -> None:
        BLOCKED.set(blocked)
        if blocked:
            self._give_up()
        else:
            self.connection.probe_soon()

    def _on_lost(self) -> None:
        BLOCKED.set(0)
        self._amqp = self._channel = None
        self._give_up()

    def _give_up(self) -> None:
        now = asyncio.get_running_loop().time()
        for deadline in self._in_flight:
            if not deadline.expired():  # it is ending already, and may not be changed
                deadline.reschedule(now)


async def _prove_user(amqp: Channel, user: str) -> bool:
    """Have the broker check the user id of an unroutable message; return whether it answered.

    Raises `ConfigurationError` where it knows us by another name (a certificate or an
    authentication backend may give one), and where we may not publish at all. A broker that blocks
    publishers does not answer: then the first message is the proof.
    """
    try:
        properties = Basic.Properties(user_id=user, delivery_mode=_TRANSIENT)
        with suppress(TimeoutError):
            async with asyncio.timeout(PROOF_S):
                await amqp.basic_publish(b"", exchange=LIVE, routing_key="", properties=properties)
                return True
        return False
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        raise ConfigurationError(
            f"CLARION_AMQP_URL: the broker knows this connection by another user than {user!r}."
            " Write the name that it knows into the URL, with any password where a certificate"
            " logs in: the messages of Clarion bear it."
        ) from error
    except aiormq.exceptions.ChannelAccessRefused as error:
        raise ConfigurationError(
            f"The user of CLARION_AMQP_URL may not publish to {LIVE};"
            " docs/operations/rabbitmq.md has the permissions of each service."
        ) from error


def _table(message: Message) -> FieldTable:
    return {name: value for name, value in message.headers.items()}
