"""The doctor: each thing that can be wrong is found, and the fix is said."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from neurova.files.locks import process_lock
from neurova.files.private import write_private_file
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_gateway.limits.table import LimitTable
from neurova_platform.admin.access import load_token
from neurova_platform.doctor import checks as doctor
from neurova_platform.doctor.checks import Finding
from neurova_platform.scaffold import scaffold

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project that asks for a free port."""
    monkeypatch.setenv("NEUROVA_GATEWAY_PORT", "0")
    monkeypatch.setenv("NEUROVA_ADMIN_PORT", "0")
    scaffold.lay(tmp_path, scaffold.project("demo"))
    return tmp_path


def found(root: Path, check: str) -> Finding:
    """Return the worst finding of a check."""
    findings = [each for each in doctor.examine(root) if each.check == check]
    return max(findings, key=lambda each: ("ok", "warn", "fail").index(each.verdict))


def test_a_new_project_is_well(root: Path) -> None:
    assert {each.verdict for each in doctor.examine(root)} == {"ok"}


def test_a_project_in_use_is_well(root: Path) -> None:
    state = root / ".neurova"
    state.mkdir(mode=0o700)
    SqliteKeyStore(state / "keys.db").close()
    LimitTable(state / "limits.table").close()
    assert [each for each in doctor.examine(root) if each.verdict != "ok"] == []
    assert found(root, "keys").says.endswith("keys.db: 0 keys")


def test_looking_changes_nothing(root: Path) -> None:
    list(doctor.examine(root))
    assert not (root / ".neurova").exists()


def test_wrong_settings_are_told_and_end_the_examination(root: Path) -> None:
    (root / "neurova.toml").write_text("[gateway]\nprt = 1\n")
    findings = list(doctor.examine(root))
    assert findings[-1].check == "settings"
    assert findings[-1].verdict == "fail"
    assert "did you mean gateway.port?" in findings[-1].says


def test_an_old_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert doctor.python().verdict == "fail"
    assert "3.11" in doctor.python().fix


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.metadata.version

    def version(name: str) -> str:
        if name == "starlette":
            raise doctor.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    assert doctor.packages().says == "missing: starlette"


@pytest.mark.parametrize("name", ["keys.db", "dev.key", "identity.key"])
def test_files_that_others_may_read_are_told(root: Path, name: str) -> None:
    state = root / ".neurova"
    state.mkdir(mode=0o700)
    if name == "keys.db":
        SqliteKeyStore(state / name).close()
    (state / name).touch()
    (state / name).chmod(0o644)
    finding = found(root, "state")
    assert (finding.verdict, finding.fix) == ("fail", f"chmod 600 {state / name}")


def test_a_state_folder_that_others_may_enter_is_told(root: Path) -> None:
    (root / ".neurova").mkdir(mode=0o700)
    (root / ".neurova").chmod(0o750)
    assert found(root, "state").fix == f"chmod 700 {root / '.neurova'}"


@pytest.mark.parametrize("name", ["keys.db", "limits.table"])
def test_a_state_file_that_is_none_is_told(root: Path, name: str) -> None:
    write_private_file(root / ".neurova" / name, "this is no such file" * 1000)
    finding = found(root, name.partition(".")[0])
    assert finding.verdict == "fail"
    assert name in finding.says


@pytest.mark.parametrize(("free", "verdict"), [(1 << 40, "ok"), (100 << 20, "warn"), (1, "fail")])
def test_a_disk_without_room_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 41, 0, free))
    assert found(root, "disk").verdict == verdict


def test_plugins_that_are_missing_are_told(root: Path) -> None:
    (root / "mine").mkdir()
    (root / "neurova.toml").write_text('[gateway]\nplugins = "mine"\n')
    assert found(root, "plugins").verdict == "fail"
    assert "neurova-auth" in found(root, "plugins").says
    (root / "neurova.toml").write_text('[gateway]\nextra = ["acme-greet"]\n')
    assert "acme-greet" in found(root, "plugins").says


def test_a_function_that_cannot_be_loaded_is_told_with_its_line(root: Path) -> None:
    (root / "functions" / "hello" / "bad.py").write_text("x = (\n")
    assert "functions/hello/bad.py:1" in found(root, "functions").says


def test_a_database_that_is_behind_is_told_with_the_command(root: Path) -> None:
    from neurova.database.migrations import service as migrations

    migrations.revision(root / "functions" / "hello" / "migrations", "first")
    finding = found(root, "database hello")
    assert finding.verdict == "warn"
    assert "neurova db upgrade hello" in finding.fix
    write_private_file(root / ".neurova" / "hello.db", "no database" * 1000)
    assert found(root, "database hello").verdict == "fail"


def test_a_port_in_use_is_told_unless_this_project_uses_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("NEUROVA_GATEWAY_PORT", str(port))
        assert found(root, "port").verdict == "fail"
        assert str(port) in found(root, "port").says
        write_private_file(root / ".neurova" / "address", f"http://127.0.0.1:{port}\n")
        assert found(root, "port").verdict == "ok"


def test_every_check_has_its_place_in_the_list(root: Path) -> None:
    seen = [each.check.partition(" ")[0] for each in doctor.examine(root)]
    assert seen[:3] == ["python", "packages", "settings"]
    assert [name for name in doctor.CHECKS if name != "databases"] == seen[3:]


def test_who_may_read_the_document_is_said(root: Path) -> None:
    assert found(root, "openapi").says.endswith("KiB, public in dev, key in run")


def test_more_workers_than_the_machine_bears_are_told(root: Path) -> None:
    (root / "neurova.toml").write_text("[runtime]\nworkers = 512\n")
    assert found(root, "workers").verdict == "warn"
    assert found(root, "workers").fix == f"set [runtime] workers to {os.cpu_count()}"
    (root / "neurova.toml").write_text('[runtime]\nmemory = "900 GB"\n')
    assert found(root, "workers").verdict == "warn"
    assert "[runtime] memory lower" in found(root, "workers").fix


def test_a_run_of_the_project_is_told_and_its_port_is_no_fault(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = process_lock(root / "run.lock", "neurova run", "")
    with socket.create_server(("127.0.0.1", 0)) as taken, lock:
        monkeypatch.setenv("NEUROVA_GATEWAY_PORT", str(taken.getsockname()[1]))
        monkeypatch.setenv("NEUROVA_PROJECT_STATE", str(root))
        assert f"`neurova run` is pid {os.getpid()}" in found(root, "workers").says
        assert found(root, "port").verdict == "ok"
        assert f"`neurova run` ({os.getpid()})" in found(root, "port").says


def test_an_admin_api_that_others_can_reach_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(root, "admin").verdict == "ok"
    monkeypatch.setenv("NEUROVA_ADMIN_HOST", "0.0.0.0")
    monkeypatch.setenv("NEUROVA_ADMIN_HOSTS", "admin.example")
    told = found(root, "admin")
    assert (told.verdict, told.fix) == ("warn", "put a proxy with TLS in front")
    monkeypatch.setenv("NEUROVA_ADMIN_ENABLED", "false")
    assert found(root, "admin").verdict == "ok"


def test_a_token_that_others_may_read_is_told(root: Path) -> None:
    (root / ".neurova").mkdir(mode=0o700)
    load_token(root / ".neurova")
    assert found(root, "admin").verdict == "ok"
    (root / ".neurova" / "admin.token").chmod(0o644)
    assert found(root, "admin").verdict == "fail"
    assert found(root, "state").verdict == "fail"


def test_an_admin_port_that_is_taken_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("NEUROVA_ADMIN_PORT", str(port))
        assert found(root, "admin").verdict == "fail"
        (root / ".neurova").mkdir(mode=0o700)
        write_private_file(root / ".neurova" / "admin.address", f"http://127.0.0.1:{port}\n")
        assert "this project's" in found(root, "admin").says
