"""Which setting the server refused, by its sentence in any language."""

from __future__ import annotations

import asyncpg
import pytest

from clarion.store.address import DatabaseAddress
from clarion.store.connecting import Connector


def connector(options: str = "", setting: str = "CLARION_DATABASE_URL") -> Connector:
    address = DatabaseAddress.parse(f"postgresql://host/db?options={options}")
    return Connector(address, "clarion-test", 5, url_setting=setting)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("ungültiger Wert für Parameter »work_mem«: »jit«", "work_mem"),
        ('パラメータ"jit"の値が不正です: "work_mem"', "jit"),
        ('invalid value for parameter "Work_Mem": "x"', "work_mem"),
        ('unrecognized configuration parameter "app.jit"', "app.jit"),
    ],
)
def test_the_name_is_found_in_any_language(message: str, named: str) -> None:
    asked = connector("-c jit=work_mem -c work_mem=jit -c app.jit=1".replace(" ", "%20"))
    told = asked.refused_setting(asyncpg.InvalidParameterValueError(message))
    assert told is not None
    assert f"names. It is {named}. Correct its value" in str(told)


def test_where_the_server_names_none_those_of_the_parameter_are_told() -> None:
    asked = connector("-c%20role=canary%20-c%20jit=off")
    told = asked.refused_setting(asyncpg.InvalidParameterValueError("nicht möglich: canary"))
    assert "It is one of: role, jit. " in str(told)
    assert "canary" not in str(told)


def test_a_name_as_long_as_a_password_file_is_not_repeated() -> None:
    name = "x" * 64
    asked = connector(f"-c%20{name}=1")
    told = asked.refused_setting(asyncpg.UndefinedObjectError(f'unrecognized "{name}"'))
    assert name not in str(told)


def test_a_setting_of_clarion_is_named_with_its_own_remedy() -> None:
    asked = connector(setting="CLARION_DATABASE_DIRECT_URL")
    message = 'unrecognized configuration parameter "idle_in_transaction_session_timeout"'
    told = str(asked.refused_setting(asyncpg.UndefinedObjectError(message)))
    assert told.startswith(
        "CLARION_DATABASE_DIRECT_URL: the server refuses the setting idle_in_tra"
    )
    assert "CLARION_DATABASE_POOLER" in told


@pytest.mark.parametrize("kind", [asyncpg.InsufficientPrivilegeError, ConnectionError])
def test_what_names_no_setting_is_something_else(kind: type[Exception]) -> None:
    assert connector("-c%20jit=off").refused_setting(kind("permission denied")) is None
