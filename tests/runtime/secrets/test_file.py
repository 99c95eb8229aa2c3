"""The keys of the encrypted file: creation, rotation, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from neurova.errors import ConfigError, NeurovaError
from neurova.secrets.file import FileSecretStore


def store(folder: Path, keys: str = "") -> FileSecretStore:
    return FileSecretStore(folder / "secrets.encrypted", folder / "secrets.key", keys)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Return a folder with one stored secret."""
    store(tmp_path).write("stripe", {"token": "hunter2hunter2"})
    return tmp_path


def test_only_the_owner_can_read_and_no_file_shows_a_value(filled: Path) -> None:
    files = list(filled.iterdir())
    assert {file.name for file in files} == {"secrets.encrypted", "secrets.key"}
    for file in files:
        assert file.stat().st_mode & 0o777 == 0o600
        assert b"hunter2" not in file.read_bytes()


def test_rotation_replaces_the_key_under_a_running_process(filled: Path) -> None:
    running = store(filled)
    assert running.read("stripe").number == 1
    before, content = (
        (filled / "secrets.key").read_text(),
        (filled / "secrets.encrypted").read_text(),
    )
    assert store(filled).rotate() == 1
    assert running.read("stripe").fields == {"token": "hunter2hunter2"}
    assert before not in (filled / "secrets.key").read_text()
    assert content != (filled / "secrets.encrypted").read_text()
    (filled / "secrets.key").write_text(before)
    with pytest.raises(NeurovaError, match="cannot be decrypted"):
        store(filled).read("stripe")


def test_rotation_that_was_interrupted_loses_nothing(filled: Path) -> None:
    """The key file has both keys until all secrets are re-encrypted."""
    old = (filled / "secrets.key").read_text()
    (filled / "secrets.key").write_text(f"{Fernet.generate_key().decode()}\n{old}\n")
    assert store(filled).read("stripe").number == 1
    assert store(filled).rotate() == 1
    assert store(filled).read("stripe").number == 1


def test_given_keys_rotate_from_old_to_new(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    store(tmp_path, old).write("stripe", {"token": "a"})
    assert not (tmp_path / "secrets.key").exists()
    with pytest.raises(ConfigError, match="has one key"):
        store(tmp_path, old).rotate()
    assert store(tmp_path, f"{new},{old}").rotate() == 1
    assert store(tmp_path, new).read("stripe").fields == {"token": "a"}


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "key is gone": (lambda folder: (folder / "secrets.key").unlink(), "cannot be read"),
    "key is readable": (lambda folder: (folder / "secrets.key").chmod(0o640), "chmod 600"),
    "no key": (lambda folder: (folder / "secrets.key").write_text("x"), "is not a valid key"),
    "other key": (
        lambda folder: (folder / "secrets.key").write_text(Fernet.generate_key().decode()),
        "cannot be decrypted",
    ),
    "damaged": (lambda folder: (folder / "secrets.encrypted").write_text("x"), "or the file is"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_file_that_cannot_be_read_names_the_fix(filled: Path, case: str) -> None:
    """The file is not overwritten either."""
    break_it, text = BROKEN[case]
    break_it(filled)
    content = (filled / "secrets.encrypted").read_bytes()
    for use in (
        lambda: store(filled).read("stripe"),
        lambda: store(filled).write("other", {"a": "b"}),
        lambda: store(filled).rotate(),
    ):
        with pytest.raises(NeurovaError) as caught:
            use()
        assert text in str(caught.value)
        assert caught.value.fix
    assert (filled / "secrets.encrypted").read_bytes() == content
