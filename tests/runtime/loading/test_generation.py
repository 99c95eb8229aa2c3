"""Each load has its own modules, stale bytecode is never used, and old modules are freed."""

import gc
import os
import sys

import pytest
from tests.runtime.project import Project

from neurova.errors import LoadError

FUNCTION = """
from neurova import get
from .domain import NAME

@get("/x")
async def f() -> list:
    from ._late import OTHER
    return [NAME, OTHER]
"""
INNER = """
from neurova import get
from . import BASE
from .inner.deep import N

@get("/x")
async def f() -> int:
    return BASE + N
"""


def modules() -> set[str]:
    return {name for name in sys.modules if name.startswith("functions.") and "~" in name}


async def test_change_within_a_second_is_loaded(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python compares bytecode with its source by whole seconds and file size only."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for version in range(10):
        project.write("shop", f=FUNCTION, domain=f"NAME = {version}", _late="OTHER = 0")
        (function,) = project.load("shop").functions
        assert (await project.reply(function)).body == b"[%d,0]" % version


async def test_bytecode_is_cached_and_used(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = project.write("shop", f=FUNCTION, domain="NAME = 1", _late="OTHER = 2")
    long_ago = os.stat(folder / "domain.py").st_mtime - 1_000
    for file in folder.glob("*.py"):
        os.utime(file, (long_ago, long_ago))
    project.load("shop")
    (cached,) = (folder / "__pycache__").glob("domain.*.pyc")
    # Keep size and time equal, so that only a load from the cache misses the change.
    (folder / "domain.py").write_text("NAME = 9")
    os.utime(folder / "domain.py", (long_ago, long_ago))
    (function,) = project.load("shop").functions
    assert (await project.reply(function)).body == b"[1,2]"
    cached.unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (function,) = project.load("shop").functions
    assert (await project.reply(function)).body == b"[9,2]"
    assert not cached.exists()


def test_unused_generations_leave_sys_modules(project: Project) -> None:
    project.write("shop", f=FUNCTION, domain="NAME = 1")
    gc.collect()
    before = modules()
    services = [project.load("shop") for _ in range(5)]
    assert len(modules() - before) == 5 * 3
    del services[1:]
    gc.collect()
    assert len(modules() - before) == 3
    del services
    project.write("shop", f="1 / 0")
    with pytest.raises(LoadError, match="ZeroDivisionError"):
        project.load("shop")
    gc.collect()
    assert modules() == before


@pytest.mark.parametrize("importable", [True, False], ids=["functions", "no functions"])
async def test_service_folder_may_be_a_package_with_folders(
    project: Project, monkeypatch: pytest.MonkeyPatch, importable: bool
) -> None:
    """This checkout's package `functions` would hide the import problem of other projects."""
    if not importable:
        monkeypatch.delitem(sys.modules, "functions", raising=False)
        path = [each for each in sys.path if not os.path.isdir(os.path.join(each, "functions"))]
        monkeypatch.setattr(sys, "path", path)
    folder = project.write("shop", __init__="BASE = 1", f=INNER)
    (folder / "inner").mkdir()
    (folder / "inner" / "deep.py").write_text("N = 2")
    (function,) = project.load("shop").functions
    (folder / "inner" / "deep.py").write_text("N = 3")
    (other,) = project.load("shop").functions
    replies = [await project.reply(each) for each in (function, other)]
    assert [reply.body for reply in replies] == [b"3", b"4"]
    if not importable:
        sys.modules.pop("functions", None)
