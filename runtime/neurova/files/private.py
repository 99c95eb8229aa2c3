"""Files that only their owner may read (0600): secrets, tokens, addresses."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StateError

MAX_SECRET_BYTES = 4096


def write_private_file(path: Path, text: str, *, durable: bool = False) -> None:
    """Write a file with mode 0600 atomically; create a missing folder with mode 0700.

    With `durable`, the file survives a power failure. Raises StateError when it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _temporary_file(path, text.encode(), durable=durable) as temporary:
            os.replace(temporary, path)
    except OSError as error:
        raise StateError(
            f"cannot be written: {error.strerror}", where=str(path), fix="free disk space"
        ) from None


def read_private_file(path: Path) -> str | None:
    """Return the stripped text of a file, None when it is missing.

    Raises StateError when it cannot be read.
    """
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None


def load_or_create_secret(path: Path, create: Callable[[], bytes]) -> bytes:
    """Return the content of a file (at most 4096 bytes); create it with `create()` if missing.

    Raises StateError when other users may read the file, or on a disk error.
    """
    try:
        if not path.exists():
            # If several processes create the file at once, the first wins and all read its secret.
            with (
                _temporary_file(path, create(), durable=True) as temporary,
                suppress(FileExistsError),
            ):
                os.link(temporary, path)
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and not mode & 0o077:
                return file.read(MAX_SECRET_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from None
    raise StateError(
        "other users may read the file and may know the secret",
        where=str(path),
        fix="delete it, a new one is created at the next start",
    )


@contextmanager
def _temporary_file(path: Path, content: bytes, *, durable: bool = False) -> Iterator[str]:
    """Write a temporary file next to `path`; remove it at the end unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        yield name
    finally:
        Path(name).unlink(missing_ok=True)


def _unreadable(path: Path, error: Exception) -> StateError:
    reason = getattr(error, "strerror", None) or str(error)
    return StateError(f"cannot be read: {reason}", where=str(path), fix="fix or remove it")
