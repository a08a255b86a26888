"""Whether the settings of each service can be read."""

from __future__ import annotations

from dataclasses import dataclass

from clarion.errors import ConfigurationError
from clarion.setting_names import ALL_NAMES
from clarion.settings import SharedSettings
from services.cli.doctor.finding import Finding
from services.gateway.settings import GatewaySettings
from services.notifier.settings import NotifierSettings
from services.pusher.settings import PusherSettings


@dataclass(frozen=True, slots=True)
class DoctorSettings:
    """The settings of all three services."""

    gateway: GatewaySettings
    notifier: NotifierSettings
    pusher: PusherSettings

    @property
    def all(self) -> dict[str, SharedSettings]:
        """By the name of the service."""
        return {"gateway": self.gateway, "notifier": self.notifier, "pusher": self.pusher}


def check_settings() -> tuple[list[Finding], DoctorSettings | None]:
    """A finding, and the settings where they can be read."""
    try:
        settings = DoctorSettings(
            GatewaySettings.read(ALL_NAMES),
            NotifierSettings.read(ALL_NAMES),
            PusherSettings.read(ALL_NAMES),
        )
    except ConfigurationError as error:
        remedy = "Correct it; .env.example describes every setting."
        return [Finding("settings", str(error), remedy)], None
    return [Finding("settings", "All settings are valid.")], settings
