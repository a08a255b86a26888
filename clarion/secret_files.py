"""Secrets from files: `CLARION_X_FILE` names a file that holds what `CLARION_X` would."""

from __future__ import annotations

import os
from pathlib import Path

from clarion.errors import ConfigurationError
from clarion.setting_names import FILE_SUFFIX


def read_secret(name: str) -> str | None:
    """What the variable `name` says, or the file that `name`_FILE names, without the end of its
    line; `None` where neither is set. Raises `ConfigurationError` for both, and for a file that
    cannot be read."""
    given, path = os.environ.get(name), os.environ.get(name + FILE_SUFFIX)
    if not path:
        return given or None
    if given:
        raise ConfigurationError(f"{name} and {name}{FILE_SUFFIX} are both set: give one of them.")
    try:
        text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(
            f"{name}{FILE_SUFFIX}: the file cannot be read: {error.strerror}."
        ) from None
    except ValueError:
        raise ConfigurationError(f"{name}{FILE_SUFFIX}: the file is not UTF-8 text.") from None
    if not text:
        raise ConfigurationError(f"{name}{FILE_SUFFIX}: the file is empty.")
    return text
