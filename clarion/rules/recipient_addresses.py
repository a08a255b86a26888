"""Validation and normalisation of recipients' addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import phonenumbers

from clarion.contracts.addresses import email_fault

Addresses = Mapping[str, str | None]
"""The addresses of one person by channel, not normalised."""

NO_ADDRESSES: Addresses = {}


@lru_cache(maxsize=10_000)
def email_address(text: str) -> str | None:
    """The single mailbox in `text`; None for a list, a display name or a line break."""
    text = text.strip()
    return text if email_fault(text) is None else None


@lru_cache(maxsize=10_000)
def phone_number(text: str) -> str | None:
    """`text` in E.164; None if the number is impossible or has no country code."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


PARSERS: Mapping[str, Callable[[str], str | None]] = {
    "email": email_address,
    "sms": phone_number,
}
"""Per channel that needs an address: validation and normalisation."""


def needs_address(channels: Iterable[str]) -> bool:
    """Whether any of `channels` needs an address."""
    return any(channel in PARSERS for channel in channels)


def address_on(channel: str, addresses: Addresses) -> tuple[str | None, str | None]:
    """(address, None), or (None, the reason why `channel` has no usable address)."""
    written = addresses.get(channel)
    if not written:
        return None, "no_address"
    address = PARSERS[channel](written)
    return (address, None) if address else (None, "invalid_address")
