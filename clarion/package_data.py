"""Where the files are that are no modules: inside the installed package, or in the checkout.

The wheel holds `migrations` and `web` below `clarion/_data`; a checkout that is installed as
editable has them beside `clarion`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("clarion")))
_PACKED = _PACKAGE / "_data"


def folder(name: str) -> Path:
    """The folder that is `name` in the repository, whichever way Clarion is installed."""
    packed = _PACKED / name
    return packed if packed.is_dir() else _PACKAGE.parent / name
