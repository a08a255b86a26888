"""Parses provider URLs: `scheme://user:password@host:port?parameter=value`.

Reserved characters are percent-encoded; `+` is literal. Error texts never contain a URL, which may
hold a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from clarion.errors import ConfigurationError
from services.notifier.providers.rates import Rate, parse_rate


@dataclass(frozen=True, slots=True)
class ProviderUrl:
    """One URL of the setting `setting`. `parameters` are those of its scheme, without `rate`, which
    every scheme has. `host` is in lower case. A URL has no path and no fragment: what else a scheme
    needs is a parameter."""

    setting: str
    channel: str
    scheme: str
    host: str | None
    port: int | None
    user: str | None
    password: str | None
    parameters: Mapping[str, str]
    rate: Rate | None

    def refused(self, sentence: str) -> ConfigurationError:
        """The error to raise for this URL."""
        return ConfigurationError(f"{self.setting}: {sentence}")

    def allow_parameters(self, *known: str) -> None:
        """Raises `ConfigurationError` for any other parameter."""
        for name in self.parameters.keys() - set(known):
            allowed = ", ".join(sorted({*known, "rate"}))
            raise self.refused(f"{name} is not a parameter here; known are {allowed}.")


def read_provider_url(text: str, *, channel: str, setting: str) -> ProviderUrl:
    """Parse `text`. Raises `ConfigurationError`, which names the setting."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{setting}: a provider URL cannot be read.") from None
    if parts.scheme and parts.path.strip("/"):
        raise ConfigurationError(
            f"{setting}: the URL {parts.scheme}:// has a path, which no provider takes. Remove it, "
            f"or write it as parameters: {parts.scheme}://host?name=value."
        )
    if parts.fragment:
        raise ConfigurationError(
            f"{setting}: a provider URL has a # and text after it. Write # as %23."
        )
    pairs = [part.partition("=") for part in parts.query.split("&") if part]
    parameters = {unquote(name): unquote(value) for name, _, value in pairs}
    if len(parameters) != len(pairs):
        raise ConfigurationError(f"{setting}: a parameter stands twice in a provider URL.")
    rate = parameters.pop("rate", None)
    return ProviderUrl(
        setting=setting,
        channel=channel,
        scheme=parts.scheme,
        host=parts.hostname,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        parameters=parameters,
        rate=None if rate is None else _rate(rate, setting),
    )


def can_be_looked_up(host: str) -> bool:
    """Whether name resolution accepts `host`; otherwise every attempt would fail."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _rate(text: str, setting: str) -> Rate:
    rate = parse_rate(text)
    if rate is None:
        raise ConfigurationError(f"{setting}: rate is a number a second, minute or hour: 10/s.")
    return rate
