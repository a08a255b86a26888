"""The settings of all three services, from one environment."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clarion.setting_names import ALL_NAMES
from services.cli.credentials import api_key_file, kept_api_key, kept_token_secret
from services.cli.dev.demo_key import demo_key_of
from services.gateway.settings import GatewaySettings
from services.notifier.settings import NotifierSettings
from services.pusher.settings import PusherSettings


@dataclass(frozen=True, slots=True)
class DevSettings:
    """What each service is given."""

    gateway: GatewaySettings
    notifier: NotifierSettings
    pusher: PusherSettings
    demo_key: str = field(repr=False)
    api_key_file: Path | None
    """Where the all-scope key is kept; `None` where the environment gave it."""

    @property
    def log_format(self) -> str:
        """As it is set; else for people on a terminal, for machines elsewhere."""
        if "log_format" in self.gateway.model_fields_set:
            return self.gateway.log_format
        return "console" if sys.stdout.isatty() else "json"


def read_settings(directory: Path, **given: Any) -> DevSettings:
    """Settings with the credentials of the environment, or those kept in `directory`."""
    shared = {**given, "data_dir": str(directory.expanduser())}
    for kind in (GatewaySettings, NotifierSettings, PusherSettings):
        kind.read(ALL_NAMES, **shared)  # refuses what is wrong before a file is written
    api_key, secret = (
        kept_api_key(directory.expanduser()),
        kept_token_secret(directory.expanduser()),
    )
    return DevSettings(
        GatewaySettings.read(ALL_NAMES, **shared, api_key=api_key, token_secret=secret),
        NotifierSettings.read(ALL_NAMES, **shared),
        PusherSettings.read(ALL_NAMES, **shared, token_secret=secret),
        demo_key_of(secret),
        api_key_file(directory.expanduser()),
    )
