"""Picture and name of who acted: from the event to the live frame, replay, lists and history."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from clarion.tokens.subscriber import mint_token
from testbed.rabbitmq import Broker
from testbed.stack import TOKEN_SECRET, frame, running_stack

SHOWN = {"image": "https://cdn.example/ada.png?size=96", "actor": "Ada Lovelace 👩‍💻"}
CONTENT = {"title": "A review is wanted", **SHOWN}


def refused(**content: Any) -> dict[str, Any]:
    return {"type": "a", "to": "user:ada", "content": {"title": "x", **content}}


BAD = {
    "content.image": [
        "http://cdn.example/a.png",
        "//cdn.example/a.png",
        "javascript:alert(1)",
        "data:image/svg+xml,<svg/>",
        "mailto:a@b.example",
        "a.png",
        "",
        "/\\evil.example/a.png",
        "https://cdn.example/\ta.png",
        "/" + "a" * 2_000,
        7,
    ],
    "content.actor": ["", " \u200b", "a" * 201, {"name": "Ada"}],
}


@pytest.fixture
def broker_url(rabbitmq_node: Broker) -> Any:
    vhost = rabbitmq_node.create_vhost()
    yield rabbitmq_node.url(vhost)
    rabbitmq_node.delete_vhost(vhost)


async def test_what_is_live_is_what_is_replayed_listed_and_kept(
    broker_url: str, postgres_url: str
) -> None:
    token, _ = mint_token(TOKEN_SECRET, tenant="default", subscriber="ada", ttl_s=3600)
    own = {"Authorization": f"Bearer {token}"}
    async with running_stack(amqp_url=broker_url, postgres_url=postgres_url) as stack:
        async with stack.feed("ada") as feed:
            await frame(feed, "caught_up")
            await stack.post_event({"type": "review", "to": "user:ada", "content": CONTENT})
            live = (await frame(feed, "notification"))["item"]
            plain = {"type": "review", "to": "user:ada", "content": {"title": "Nobody's"}}
            await stack.post_event(plain)
            unset = (await frame(feed, "notification"))["item"]
        assert {name: live[name] for name in SHOWN} == SHOWN
        assert {name: unset[name] for name in SHOWN} == dict.fromkeys(SHOWN)
        async with stack.feed("ada", since=0) as feed:
            assert (await frame(feed, "notification"))["item"] == live
        async with httpx2.AsyncClient(base_url=stack.pushers[0], headers=own) as http:
            for path in ("/v1/inbox", "/v1/inbox/changes?since=0"):
                items = (await http.get(path)).json()["items"]
                assert live in items
                assert unset in items
        kept = (await stack.get("/v1/notifications?subscriber=ada"))["items"]
        assert [{name: one[name] for name in SHOWN} for one in reversed(kept)] == [
            SHOWN,
            dict.fromkeys(SHOWN),
        ]
        one = await stack.get(f"/v1/notifications/{live['id']}")
        assert {name: one[name] for name in SHOWN} == SHOWN
        for field, values in BAD.items():
            for value in values:
                event = refused(**{field.removeprefix("content."): value})
                answer = await stack.http.post(f"{stack.gateways[0]}/v1/events", json=event)
                assert answer.status_code == 422, value
                assert [fault["field"] for fault in answer.json()["errors"]] == [field]
