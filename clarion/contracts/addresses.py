"""Checks on what describes a person: email, phone, locale, time zone.

Each returns None where the value is good, else a sentence that does not repeat it. No DNS look-up.
"""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import available_timezones

import phonenumbers
from email_validator import EmailNotValidError, validate_email

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PLAIN_EMAIL = re.compile(
    rf"(?=.{{3,254}}\Z)(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:localhost|(?:{_LABEL}\.)+[A-Za-z]{{2,63}})\Z"
)
E164 = re.compile(r"\+[1-9][0-9]{5,14}\Z")
LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,4}\Z")


def email_fault(value: str) -> str | None:
    """One address, without a display name. Domains without a dot are refused, but `localhost`."""
    return None if split_email(value) else "is not one email address"


def split_email(value: str) -> tuple[str, str] | None:
    """The local part and the domain in ASCII by IDNA 2008, as mail travels; None where `value` is
    not one email address."""
    if PLAIN_EMAIL.match(value):
        local, _, domain = value.rpartition("@")
        return local, domain
    try:
        checked = validate_email(value, check_deliverability=False)
    except EmailNotValidError:
        return None
    return checked.local_part, checked.ascii_domain


def phone_fault(value: str) -> str | None:
    """A number that can exist, in E.164."""
    sentence = "must be a phone number in E.164, such as +15005550006"
    if not E164.match(value):
        return sentence
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return sentence
    return None if phonenumbers.is_possible_number(number) else sentence


def locale_fault(value: str) -> str | None:
    """A language tag by its form."""
    return None if LOCALE.match(value) else "must be a language tag, such as de or en-GB"


def timezone_fault(value: str) -> str | None:
    """A name of the IANA time zone database."""
    return None if value in _zones() else "must be an IANA time zone, such as Europe/Berlin"


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
