"""Each load has modules of its own, cached bytecode is never stale, and old ones go."""

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from neurova.functions.generation import Generation

LAZY = """
from neurova import get
from .domain import NAME

@get("/x")
async def f() -> list:
    from ._late import OTHER
    return [NAME, OTHER]
"""


def modules() -> set[str]:
    return {name for name in sys.modules if name.startswith("functions.") and "~" in name}


def test_old_code_keeps_to_its_own_modules_and_new_code_to_new_ones(house: Any) -> None:
    house.write("shop", f=LAZY, domain="NAME = 'old'", _late="OTHER = 'old'")
    (old,) = house.load("shop").functions
    assert house.ask(old).body == b'["old","old"]'
    house.write("shop", domain="NAME = 'new'", _late="OTHER = 'new'")
    (new,) = house.load("shop").functions
    assert house.ask(new).body == b'["new","new"]'
    assert house.ask(old).body == b'["old","old"]'


def test_a_call_that_began_on_old_code_ends_on_old_code(house: Any) -> None:
    source = """
    import asyncio
    from neurova import get
    from .domain import Answer

    @get("/x")
    async def f() -> Answer:
        before = Answer("")
        await gate.wait()
        return Answer(f"{before.version} {type(before) is Answer} {Answer('').version}")

    gate = asyncio.Event()
    """
    domain = "import msgspec\nclass Answer(msgspec.Struct):\n    text: str\n    version: int = {}\n"

    async def test() -> None:
        flights = []
        for version in range(20):
            house.write("shop", f=source, domain=domain.format(version))
            (function,) = house.load("shop").functions
            flights.append((function, asyncio.ensure_future(house.reply(function))))
            await asyncio.sleep(0)
        for version, (function, flight) in enumerate(flights):
            function.handler.__globals__["gate"].set()
            body = (await flight).body.decode()
            assert body == f'{{"text":"{version} True {version}","version":{version}}}'

    asyncio.run(test())


def test_a_change_within_the_second_of_the_same_length_is_seen(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for version in range(10):
        house.write("shop", f=LAZY, domain=f"NAME = {version}", _late="OTHER = 0")
        (function,) = house.load("shop").functions
        assert house.ask(function).body == b"[%d,0]" % version


def test_bytecode_is_cached_and_used(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = house.write("shop", f=LAZY, domain="NAME = 1", _late="OTHER = 2")
    long_ago = os.stat(folder / "domain.py").st_mtime - 1_000
    for file in folder.glob("*.py"):
        os.utime(file, (long_ago, long_ago))
    house.load("shop")
    (cached,) = (folder / "__pycache__").glob("domain.*.pyc")
    # Same length and time: only who reads the cache does not see the difference.
    (folder / "domain.py").write_text("NAME = 9")
    os.utime(folder / "domain.py", (long_ago, long_ago))
    (function,) = house.load("shop").functions
    assert house.ask(function).body == b"[1,2]"
    cached.unlink()
    (function,) = house.load("shop").functions
    assert house.ask(function).body == b"[9,2]"


def test_no_bytecode_is_written_when_python_is_told_so(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = house.write("shop", f=LAZY, domain="NAME = 1", _late="OTHER = 2")
    house.load("shop")
    assert not (folder / "__pycache__").exists()


def test_modules_of_old_generations_go_when_nothing_uses_them(house: Any) -> None:
    house.write("shop", f=LAZY, domain="NAME = 1", _late="OTHER = 2")
    gc.collect()
    before = modules()
    kept = [house.load("shop") for _ in range(5)]
    assert len(modules() - before) == 5 * 3
    house.ask(kept[0].functions[0])
    del kept[1:]
    gc.collect()
    assert len(modules() - before) == 4
    assert house.ask(kept[0].functions[0]).body == b"[1,2]"
    del kept
    gc.collect()
    assert modules() == before


def test_a_generation_lives_as_long_as_a_call_of_its_is_in_flight(house: Any) -> None:
    house.write(
        "shop",
        f=LAZY.replace("    from ._late", "    await gate.wait()\n    from ._late")
        + "\nimport asyncio\ngate = asyncio.Event()\n",
        domain="NAME = 1",
        _late="OTHER = 2",
    )

    async def test() -> None:
        (function,) = house.load("shop").functions
        gate = function.handler.__globals__["gate"]
        flight = asyncio.ensure_future(house.reply(function))
        await asyncio.sleep(0)
        del function
        gc.collect()
        gate.set()
        assert (await flight).body == b"[1,2]"

    asyncio.run(test())


def test_a_failed_load_leaves_nothing_behind(house: Any) -> None:
    house.write("shop", f="1 / 0", domain="NAME = 1")
    before = modules()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        house.load("shop")
    gc.collect()
    assert modules() == before


def test_a_service_folder_may_be_a_package_with_folders(house: Any) -> None:
    folder = house.write(
        "shop",
        __init__="BASE = 1",
        f="from neurova import get\nfrom . import BASE\nfrom .inner.deep import N\n"
        "@get('/x')\nasync def f() -> int:\n    return BASE + N\n",
    )
    (folder / "inner").mkdir()
    (folder / "inner" / "deep.py").write_text("N = 2")
    (function,) = house.load("shop").functions
    assert house.ask(function).body == b"3"


def test_a_folder_within_is_found_where_no_package_functions_is(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that this checkout has hides what other projects would meet."""
    monkeypatch.delitem(sys.modules, "functions", raising=False)
    monkeypatch.setattr(
        sys,
        "path",
        [path for path in sys.path if not os.path.isdir(os.path.join(path, "functions"))],
    )
    folder = house.write(
        "shop",
        f="from neurova import get\nfrom .inner.deep import N\n"
        "@get('/x')\nasync def f() -> int:\n    return N\n",
    )
    (folder / "inner").mkdir()
    (folder / "inner" / "deep.py").write_text("N = 2")
    (function,) = house.load("shop").functions
    assert house.ask(function).body == b"2"
    sys.modules.pop("functions", None)


def test_other_imports_are_none_of_its_business(house: Any, tmp_path: Path) -> None:
    house.write("shop", domain="NAME = 1")
    Generation(house.root / "shop", "shop")
    with pytest.raises(ModuleNotFoundError):
        __import__("functions.shop~0.domain")
