"""`clarion doctor` says what is wrong and what to do about it."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aio_pika
import pytest

from clarion.bus.rabbitmq.declaration import declare_topology
from testbed.processes import free_port, start_process
from testbed.rabbitmq import Broker

DOCTOR = (sys.executable, "-m", "services.cli", "doctor")


async def doctor(env: dict[str, str]) -> tuple[int, str]:
    process = await start_process(DOCTOR, env=env)
    return await process.wait(60), process.output()


def settings(amqp_url: str, database_url: str, data: Path) -> dict[str, str]:
    return {
        "CLARION_AMQP_URL": amqp_url,
        "CLARION_DATABASE_URL": database_url,
        "CLARION_TOKEN_SECRET": "s" * 32,
        "CLARION_DATA_DIR": str(data),
        "CLARION_PORT": str(free_port()),
    }


async def test_all_is_well(amqp_url: str, postgres_url: str, tmp_path: Path) -> None:
    status, output = await doctor(settings(amqp_url, postgres_url, tmp_path))
    assert (status, "FAIL" in output, "All is well." in output) == (0, False, True), output


async def test_each_fault_is_named_with_its_remedy(
    amqp_url: str, empty_postgres_url: str, tmp_path: Path
) -> None:
    parts = urlsplit(amqp_url)
    wrong_login = urlunsplit(parts._replace(netloc=f"nobody:canary@{parts.hostname}:{parts.port}"))
    faulty = settings(wrong_login, empty_postgres_url, tmp_path) | {
        "CLARION_TOKEN_SECRET": "",
        "CLARION_EMAIL": f"smtp://user:canary@127.0.0.1:{free_port()}?from=a@b.example",
    }
    status, output = await doctor(faulty)
    assert status == 1
    assert "canary" not in output
    assert "There is neither a secret nor a JWKS address." in output
    assert "refuses the user 'nobody'" in output
    assert "The database is empty.\n     Run: clarion migrate" in output
    assert "It does not answer (SMTPConnectError)." in output
    assert "4 to fix." in output


async def test_a_broker_of_an_earlier_version_is_told_to_be_migrated(
    amqp_url: str, postgres_url: str, tmp_path: Path
) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.declare_exchange("clarion.events", "direct", durable=True)
    status, output = await doctor(settings(amqp_url, postgres_url, tmp_path))
    assert (
        status,
        "an earlier version of Clarion declared it. Run: clarion migrate" in output,
    ) == (
        1,
        True,
    ), output


async def test_a_user_that_may_not_declare_is_well(
    rabbitmq_node: Broker, amqp_url: str, postgres_url: str, tmp_path: Path
) -> None:
    vhost = urlsplit(amqp_url).path.removeprefix("/")
    limited = rabbitmq_node.add_user(vhost, f"{vhost}-gateway", write=r"^clarion\.events$")
    async with await aio_pika.connect(amqp_url) as connection:
        await declare_topology(await connection.channel())
    status, output = await doctor(settings(limited, postgres_url, tmp_path))
    assert (status, "our user may not declare any: a notifier does." in output) == (0, True), output


@pytest.mark.parametrize("fault", ["amqp", "postgresql"])
async def test_what_cannot_be_reached_is_said(
    fault: str, amqp_url: str, postgres_url: str, tmp_path: Path
) -> None:
    away = f"{fault}://u:canary@127.0.0.1:{free_port()}/x"
    urls = (away, postgres_url) if fault == "amqp" else (amqp_url, away)
    status, output = await doctor(settings(*urls, tmp_path))
    assert status == 1
    assert "canary" not in output
    assert ("RabbitMQ" if fault == "amqp" else "CLARION_DATABASE_URL") in output
    assert "Traceback" not in output
