"""Settings from the file, the environment and flags; every fault is reported with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neurova.database.postgres.url import PostgresUrl
from neurova.errors import ConfigError
from neurova_platform.settings.fields import FIELDS
from neurova_platform.settings.loading import effective, load
from neurova_platform.settings.sources import RESERVED, RESERVED_PREFIXES


def project(folder: Path, text: str) -> Path:
    (folder / "neurova.toml").write_text(text)
    return folder


def load_error(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(project(folder, text), environ=environ)
    return str(caught.value)


def test_empty_file_gives_every_default(tmp_path: Path) -> None:
    found = load(project(tmp_path, ""), environ={})
    assert (found.gateway.host, found.gateway.port) == ("127.0.0.1", 8000)
    assert found.state == tmp_path / ".neurova"
    assert found.database("booking") == tmp_path / ".neurova" / "booking.db"
    assert found.project.name == tmp_path.name
    assert {value.origin for value in effective(found)} == {"default"}


def test_misspelt_key_names_line_and_nearest_key(tmp_path: Path) -> None:
    error = load_error(tmp_path, "[gateway]\nhost = '::1'\nprt = 80\n")
    assert error == "neurova.toml:3: gateway.prt is unknown: did you mean gateway.port?"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[gatewy]\nport = 1\n", "gateway.port"),
        ("port = 1\n", "gateway.port"),
        ("[gateway.cors]\norigin = []\n", "gateway.cors.origins"),
        ("[services.booking]\ndatabse = 'x'\n", "services.booking.database"),
        ("[gateway]\ncors = 1\n", "write [gateway.cors] with origins, methods"),
        ("[gateway]\nxyz = 1\n", "[gateway] has host, port"),
        ("[nonsense]\n", "the sections are project, gateway"),
    ],
)
def test_unknown_key_suggests_the_right_one(tmp_path: Path, text: str, meant: str) -> None:
    assert meant in load_error(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "environ", "error"),
    [
        (
            "[services.bookin]\nconnections = 3\ndatabase = 'x'\n",
            {},
            "neurova.toml:2: services.bookin.connections names no service: did you mean booking?",
        ),
        (
            "",
            {"NEUROVA_SERVICES_BOOKINGS_DATABASE": "x"},
            "environment NEUROVA_SERVICES_BOOKINGS_DATABASE: services.bookings.database names no "
            "service: did you mean booking?",
        ),
        ("[services.x]\ndatabase = 'x'\n", {}, "names no service: the folders are booking, crm"),
    ],
)
def test_settings_of_no_service_are_refused(
    tmp_path: Path, text: str, environ: dict[str, str], error: str
) -> None:
    """A misspelled service would otherwise keep its data in a different database."""
    for name in ("booking", "crm", ".hidden", "__pycache__"):
        (tmp_path / "functions" / name).mkdir(parents=True)
    assert error in load_error(tmp_path, text, **environ)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[gateway]\nport = 'x'\n", "gateway.port must be a whole number from 0 to 65535, not 'x'"),
        ("[gateway]\nport = 70000\n", "gateway.port must be a whole number from 0 to 65535"),
        ("[gateway]\nport = true\n", "gateway.port must be a whole number"),
        ("[gateway]\nmax_body = '1 Mib'\n", 'gateway.max_body must be a size like "1 MiB"'),
        ("[gateway]\nhead_timeout = 0\n", "gateway.head_timeout must be a number above 0"),
        ("[runtime]\ndrain_delay = -1\n", "runtime.drain_delay must be a number from 0 to 3600"),
        ("[gateway]\nbehind = 'nginx'\n", 'gateway.behind must be "" or "kong"'),
        ("[gateway]\nhosts = 'a'\n", "gateway.hosts must be a list of strings"),
        ("[gateway]\nhosts = ['A/']\n", "gateway.hosts 'A/' is not a lower-case host name"),
        ("[gateway]\nlimit = '5/fortnight'\n", "gateway.limit '5/fortnight' is not a limit"),
        ("[gateway]\ntrusted_proxies = ['x']\n", "gateway.trusted_proxies 'x' is not a network"),
        ("[gateway]\ntls_cert = 'a.pem'\n", "gateway.tls_key is missing"),
        ("[gateway]\ntls_cert = 'a.pem'\n", "which is not a file"),
        ("[gateway]\nplugins = 'nowhere'\n", "which is not a folder"),
        ("[gateway.cors]\norigins = ['example.org']\n", "gateway.cors.origins 'example.org'"),
        ("[gateway.cors]\norigins = ['*']\ncredentials = true\n", "gateway.cors.credentials"),
        (
            "[services.a]\ndatabase = 'mysql://h/d'\n",
            "services.a.database has an unknown URL scheme",
        ),
        (
            "[services.a]\ndatabase = 'postgresql://h'\n",
            "services.a.database does not name a database",
        ),
        ("[services.a]\nconnections = 1\n", "services.a.connections must be a whole number from 2"),
        ("[services.A-b]\ndatabase = 'x'\n", "services.A-b.database is unknown"),
        ("[runtime]\nworkers = 0\n", "workers must be a whole number from 1 to 512, not 0"),
        ("[gateway\n", "cannot be read as TOML"),
    ],
)
def test_wrong_value_names_key_and_expectation(tmp_path: Path, text: str, error: str) -> None:
    assert error in load_error(tmp_path, text)


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    error = load_error(tmp_path, "[gateway]\nprt = 1\nport = 'x'\n", NEUROVA_GATEWAY_HOTS="a")
    assert error.count("\n") == 2


@pytest.mark.parametrize(
    "text",
    [
        "[services.a]\npassword = 'hunter2hunter2'\n",
        "[gateway]\nadmin_token = 'hunter2hunter2'\n",
        "[project]\nname = 'nrv_live_hunter2hunter2'\n",
        "[gateway]\nhosts = ['nrv_test_hunter2hunter2']\n",
        "[services.a]\ndatabase = 'postgresql://me:hunter2hunter2@h/d'\n",
        "[services.a]\ndatabase = 'postgresql://h/d?password=hunter2'\n",
        "[secrets]\nkey = 'hunter2'\n",
        "[secrets]\nsecret_id = 'hunter2'\n",
    ],
)
def test_plain_secret_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    error = load_error(tmp_path, text)
    assert "looks like a secret" in error
    assert "hunter2" not in error


def test_flag_wins_over_environment_over_file(tmp_path: Path) -> None:
    folder = project(tmp_path, "[gateway]\nport = 1\nhead_timeout = 7\nmax_body = '2 MiB'\n")
    environ = {
        "NEUROVA_GATEWAY_PORT": "2",
        "NEUROVA_GATEWAY_HOSTS": "a.example, b.example",
        "NEUROVA_GATEWAY_CORS_CREDENTIALS": "true",
        "NEUROVA_SERVICES_BOOKING_DATABASE": "rooms.db",
    }
    found = load(folder, environ=environ, flags={"gateway.port": 3, "gateway.host": None})
    assert found.gateway.port == 3
    assert found.gateway.head_timeout == 7.0
    assert found.gateway.max_body == 2 << 20
    assert found.gateway.hosts == ("a.example", "b.example")
    assert found.gateway.cors.credentials is True
    assert found.database("booking") == tmp_path / "rooms.db"
    origins = {value.key: value.origin for value in effective(found)}
    assert origins["gateway.port"] == "flag"
    assert origins["gateway.head_timeout"] == "neurova.toml:3"
    assert origins["gateway.hosts"] == "environment NEUROVA_GATEWAY_HOSTS"
    assert origins["gateway.host"] == "default"
    assert origins["services.booking.database"].startswith("environment")


def test_database_password_is_never_shown(tmp_path: Path) -> None:
    text = "[services.a]\ndatabase = 'postgresql://me@h/a'\n[services.b]\ndatabase = 'b.db'\n"
    environ = {
        "NEUROVA_SERVICES_C_DATABASE": "postgresql://me:hunter2@h/c",
        "NEUROVA_SERVICES_C_CONNECTIONS": "3",
    }
    found = load(project(tmp_path, text), environ=environ)
    assert found.database("a") == PostgresUrl("postgresql://me@h/a")
    assert found.database("b") == tmp_path / "b.db"
    assert found.database("c") == PostgresUrl("postgresql://me:hunter2@h/c")
    assert found.services["c"].connections == 3
    shown = {value.key: value.value for value in effective(found)}
    assert shown["services.c.database"] == "postgresql://me@h/c"
    assert shown["services.a.connections"] == 8
    assert "hunter2" not in repr(found.database("c"))


def test_two_services_cannot_share_a_database(tmp_path: Path) -> None:
    same = "database = 'postgresql://h/d'\n"
    error = load_error(tmp_path, f"[services.a]\n{same}[services.b]\n{same}")
    assert error == (
        "neurova.toml:4: services.b.database is also the database of a: give each service its own"
    )


def test_unknown_variable_suggests_the_nearest(tmp_path: Path) -> None:
    error = load_error(tmp_path, "", NEUROVA_GATEWAY_PRT="1")
    assert error.endswith("did you mean NEUROVA_GATEWAY_PORT?")
    assert "gateway.port must be" in load_error(tmp_path, "", NEUROVA_GATEWAY_PORT="eighty")
    reserved = {"NEUROVA_KEY": "x", "NEUROVA_TEST_REDIS_URL": "y", "PATH": "z"}
    assert load(project(tmp_path, ""), environ=reserved).origins == {}


def test_project_is_found_in_a_parent_folder(tmp_path: Path) -> None:
    below = project(tmp_path, "[project]\nstate = 'var'\n") / "a" / "b"
    below.mkdir(parents=True)
    assert load(below, environ={}).state == tmp_path / "var"


def test_documented_defaults_and_example_are_true(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    found = load(project(tmp_path, example), environ={})
    assert (found.gateway.port, found.gateway.max_body) == (9000, 2 << 20)
    documented = {
        f"{section}.{key}": default.strip('`"')
        for section, rows in re.findall(r"^## \[([\w.]+)\]\n(.*?)(?=^## )", page, re.M | re.DOTALL)
        for keys, default in re.findall(r"^\| (`.*?) \| (`.*?`) \|", rows, re.MULTILINE)
        for key in re.findall(r"`(\w+)`", keys)
    }
    plain = {
        key: str(field.default)
        for key, field in FIELDS.items()
        if type(field.default) in (int, float, str) and field.unit != "bytes"
    }
    assert {key: documented[key] for key in plain if key in documented} == {
        key: value for key, value in plain.items() if key in documented
    }
    assert len(set(plain) & set(documented)) > 12


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    sections = dict(re.findall(r"^## \[([\w.]+)\]\n(.*?)(?=^## )", page, re.M | re.DOTALL))
    parted = [(key, *key.rpartition(".")[::2]) for key in FIELDS]
    missing = [key for key, section, name in parted if f"`{name}`" not in sections[section]]
    assert missing == []
    assert all(name in page for name in (*RESERVED, *RESERVED_PREFIXES))
    assert all(f"[{key.rpartition('.')[0]}]" in page for key in FIELDS)
