"""Every check, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator

from clarion.setting_names import ALL_NAMES
from services.cli.doctor.broker import check_broker
from services.cli.doctor.database import check_database
from services.cli.doctor.finding import Finding
from services.cli.doctor.listening import check_ports
from services.cli.doctor.live_feed import check_stream, check_websocket
from services.cli.doctor.mail import check_mail
from services.cli.doctor.public_address import PublicAddress, check_body_limit, check_routes
from services.cli.doctor.settings import check_settings
from services.cli.doctor.tokens import check_tokens
from services.gateway.settings import GatewaySettings


async def findings() -> AsyncIterator[Finding]:
    """Checks that depend on invalid settings are skipped."""
    found, settings = check_settings()
    for finding in found:
        yield finding
    if settings is None:
        return
    for check in (
        check_tokens(settings.pusher),
        check_broker(settings.gateway.amqp_url),
        check_database(settings.gateway),
        check_ports(settings.all),
        check_mail(settings.notifier),
    ):
        for finding in await check:
            yield finding


async def findings_outside(address: PublicAddress, token: str | None) -> AsyncIterator[Finding]:
    """Checks of the public address as a browser uses it. If nothing answers, the others are
    skipped."""
    reached = True
    async for finding in check_routes(address):
        reached = reached and finding.ok
        yield finding
    if not reached:
        return
    yield await check_websocket(address, token)
    yield await check_stream(address, token)
    yield await check_body_limit(address, GatewaySettings.read(ALL_NAMES).max_body_bytes)
