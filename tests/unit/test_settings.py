"""Settings: the names, the sentences, the values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clarion.errors import ConfigurationError
from clarion.setting_names import ALL_NAMES
from clarion.settings import SharedSettings, names_of, require_broker
from services.gateway.settings import GatewaySettings
from services.notifier.settings import NotifierSettings
from services.pusher.settings import PusherSettings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
CLI_NAMES = {"CLARION_URL"}
LIBRARY = ("Input should", "should be", "String should", "valid ", "as documented", "form")
SERVICES = (GatewaySettings, NotifierSettings, PusherSettings)


def example() -> dict[str, str]:
    """What `.env.example` names, commented out or not."""
    return dict(re.findall(r"^#?(CLARION_\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))


def test_every_setting_has_its_name_in_the_list_and_in_the_example() -> None:
    assert names_of(*SERVICES) | CLI_NAMES == ALL_NAMES
    assert set(example()) == ALL_NAMES


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in example().items():
        monkeypatch.setenv(name, value)
    assert GatewaySettings.read(ALL_NAMES) == GatewaySettings()
    # one variable, of which each service has its own default
    assert NotifierSettings.read(ALL_NAMES) == NotifierSettings(port=8000)
    assert PusherSettings.read(ALL_NAMES) == PusherSettings(port=8000)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CLARION_AMQP_ULR", "x", "CLARION_AMQP_ULR is not a setting of Clarion. Did you mean"),
        ("CLARION_FROBNICATE", "x", "CLARION_FROBNICATE is not a setting of Clarion."),
        ("CLARION_AMQP_URL", "redis://x", "CLARION_AMQP_URL: write memory:// or amqp"),
        ("CLARION_DATABASE_URL", "mysql://x", "CLARION_DATABASE_URL: write embedded: or"),
        ("CLARION_PORT", "http", "CLARION_PORT: must be a whole number, such as 50"),
        ("CLARION_PORT", "70000", "CLARION_PORT: must be at most 65535"),
        ("CLARION_TOKEN_SECRET", "short", "CLARION_TOKEN_SECRET: give at least 32 bytes"),
        ("CLARION_API_KEY", "a b " * 10, "CLARION_API_KEY: give 32 to 256 printable"),
        ("CLARION_API_KEY", "clr_" + "a" * 27, "CLARION_API_KEY: give 32 to 256 printable"),
        ("CLARION_ALLOWED_ORIGINS", "*", "CLARION_ALLOWED_ORIGINS: write origins"),
        ("CLARION_ALLOWED_ORIGINS", "https://a.example/", "CLARION_ALLOWED_ORIGINS: write origins"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        GatewaySettings.read(ALL_NAMES)
    assert str(caught.value).startswith(sentence)
    assert name.endswith("ULR") or value == "x" or value not in str(caught.value).split()


@pytest.mark.parametrize("value", ["\x01 secret{", "-1e300"])
@pytest.mark.parametrize("settings", SERVICES)
def test_whatever_is_wrong_is_said_in_our_words(
    monkeypatch: pytest.MonkeyPatch, settings: type[SharedSettings], value: str
) -> None:
    refused = 0
    for name in names_of(settings):
        if name.endswith("_FILE"):
            continue
        with monkeypatch.context() as patched:
            patched.setenv(name, value)
            try:
                settings.read(ALL_NAMES)
            except ConfigurationError as error:
                refused += 1
                said = str(error)
                assert said.startswith((f"{name}: ", f"{name} "))
                assert not any(words in said for words in LIBRARY), said
                assert "secret" not in said.replace("_SECRET", "")
    assert refused > 10


def test_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARION_AMQP_URL", "amqp://a/, amqp://b/")
    monkeypatch.setenv("CLARION_ALLOWED_ORIGINS", "https://a.example, http://localhost:3000")
    settings = GatewaySettings.read(ALL_NAMES)
    assert settings.amqp_url == ["amqp://a/", "amqp://b/"]
    assert settings.allowed_origins == ["https://a.example", "http://localhost:3000"]


def test_providers_keep_their_order() -> None:
    email = "smtp://a.example?from=x@y.example, capture://"
    assert NotifierSettings.model_validate({"email": email}).email == [
        "smtp://a.example?from=x@y.example",
        "capture://",
    ]


def test_secrets_do_not_show() -> None:
    shown = repr(
        GatewaySettings(
            api_key="clr_canary-key-0123456789-0123456789",
            token_secret="canary-secret" * 3,
            amqp_url=["amqp://u:canary-amqp@h/"],
            database_url="postgresql://u:canary-database@h/d",
        )
    )
    assert "canary" not in shown


def test_amqp_users_publish_for_the_tenant_they_are_mapped_to() -> None:
    everybody = NotifierSettings()
    assert everybody.amqp_identity("shop") == ("default", "shop")
    assert everybody.amqp_identity(None) == ("default", "amqp")
    mapped = NotifierSettings.model_validate({"amqp_tenants": "shop=acme/web, crm=acme"})
    assert mapped.amqp_identity("shop") == ("acme", "web")
    assert mapped.amqp_identity("crm") == ("acme", "crm")
    assert mapped.amqp_identity("stranger") is None
    assert mapped.amqp_identity(None) is None
    rest = NotifierSettings.model_validate({"amqp_tenants": "shop=acme/web,*=other"})
    assert rest.amqp_identity("stranger") == ("other", "amqp")
    assert rest.amqp_identity(None) is None
    own = NotifierSettings.model_validate({"amqp_own_users": "gate way, pusher,"})
    assert own.amqp_own_users == {"gate way", "pusher"}


def test_a_service_of_its_own_process_needs_a_broker() -> None:
    with pytest.raises(ConfigurationError, match="clarion dev"):
        require_broker(SharedSettings())
    require_broker(SharedSettings(amqp_url=["amqp://localhost/"]))


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    contents = {
        "TOKEN_SECRET": "x" * 32,
        "TOKEN_SECRET_PREVIOUS": "y" * 32,
        "API_KEY": "clr_" + "k" * 40,
        "AMQP_URL": "amqp://u:p@a/,amqp://u:p@b/",
        "DATABASE_URL": "postgresql://u:p@h/d",
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text + "\n")
        monkeypatch.setenv(f"CLARION_{name}_FILE", str(tmp_path / name))
    settings = GatewaySettings.read(ALL_NAMES)
    assert settings.token_secret == contents["TOKEN_SECRET"]
    assert settings.token_secret_previous == contents["TOKEN_SECRET_PREVIOUS"]
    assert settings.api_key == contents["API_KEY"]
    assert settings.amqp_url == contents["AMQP_URL"].split(",")
    assert settings.database_url == contents["DATABASE_URL"]


def test_providers_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("EMAIL", "SMS"):
        (tmp_path / name).write_bytes(b"capture://,capture://\r\n")
        monkeypatch.setenv(f"CLARION_{name}_FILE", str(tmp_path / name))
    settings = NotifierSettings.read(ALL_NAMES)
    assert (settings.email, settings.sms) == (["capture://"] * 2, ["capture://"] * 2)


@pytest.mark.parametrize(
    ("content", "beside", "sentence"),
    [
        (None, None, "CLARION_TOKEN_SECRET_FILE: the file cannot be read: No such file"),
        (b"\n", None, "CLARION_TOKEN_SECRET_FILE: the file is empty."),
        (b"\xff" * 40, None, "CLARION_TOKEN_SECRET_FILE: the file is not UTF-8 text."),
        (b"short", None, "CLARION_TOKEN_SECRET: give at least 32 bytes"),
        (b"x" * 32, "y" * 32, "CLARION_TOKEN_SECRET and CLARION_TOKEN_SECRET_FILE are both set"),
    ],
)
def test_a_file_that_holds_no_secret_stops_the_start(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: bytes | None,
    beside: str | None,
    sentence: str,
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    if beside is not None:
        monkeypatch.setenv("CLARION_TOKEN_SECRET", beside)
    monkeypatch.setenv("CLARION_TOKEN_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(ConfigurationError) as caught:
        GatewaySettings.read(ALL_NAMES)
    assert str(caught.value).startswith(sentence)
