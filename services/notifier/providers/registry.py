"""The registry of providers: URL schemes, their channels and how to open them.

    CLARION_EMAIL  smtp://user:password@host:587?from=Shop <no-reply@shop.example>
                   smtps://user:password@host:465?from=no-reply@shop.example
    CLARION_SMS    twilio://AC...:token@?from=+15005550006
    any of them    capture://

`rate=10/s` (or `/m`, `/h`) limits the rate of calls across all notifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from clarion.setting_names import PREFIX
from clarion.topology import DELIVERY_CHANNELS
from services.notifier.providers.capture import open_capture
from services.notifier.providers.provider import Provider
from services.notifier.providers.provider_chain import ProviderChain, ProviderSlot
from services.notifier.providers.provider_url import ProviderUrl, read_provider_url
from services.notifier.providers.smtp_url import open_smtp
from services.notifier.providers.twilio import open_twilio


class ProviderKind(NamedTuple):
    """The provider of a scheme. `open` takes the URL and the time limit of an attempt in seconds.
    It makes no connection, and raises `ConfigurationError`."""

    channels: tuple[str, ...]
    open: Callable[[ProviderUrl, float], Provider]


PROVIDERS: Mapping[str, ProviderKind] = {
    "capture": ProviderKind(DELIVERY_CHANNELS, open_capture),
    "smtp": ProviderKind(("email",), open_smtp),
    "smtps": ProviderKind(("email",), open_smtp),
    "twilio": ProviderKind(("sms",), open_twilio),
}


def open_provider_chains(
    urls: Mapping[str, Sequence[str]], *, timeout_s: float
) -> dict[str, ProviderChain]:
    """The providers by channel; `urls` are by channel and in order of preference.

    Raises `ConfigurationError`, which names the setting.
    """
    return {
        channel: tuple(
            open_provider_slot(channel, setting_of(channel), url, timeout_s=timeout_s)
            for url in some
        )
        for channel, some in urls.items()
        if some
    }


def setting_of(channel: str) -> str:
    """The environment variable with the provider URLs of a channel."""
    return f"{PREFIX}{channel.upper()}"


def open_provider_slot(channel: str, setting: str, url: str, *, timeout_s: float) -> ProviderSlot:
    """The provider at `url`, with its rate; errors as `open_provider_chains`."""
    parsed = read_provider_url(url, channel=channel, setting=setting)
    kind = PROVIDERS.get(parsed.scheme)
    if kind is None or channel not in kind.channels:
        raise parsed.refused(
            f"{parsed.scheme or 'nothing'}:// does not carry {channel}, which goes by "
            f"{' or '.join(_schemes_of(channel))}."
        )
    return ProviderSlot(channel, kind.open(parsed, timeout_s), parsed.rate, secret=parsed.password)


def _schemes_of(channel: str) -> list[str]:
    return [f"{scheme}://" for scheme, kind in PROVIDERS.items() if channel in kind.channels]
