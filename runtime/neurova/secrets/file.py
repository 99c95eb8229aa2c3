"""Secrets in one encrypted file, for one machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ..errors import ConfigError, StateError
from ..files.locks import folder_lock
from ..files.private import load_or_create_secret, write_private_file
from .base import NO_SECRET, SecretChanged, SecretsRefused, SecretVersion

VARIABLE = "NEUROVA_SECRETS_KEY"
_MAKE_KEY = "openssl rand -base64 32 | tr +/ -_"


class _Stored(msgspec.Struct, frozen=True):
    """A secret in the file."""

    number: int
    fields: dict[str, str]

    def __repr__(self) -> str:
        return f"<version {self.number}>"


_Secrets = dict[str, _Stored]
_DECODER = msgspec.json.Decoder(_Secrets)


class FileSecretStore:
    """Store secrets in the file `path`, encrypted with the first of one or more keys.

    `keys`: Fernet keys, separated by commas. If empty, the keys are the lines of `key_file`, which
    the first write creates and only its owner may read.
    """

    def __init__(self, path: Path, key_file: Path, keys: str = "") -> None:
        self._path = path
        self._key_file = key_file
        self._given = keys
        self._loaded: _Secrets = {}
        self._loaded_state: tuple[int, ...] | None = None

    def read(self, name: str) -> SecretVersion:
        """Return the latest version of a secret; decrypt the file only if it has changed."""
        found = self._load().get(name)
        return SecretVersion(found.number, found.fields) if found else NO_SECRET

    def write(self, name: str, fields: Mapping[str, str], expected: int | None = None) -> int:
        """Set some fields of a secret and return the number of the new version."""
        with self._lock():
            secrets = self._load()
            found = secrets.get(name, _Stored(0, {}))
            if expected not in (None, found.number):
                raise SecretChanged(
                    f"secret {name} has version {found.number}, not {expected}",
                    where=str(self._path),
                    fix="read it again",
                )
            stored = _Stored(found.number + 1, {**found.fields, **fields})
            if not self._given and not self._path.exists():
                load_or_create_secret(self._key_file, Fernet.generate_key)
            self._save({**secrets, name: stored}, self._keys())
            return stored.number

    def names(self) -> list[str]:
        """Return the names of all secrets, sorted."""
        return sorted(self._load())

    def close(self) -> None:
        """Drop the cached secrets."""
        self._loaded, self._loaded_state = {}, None

    def rotate(self) -> int:
        """Encrypt the file under a new key and return the number of secrets.

        If `keys` was given, its first key is the new key; otherwise a generated key replaces the
        keys in the key file. Raises ConfigError if only one key was given, StateError if there is
        no file.
        """
        with self._lock():
            if not self._path.exists():
                raise StateError("there are no secrets yet", where=str(self._path))
            secrets, keys = self._load(), self._keys()
            if self._given:
                if len(keys) < 2:
                    raise ConfigError(
                        "has one key, but a rotation needs a new and an old one",
                        where=f"environment {VARIABLE}",
                        fix=f"set it to NEW,OLD; `{_MAKE_KEY}` makes a key",
                    )
                self._save(secrets, keys)
                return len(secrets)
            # Keep both keys until the secrets are written: this process may be killed in between.
            keys = [Fernet.generate_key().decode(), *keys]
            self._write_keys(keys)
            self._save(secrets, keys)
            self._write_keys(keys[:1])
            return len(secrets)

    def _load(self) -> _Secrets:
        state = self._state()
        if state is None:
            return {}
        if state != self._loaded_state:
            try:
                content = _cipher(self._keys()).decrypt(self._path.read_bytes())
                self._loaded = _DECODER.decode(content)
            except (InvalidToken, msgspec.MsgspecError):
                raise SecretsRefused(
                    "cannot be decrypted: the key is wrong, or the file is damaged",
                    where=str(self._path),
                    fix=f"restore the key in {self._key_place()}, or the file",
                ) from None
            except OSError as error:
                raise StateError(
                    f"cannot be read: {error.strerror}",
                    where=str(self._path),
                    fix="let this user read it",
                ) from None
            self._loaded_state = state
        return self._loaded

    def _save(self, secrets: _Secrets, keys: list[str]) -> None:
        token = _cipher(keys).encrypt(msgspec.json.encode(secrets))
        write_private_file(self._path, token.decode(), durable=True)

    def _state(self) -> tuple[int, ...] | None:
        """Return values that change with each write, None if there is no file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"cannot be read: {error.strerror}", where=str(self._path), fix="check its folder"
            ) from None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _keys(self) -> list[str]:
        keys = self._given.replace(",", "\n") if self._given else self._read_key_file()
        found = [key.strip() for key in keys.splitlines() if key.strip()]
        try:
            _cipher(found)
        except ValueError:
            raise SecretsRefused(
                "is not a valid key for the secrets file",
                where=self._key_place(),
                fix=f"run `{_MAKE_KEY}`",
            ) from None
        return found

    def _read_key_file(self) -> str:
        try:
            with self._key_file.open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise SecretsRefused(
                        "other users can read the key of the secrets file",
                        where=str(self._key_file),
                        fix=f"run `chmod 600 {self._key_file}`, then `neurova secrets rotate`",
                    )
                return file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretsRefused(
                f"the key of {self._path} cannot be read: "
                f"{getattr(error, 'strerror', None) or error}",
                where=str(self._key_file),
                fix=f"restore it, or set {VARIABLE}",
            ) from None

    def _write_keys(self, keys: list[str]) -> None:
        write_private_file(self._key_file, "\n".join(keys) + "\n", durable=True)

    def _key_place(self) -> str:
        return f"environment {VARIABLE}" if self._given else str(self._key_file)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Lock the file against other writers."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"cannot be created: {error.strerror}",
                where=str(self._path.parent),
                fix="let this user write there",
            ) from None
        with folder_lock(self._path.parent):
            yield


def _cipher(keys: list[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
