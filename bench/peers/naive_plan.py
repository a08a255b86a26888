"""Planning: a consumer callback per message, an ORM session and a commit per event."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage
from fastapi import FastAPI
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from bench.peers.broker import connect, events_queue, live_exchange
from bench.peers.tables import Base, Event, Inbox, Notification

PREFETCH = 10

Sessions = async_sessionmaker[AsyncSession]


async def plan(sessions: Sessions, body: dict[str, Any]) -> dict[str, Any] | None:
    """What to announce; None for an event that was planned before."""
    async with sessions() as session:
        fields = {"tenant": "default", "source": body["source"], "event_id": body["id"]}
        event = Event(**fields, type=body["type"], body=body)
        session.add(event)
        try:
            await session.flush()
        except IntegrityError:
            return None
        subscriber = body["to"].removeprefix("user:")
        inbox = await session.get(Inbox, ("default", subscriber), with_for_update=True)
        if inbox is None:
            inbox = Inbox(tenant="default", subscriber=subscriber, version=0, unread=0)
            session.add(inbox)
        inbox.version += 1
        inbox.unread += 1
        notification = Notification(
            event=event.id,
            tenant="default",
            subscriber=subscriber,
            version=inbox.version,
            title=body["content"]["title"],
            url=body["content"]["url"],
            data=body["data"],
        )
        session.add(notification)
        head = {"subscriber": subscriber, "version": inbox.version, "unread": inbox.unread}
        await session.commit()
    return head | {"item": item(event, notification)}


def item(event: Event, notification: Notification) -> dict[str, Any]:
    """The notification as a frame bears it."""
    return {
        "id": str(notification.id),
        "event_id": event.event_id,
        "type": event.type,
        "title": notification.title,
        "url": notification.url,
        "data": notification.data,
        "version": notification.version,
        "created_at": notification.created_at.isoformat(),
        "read_at": None,
    }


def consumer(sessions: Sessions, exchange: AbstractExchange) -> Any:
    async def on_message(message: AbstractIncomingMessage) -> None:
        async with message.process(requeue=True):
            frame = await plan(sessions, json.loads(message.body))
            if frame is not None:
                announcement = aio_pika.Message(json.dumps(frame).encode())
                await exchange.publish(announcement, "", mandatory=False)

    return on_message


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    url = os.environ["CLARION_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, pool_size=PREFETCH)
    async with engine.begin() as transaction:
        await transaction.run_sync(Base.metadata.create_all)
    connection = await connect()
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await events_queue(channel)
        sessions = async_sessionmaker(engine, expire_on_commit=False)
        await queue.consume(consumer(sessions, await live_exchange(channel)))
        yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}
