"""Database URLs are read as libpq reads them, and what is wrong is said without its values."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.errors import ConfigurationError
from clarion.setting_names import ALL_NAMES
from clarion.settings import SharedSettings
from clarion.store.address import AddressError, DatabaseAddress, Host
from clarion.store.connecting import read_address

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)


@given(user=TEXTS, password=TEXTS, database=TEXTS)
def test_every_text_comes_through_percent_encoded(user: str, password: str, database: str) -> None:
    names = [quote(one, safe="") for one in (user, password, database)]
    address = DatabaseAddress.parse(f"postgresql://{names[0]}:{names[1]}@db/{names[2]}")
    assert (address.user, address.password, address.database) == (user, password, database)
    shown = repr(DatabaseAddress(address.hosts, database=database))
    assert repr(address) == shown  # as without user and password


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://", [Host("")]),
        ("postgres://db", [Host("db")]),
        ("postgresql://db:6543/x", [Host("db", 6543)]),
        ("postgresql://a,b:2,[::1]:3/x", [Host("a"), Host("b", 2), Host("::1", 3)]),
        ("postgresql://u@a,b/x?port=7", [Host("a", 7), Host("b", 7)]),
        ("postgresql:///x?host=a,b&port=1,2", [Host("a", 1), Host("b", 2)]),
        ("postgresql://%2Frun%2Fpg/x", [Host("/run/pg")]),
        ("postgresql://u:p@/x?host=/run/pg", [Host("/run/pg")]),
        ("postgresql:///x?host=::1", [Host("::1")]),
        ("postgresql://db.example./x", [Host("db.example.")]),
        ("postgresql://bücher.example/x", [Host("bücher.example")]),
        (f"postgresql:///x?host=/{'s' * 70}..pg", [Host(f"/{'s' * 70}..pg")]),
    ],
)
def test_hosts(url: str, hosts: list[Host]) -> None:
    assert list(DatabaseAddress.parse(url).hosts) == hosts


def test_options_are_settings_of_the_session() -> None:
    text = quote("-c jit=off --search_path=a,b -c work_mem='4 MB'")
    address = DatabaseAddress.parse(f"postgresql:///x?options={text}&application_name=shop")
    assert address.settings == {
        "jit": "off",
        "search_path": "a,b",
        "work_mem": "4 MB",
        "application_name": "shop",
    }


def test_the_password_may_be_a_parameter() -> None:
    address = DatabaseAddress.parse("postgresql://db/x?user=me&password=a%26b%3D+c&dbname=y")
    assert (address.user, address.password, address.database) == ("me", "a&b=+c", "y")


@pytest.mark.parametrize("mode", ["require", "disable", "prefer", "allow"])
def test_how_sqlalchemy_and_jdbc_write_tls(mode: str) -> None:
    assert DatabaseAddress.parse(f"postgresql://db/x?ssl={mode}").tls_query == f"sslmode={mode}"
    assert DatabaseAddress.parse("postgresql://db/x?ssl=true").tls_query == "sslmode=require"


def test_of_several_hosts_the_one_that_takes_writes() -> None:
    assert DatabaseAddress.parse("postgresql://a,b/x").session_kind == "read-write"
    assert DatabaseAddress.parse("postgresql://a/x").session_kind == "any"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://db/x", "write embedded: or postgresql://"),
        ("postgresql://u:canary@ss@db/x", "more than one @"),
        ("postgresql://u:12/canary@db/x", "there is an @ after the host"),
        ("postgresql://u:canary/x@db/x", "there is an @ after the host"),
        ("postgresql://u:5/a?canary=x@db/y", "it cannot be read"),
        ("postgresql://u:canary%@db/x", "the password has a %"),
        ("postgresql://u:canary%zz@db/x", "the password has a %"),
        ("postgresql://u:canary%00@db/x", "the password has a %"),
        ("postgresql://u:canary%ff@db/x", "not UTF-8"),
        ("postgresql://db:canary/x", "a port is a number"),
        ("postgresql://db:99999/x", "a port is a number"),
        ("postgresql://[canary/x", "a host is not"),
        ("postgresql://db..canary/x", "a host's name has a part that is empty"),
        ("postgresql://db,.canary/x", "a host's name has a part that is empty"),
        (f"postgresql://{'canary' * 11}.db/x", "a host's name has a part that is empty, too long"),
        ("postgresql:///x?host=db..canary", "a host's name has a part that is empty"),
        ("postgresql://u:canary\udcdf@db/x", "the password is not UTF-8"),
        ("postgresql://db/x?sslmode=canary", "its parameter sslmode can be disable, allow"),
        ("postgresql://db/x?ssl_mode=canary", "ssl_mode is not known here.*or write sslmode"),
        ("postgresql://db/x?pgbouncer=canary", "pgbouncer is not known here"),
        ("postgresql://db/x?connect_timeout=canary", "connect_timeout is a number"),
        ("postgresql://db/x?channel_binding=require", "channel_binding can be disable, prefer"),
        ("postgresql://db/x?target_session_attrs=standby", "can be any, primary, read-write"),
        ("postgresql://db/x?options=canary", "options is -c name=value"),
        ("postgresql://db/x?options=-c%20'canary", "a quotation that does not end"),
        ("postgresql://db/x?password=a&canary=b", "one of its parameters is not known here"),
        ("postgresql://db/x?canary=b&sslpassword=a", "one of its parameters is not known here"),
        ("postgresql://db/x?canary", "write its parameters as name=value"),
        ("postgresql://a,b/x?port=1,2,3", "give one port, or as many as hosts"),
        ("postgresql://db/x?sslrootcert=/no/canary", "the file of sslrootcert cannot be read"),
        ("postgresql://db/x?sslrootcert=system", "needs sslmode=verify-full"),
    ],
)
def test_what_cannot_work_is_a_sentence_without_values(url: str, sentence: str) -> None:
    with pytest.raises(AddressError, match=sentence) as refused:
        DatabaseAddress.parse(url).check_files()
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("url", ["u:p@ss@db/x", "db/x?pasword=x", "db/x?sslmode=x"])
def test_a_sentence_ends_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"[^.?]\.$"):
        read_address(f"postgresql://{url}")
    monkeypatch.setenv("CLARION_DATABASE_URL", f"postgresql://{url}")
    with pytest.raises(ConfigurationError, match=r"[^.?]\.$"):
        SharedSettings.read(ALL_NAMES)


def test_to_verify_takes_an_authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    with pytest.raises(AddressError, match="sslrootcert=/path/ca"):
        DatabaseAddress.parse("postgresql://db/x?sslmode=verify-full")
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql/root.crt").touch()
    DatabaseAddress.parse("postgresql://db/x?sslmode=verify-full")
