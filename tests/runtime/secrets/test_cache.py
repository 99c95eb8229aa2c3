"""The secret cache of a process: calls never read the store; changes, outages and removals."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from neurova.errors import NeurovaError
from neurova.secrets.base import SecretVersion, UnknownSecret
from neurova.secrets.cache import REFRESH_SECONDS, SecretCache, SecretExpired
from neurova.secrets.file import FileSecretStore
from neurova.secrets.secret import Secret

EXPIRY = 100.0


class Project:
    """A secrets file and a process's cache of it, with a clock and a counter of reads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "secrets.encrypted"
        self.now = 0.0
        self.opened = self.reads = 0
        self.has_read = threading.Condition()
        self.cache = SecretCache(self._open, EXPIRY, lambda: self.now, interval=3600)

    def set(self, name: str, **fields: str) -> None:
        FileSecretStore(self.path, self.path.with_name("secrets.key")).write(name, fields)

    def use(self, name: str) -> Callable[[], Secret]:
        """Load a secret as a service does; return the function that a call uses to get it."""
        source = self.cache.source(name, "shop.pay")
        self.cache.load([name])
        return source

    def _open(self) -> FileSecretStore:
        project = self
        project.opened += 1

        class CountedStore(FileSecretStore):
            def read(self, name: str) -> SecretVersion:
                with project.has_read:
                    project.reads += 1
                    project.has_read.notify()
                return super().read(name)

        return CountedStore(self.path, self.path.with_name("secrets.key"))


@contextmanager
def outage(project: Project) -> Iterator[None]:
    """Damage the file until the block ends."""
    content = project.path.read_text()
    project.path.write_text("damaged")
    yield
    project.path.write_text(content)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    made.cache.close()


def test_calls_read_nothing_and_a_refresh_reads_each_name_once(project: Project) -> None:
    assert project.opened == 0
    project.set("stripe", token="a", key="b")
    token, key = project.use("stripe#token"), project.use("stripe#key")
    before = project.reads
    assert [(token().value, key().value) for _ in range(100)] == [("a", "b")] * 100
    assert (project.reads, project.opened) == (before, 1)
    project.cache.refresh()
    assert project.reads == before + 1


def test_change_is_seen_after_a_refresh(project: Project) -> None:
    project.set("stripe", token="old")
    token = project.use("stripe#token")
    held = token()
    project.set("stripe", token="new")
    project.cache.refresh()
    assert (held.value, token().value) == ("old", "new")


def test_thread_reads_again_twice_in_five_seconds(tmp_path: Path) -> None:
    assert REFRESH_SECONDS * 2 <= 5
    project = Project(tmp_path)
    project.cache = SecretCache(project._open, EXPIRY, lambda: project.now, interval=0.01)
    project.set("stripe", token="old")
    token = project.use("stripe#token")
    project.set("stripe", token="new")
    with project.has_read:  # a third read proves that a refresh began and ended after the change
        reads = project.reads + 3
        assert project.has_read.wait_for(lambda: project.reads >= reads, 30)
    assert token().value == "new"
    project.cache.close()


def test_outage_is_survived_until_the_expiry(project: Project) -> None:
    project.set("stripe", token="a")
    token = project.use("stripe#token")
    with outage(project):
        project.now = EXPIRY
        with pytest.raises(NeurovaError):
            project.cache.refresh()
        assert token().value == "a"
        project.now += 1
        with pytest.raises(SecretExpired, match="not confirmed by the store for 100 s"):
            token()
    project.cache.refresh()
    assert token().value == "a"


def test_removed_secret_is_not_used_and_logged_once(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.set("stripe", token="a")
    token = project.use("stripe#token")
    project.path.unlink()
    with caplog.at_level(logging.ERROR, "neurova.secrets"):
        project.cache.refresh()
        project.cache.refresh()
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "secret stripe#token is not set"
    ]
    with pytest.raises(SecretExpired, match="neurova secrets set stripe#token"):
        token()
    project.set("stripe", token="b")
    project.cache.refresh()
    assert token().value == "b"


def test_load_lists_all_missing_secrets_and_their_users(project: Project) -> None:
    project.set("stripe", token="a")
    names = ["stripe#token", "stripe#key", "db#url"]
    for name in names:
        project.cache.source(name, "shop.pay")
    with pytest.raises(UnknownSecret) as caught:
        project.cache.load(names)
    assert str(caught.value).splitlines() == [
        "shop.pay: secret db#url is not set: run `neurova secrets set db#url`",
        "shop.pay: secret stripe has no field key, it has token: run `neurova secrets set "
        "stripe#key`",
    ]
    project.cache.load(names[:1])  # a service that needs none of the missing secrets loads
