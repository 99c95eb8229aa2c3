"""What workers serve is told by a file, of which a reader sees the whole, and the newest."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from neurova.errors import StateError, Unavailable
from neurova.settings.settings import Settings
from neurova_platform.admin import snapshot
from neurova_platform.admin.facts import facts
from neurova_platform.composition import inventory
from neurova_platform.composition.state import prepare
from neurova_platform.settings.loading import load


@pytest.fixture
def settings(probe_project: Path) -> Settings:
    found = load(probe_project, environ={})
    prepare(found.state)
    return found


def test_what_is_read_is_what_was_known(settings: Settings) -> None:
    functions = inventory.functions(settings)
    snapshot.write(functions, settings)
    read = snapshot.reader(settings.state)
    assert msgspec.json.encode(read()) == msgspec.json.encode(facts(functions, settings))
    assert read() is read()  # decoded once
    snapshot.write(functions[:1], settings)
    assert [each.name for each in read()] == [functions[0].name]


def test_before_anybody_has_said_anything_that_is_told(settings: Settings) -> None:
    read = snapshot.reader(settings.state)
    with pytest.raises(Unavailable, match="in a moment"):
        read()
    snapshot.write([], settings)
    assert read() == []
    snapshot.clear(settings.state)
    snapshot.clear(settings.state)
    with pytest.raises(Unavailable):
        read()


def test_a_damaged_one_says_the_fix(settings: Settings) -> None:
    (settings.state / snapshot.FILE).write_text('[{"name": 5}]')
    with pytest.raises(StateError, match="restart the workers"):
        snapshot.reader(settings.state)()


def test_a_reader_never_sees_half_of_one(settings: Settings) -> None:
    functions = inventory.functions(settings)
    snapshot.write(functions, settings)
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            snapshot.write(functions, settings)
            snapshot.write(functions[:1], settings)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        read = snapshot.reader(settings.state)
        seen = {len(read()) for _ in range(300)}
    finally:
        ended.set()
        writer.join()
    assert seen <= {1, len(functions)}
