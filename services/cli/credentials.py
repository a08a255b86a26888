"""The key, secret and address for a command: from the environment, else from `clarion dev`.

`clarion dev` makes an API key and a token secret at its first start and keeps them, readable by
their owner only, in its data directory.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from clarion.errors import ConfigurationError
from clarion.secret_files import read_secret
from clarion.setting_names import PREFIX
from clarion.tokens.api_keys import new_api_key

API_KEY = PREFIX + "API_KEY"
TOKEN_SECRET = PREFIX + "TOKEN_SECRET"
API_KEY_FILE = "api-key"
TOKEN_SECRET_FILE = "token-secret"  # noqa: S105 - the name of a file
OWNER_ONLY = 0o600


def data_directory() -> Path:
    """`CLARION_DATA_DIR`, or `.clarion` here."""
    return Path(os.environ.get(PREFIX + "DATA_DIR") or ".clarion").expanduser()


def find_api_key() -> str:
    """The API key to use. Raises `ConfigurationError` if there is none."""
    return _find(API_KEY, API_KEY_FILE)


def find_token_secret() -> str:
    """The secret that signs tokens. Raises `ConfigurationError` where there is none."""
    return _find(TOKEN_SECRET, TOKEN_SECRET_FILE)


def gateway_url(given: str | None) -> str:
    """The address of the gateway: as given, `CLARION_URL`, or this machine."""
    url = given or os.environ.get(PREFIX + "URL")
    if not url:
        port = os.environ.get(PREFIX + "PORT") or "8000"
        url = f"http://127.0.0.1:{port}"
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"{PREFIX}URL or --url: write http(s)://host:port")
    return url.rstrip("/")


def kept_api_key(directory: Path) -> str:
    """The key from the environment, or the one kept in `directory`, made where there is none."""
    return read_secret(API_KEY) or _keep(directory / API_KEY_FILE, new_api_key())


def api_key_file(directory: Path) -> Path | None:
    """Where `kept_api_key` keeps the key; `None` where the environment gives it."""
    return None if read_secret(API_KEY) else directory / API_KEY_FILE


def kept_token_secret(directory: Path) -> str:
    """The secret from the environment, or the one kept in `directory`, made if there is none."""
    fresh = secrets.token_hex(32)
    return read_secret(TOKEN_SECRET) or _keep(directory / TOKEN_SECRET_FILE, fresh)


def _find(name: str, file_name: str) -> str:
    found = read_secret(name) or _read(data_directory() / file_name)
    if not found:
        raise ConfigurationError(
            f"Set {name}, or {PREFIX}DATA_DIR to where `clarion dev` keeps its data: "
            f"there is none in {data_directory()}."
        )
    return found


def _keep(path: Path, fresh: str) -> str:
    """The content of the file; if it is missing, `fresh`, written to a file for its owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.chmod(OWNER_ONLY)
        return _read(path) or _write(path, fresh)
    except OSError as error:
        raise ConfigurationError(f"Cannot write {path}: {error.strerror}.") from error


def _write(path: Path, fresh: str) -> str:
    """The file appears whole, or not at all; of two concurrent writers the first wins."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    written = Path(name)  # mkstemp makes it readable by its owner only
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh + "\n")
        if path.exists() and not _read(path):
            path.unlink()  # left empty by a crash
        os.link(written, path)
    except FileExistsError:
        return _read(path)
    finally:
        written.unlink()
    return fresh


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigurationError(f"Cannot read {path}: {error.strerror}.") from error
