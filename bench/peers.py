"""Other servers, each in a cached environment with pinned versions."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .servers import Program

FOLDER = Path(__file__).with_name("peers")


def cache() -> Path:
    """Return the folder of the environments."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "neurova" / "bench"


def environment(name: str, requirements: str) -> Path:
    """Return the folder of an environment; its name contains a hash of the pinned versions."""
    mark = hashlib.sha256(f"{sys.version}\n{requirements}".encode()).hexdigest()[:12]
    return cache() / f"{name}-{mark}"


def python(name: str) -> str:
    """Return the interpreter of a peer; create its environment if it is missing."""
    wanted = FOLDER / name / "requirements.txt"
    place = environment(name, wanted.read_text())
    ready = place / "ready"
    if not ready.exists():
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        print(f"creating the environment of {name} …", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(place)], check=True)
        inside = str(place / "bin" / "python")
        # Compile bytecode now, so that no measurement includes the compilation.
        install = [uv, "pip", "install", "-q", "--compile-bytecode", "-p", inside]
        subprocess.run([*install, "-r", str(wanted)], check=True)
        ready.touch()
    return str(place / "bin" / "python")


def program(name: str, *argv: str, env: dict[str, str] | None = None) -> Program:
    """Return the command that runs a peer's interpreter with `argv` in its folder."""
    return Program((python(name), *argv), FOLDER / name, env or {})


def uvicorn(interpreter: str, name: str, *more: str, env: dict[str, str] | None = None) -> Program:
    """Return the command of an ASGI peer on uvicorn, uvloop and httptools, without access log."""
    server = ("-m", "uvicorn", "app:app", "--port", "{port}", "--log-level", "warning")
    stock = ("--loop", "uvloop", "--http", "httptools", "--no-access-log")
    return Program((interpreter, *server, *stock, *more), FOLDER / name, env or {})
