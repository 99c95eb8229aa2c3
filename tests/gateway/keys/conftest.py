from collections.abc import Iterator
from pathlib import Path

import pytest

from neurova_gateway.keys.sqlite import SqliteKeyStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteKeyStore]:
    store = SqliteKeyStore(path)
    yield store
    store.close()
