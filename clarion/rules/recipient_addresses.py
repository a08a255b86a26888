"""Addresses as providers want them; None for what is none."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

from clarion.contracts.addresses import email_fault


@lru_cache(maxsize=10_000)
def email_address(text: str) -> str | None:
    """The one mailbox that `text` is: no list, no display name, no line break."""
    text = text.strip()
    return text if email_fault(text) is None else None


@lru_cache(maxsize=10_000)
def phone_number(text: str) -> str | None:
    """`text` in E.164; a number without its country cannot be told and is None."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
