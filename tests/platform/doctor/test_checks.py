"""`neurova doctor` finds every problem that it checks for, and names the fix."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from tests.servers.openbao import OpenBao

from neurova.database import migrations
from neurova.files.locks import process_lock
from neurova.files.private import write_private_file
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_gateway.limits.table import LimitTable
from neurova_platform.admin.access import load_token
from neurova_platform.composition.backends import open_secret_store, open_warehouse
from neurova_platform.composition.state import RUN_LOCK
from neurova_platform.doctor import checks, machine
from neurova_platform.doctor.finding import Finding
from neurova_platform.scaffold import scaffold
from neurova_platform.settings.loading import load

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a new project that uses free ports."""
    monkeypatch.setenv("NEUROVA_GATEWAY_PORT", "0")
    monkeypatch.setenv("NEUROVA_ADMIN_PORT", "0")
    scaffold.write(tmp_path, scaffold.plan_project("demo"))
    return tmp_path


@pytest.fixture
def state(root: Path) -> Path:
    """Return the project's state folder."""
    folder = root / ".neurova"
    folder.mkdir(mode=0o700)
    return folder


def worst(root: Path, check: str) -> Finding:
    """Return a check's worst finding."""
    findings = [each for each in checks.examine(root) if each.check == check]
    return max(findings, key=lambda each: ("ok", "warn", "fail").index(each.verdict))


def test_new_project_passes_and_stays_unchanged(root: Path) -> None:
    assert {each.verdict for each in checks.examine(root)} == {"ok"}
    assert worst(root, "openapi").what.endswith("KiB, public in dev, key in run")
    assert not (root / ".neurova").exists()


def test_project_in_use_passes(root: Path, state: Path) -> None:
    SqliteKeyStore(state / "keys.db").close()
    LimitTable(state / "limits.table").close()
    assert [each for each in checks.examine(root) if each.verdict != "ok"] == []
    assert worst(root, "keys").what.endswith("keys.db: 0 keys")


def test_wrong_settings_and_broken_functions_are_named(root: Path) -> None:
    (root / "functions" / "hello" / "bad.py").write_text("x = (\n")
    assert "functions/hello/bad.py:1" in worst(root, "functions").what
    (root / "neurova.toml").write_text("[gateway]\nprt = 1\n")
    *_, finding = checks.examine(root)
    assert (finding.check, finding.verdict) == ("settings", "fail")
    assert "did you mean gateway.port?" in finding.what


def test_old_python_and_missing_package_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise machine.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(machine.metadata, "version", missing)
    assert "starlette" in machine.check_packages().what.removeprefix("missing: ").split(", ")
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert machine.check_python().verdict == "fail"
    assert "3.11" in machine.check_python().fix


@pytest.mark.parametrize(
    ("name", "mode", "wanted"),
    [
        *((name, 0o644, 600) for name in ("keys.db", "dev.key", "identity.key", "admin.token")),
        ("", 0o750, 700),
    ],
)
def test_state_that_others_may_read_fails(
    root: Path, state: Path, name: str, mode: int, wanted: int
) -> None:
    SqliteKeyStore(state / "keys.db").close()
    load_token(state)
    assert (worst(root, "state").verdict, worst(root, "admin").verdict) == ("ok", "ok")
    (state / name).touch()
    (state / name).chmod(mode)
    finding = worst(root, "state")
    assert (finding.verdict, finding.fix) == ("fail", f"chmod {wanted} {state / name}")
    assert worst(root, "admin").verdict == ("fail" if name == "admin.token" else "ok")


@pytest.mark.parametrize("name", ["keys.db", "limits.table"])
def test_damaged_state_file_fails(root: Path, name: str) -> None:
    write_private_file(root / ".neurova" / name, "damaged" * 1000)
    finding = worst(root, name.partition(".")[0])
    assert finding.verdict == "fail"
    assert name in finding.what


@pytest.mark.parametrize(("free", "verdict"), [(1 << 40, "ok"), (100 << 20, "warn"), (1, "fail")])
def test_low_disk_space_is_reported(
    root: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 41, 0, free))
    assert worst(root, "disk").verdict == verdict


@pytest.mark.parametrize(
    ("setting", "missing"),
    [('plugins = "mine"', "neurova-auth"), ('extra = ["acme-greet"]', "acme-greet")],
)
def test_missing_plugin_is_named(root: Path, setting: str, missing: str) -> None:
    (root / "mine").mkdir()
    (root / "neurova.toml").write_text(f"[gateway]\n{setting}\n")
    assert worst(root, "plugins").verdict == "fail"
    assert missing in worst(root, "plugins").what


def test_database_behind_warns_with_the_command(root: Path) -> None:
    migrations.revision(root / "functions" / "hello" / "migrations", "first")
    finding = worst(root, "database hello")
    assert finding.verdict == "warn"
    assert "neurova db upgrade hello" in finding.fix
    write_private_file(root / ".neurova" / "hello.db", "damaged" * 1000)
    assert worst(root, "database hello").verdict == "fail"


@pytest.mark.parametrize(
    ("check", "variable", "file"),
    [
        ("port", "NEUROVA_GATEWAY_PORT", "address"),
        ("admin", "NEUROVA_ADMIN_PORT", "admin.address"),
    ],
)
def test_port_in_use_fails_unless_this_project_listens(
    root: Path, monkeypatch: pytest.MonkeyPatch, check: str, variable: str, file: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv(variable, str(port))
        assert worst(root, check).verdict == "fail"
        assert str(port) in worst(root, check).what
        write_private_file(root / ".neurova" / file, f"http://127.0.0.1:{port}\n")
        assert worst(root, check).verdict == "ok"
        assert "this project's" in worst(root, check).what


def test_every_check_reports_in_order(root: Path) -> None:
    names = [each.check.partition(" ")[0] for each in checks.examine(root)]
    assert names[:3] == ["python", "packages", "settings"]
    assert names[3:] == [name for name in checks.CHECKS if name != "databases"]


@pytest.mark.parametrize(
    ("setting", "fix"),
    [
        ("workers = 512", f"set [runtime] workers to {os.cpu_count()}"),
        ('memory = "900 GB"', "set [runtime] memory lower, or fewer workers"),
    ],
)
def test_more_workers_than_the_machine_bears_warn(root: Path, setting: str, fix: str) -> None:
    (root / "neurova.toml").write_text(f"[runtime]\n{setting}\n")
    assert (worst(root, "workers").verdict, worst(root, "workers").fix) == ("warn", fix)


def test_port_of_this_projects_run_is_no_fault(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = process_lock(root / RUN_LOCK, "neurova run", "stop it")
    with socket.create_server(("127.0.0.1", 0)) as run, lock:
        monkeypatch.setenv("NEUROVA_GATEWAY_PORT", str(run.getsockname()[1]))
        monkeypatch.setenv("NEUROVA_PROJECT_STATE", str(root))
        assert f"`neurova run` is pid {os.getpid()}" in worst(root, "workers").what
        assert worst(root, "port").verdict == "ok"
        assert f"`neurova run` ({os.getpid()})" in worst(root, "port").what


def test_exposed_admin_api_warns(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROVA_ADMIN_HOST", "0.0.0.0")
    monkeypatch.setenv("NEUROVA_ADMIN_HOSTS", "admin.example")
    assert worst(root, "admin").verdict == "warn"
    assert worst(root, "admin").fix
    monkeypatch.setenv("NEUROVA_ADMIN_ENABLED", "false")
    assert worst(root, "admin").verdict == "ok"


def use_secret(root: Path, settings: str = "") -> None:
    """Add a function that uses a secret to the project."""
    (root / "functions" / "hello" / "pay.py").write_text(
        "from neurova import Secret, get\n\n\n@get('/pay', public=True)\n"
        "async def pay(token: Secret['stripe#token']) -> None: ...\n"
    )
    with (root / "neurova.toml").open("a") as file:
        file.write(settings)


def test_missing_secret_names_its_users_and_the_command(root: Path) -> None:
    use_secret(root)
    finding = worst(root, "secret stripe#token")
    assert (finding.verdict, finding.fix) == ("fail", "run `neurova secrets set stripe#token`")
    open_secret_store(load(root)).write("stripe", {"token": "a"})
    assert worst(root, "secret stripe#token").what == "is set, for hello.pay"
    assert worst(root, "secrets").what.endswith("secrets.encrypted: 1 secrets")
    (root / ".neurova" / "secrets.key").unlink()
    assert "cannot be read" in worst(root, "secrets").what


@pytest.mark.server
def test_vault_that_cannot_be_used_names_the_fix(
    root: Path, own_openbao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_secret(root, f'[secrets]\nurl = "{own_openbao.url}"\n')
    monkeypatch.setenv("NEUROVA_SECRETS_TOKEN", own_openbao.token)
    assert "token with root" in worst(root, "secrets").what
    assert worst(root, "secret stripe#token").fix == "run `neurova secrets set stripe#token`"
    own_openbao.client().secrets.kv.v2.create_or_update_secret("stripe", {"token": "a"})
    assert worst(root, "secret stripe#token").verdict == "ok"
    limited = own_openbao.client().auth.token.create(policies=["default"])["auth"]["client_token"]
    monkeypatch.setenv("NEUROVA_SECRETS_TOKEN", limited)
    assert "no policy of its token" in worst(root, "secret stripe#token").what
    monkeypatch.setenv("NEUROVA_SECRETS_TOKEN", "wrong")
    assert "secrets.token" in worst(root, "secrets").fix
    own_openbao.seal()
    assert "vault operator unseal" in worst(root, "secrets").fix
    own_openbao.kill()
    assert "does not respond" in worst(root, "secrets").what


def test_warehouse_is_reported_and_a_damaged_file_fails(root: Path, state: Path) -> None:
    assert worst(root, "warehouse").what.startswith("off:")
    with (root / "neurova.toml").open("a") as file:
        file.write("[warehouse]\nenabled = true\n")
    assert worst(root, "warehouse").what.endswith("not created yet")
    open_warehouse(load(root)).close()
    assert worst(root, "warehouse").what.endswith("warehouse.duckdb: 0 tables")
    (state / "warehouse" / "warehouse.duckdb").write_bytes(b"no database" * 1000)
    found = worst(root, "warehouse")
    assert (found.verdict, "`neurova warehouse backfill`" in found.fix) == ("fail", True)
