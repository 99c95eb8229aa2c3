"""HTTP events reach functions, and responses reach clients, byte for byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.platform.serving.aws_lambda.events import (
    CLIENT,
    alb,
    alb_multi,
    http_api,
    payload_2,
    response_body,
    response_fields,
)
from tests.servers.postgres import PostgresServer

from neurova.errors import ConfigError, NeurovaError
from neurova_platform.serving.aws_lambda.container import Container, load_settings
from neurova_platform.serving.aws_lambda.http import TOO_LATE
from neurova_platform.serving.aws_lambda.http_event import read_call
from neurova_platform.serving.aws_lambda.sources import find_source

EDGE = Path(__file__).parents[3] / "edge"
FORMS: list[Callable[..., dict[str, Any]]] = [payload_2, http_api, alb, alb_multi]
BINARY = bytes(range(256))
SLOW = {"alembic", "boto3", "httpx", "opentelemetry", "redis", "sqlalchemy.orm", "starlette"}
HOPS = [("X-Forwarded-For", "198.51.100.1, 198.51.100.2")]


class Context(NamedTuple):
    seconds: float = 30.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@pytest.fixture(scope="module")
def variables(
    postgres: PostgresServer, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    return {
        "NEUROVA_GATEWAY_KEYS": postgres.create(),
        "NEUROVA_GATEWAY_LIMITS": redis_url,
        "TMPDIR": str(tmp_path_factory.mktemp("lambda")),
    }


@pytest.fixture(scope="module")
def container(variables: dict[str, str]) -> Iterator[Container]:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(EDGE)
        patched.setattr("tempfile.tempdir", variables["TMPDIR"])
        for name, value in variables.items():
            patched.setenv(name, value)
        opened = Container(load_settings())
    opened.start()
    yield opened
    opened.stop()


@pytest.mark.server
@pytest.mark.parametrize("form", FORMS)
def test_bytes_pass_unchanged_in_both_directions(
    container: Container, form: Callable[..., dict[str, Any]]
) -> None:
    fields = [("cookie", "a=1; b=2"), ("x-latin", "caf\xe9")]
    answer = container.handle(form("PUT", "/raw/a%20b/%C3%A9?x=%2F&y=1", fields, BINARY), Context())
    assert answer["statusCode"] == 207
    assert response_body(answer) == BINARY
    sent = response_fields(answer)
    received = msgspec.json.decode(dict(sent)["x-received"].encode("latin-1"))
    assert (received["method"], received["query"]) == ("PUT", "x=%2F&y=1")
    assert received["path"] == "/raw/a%20b/%C3%A9"
    assert b64decode(received["body"]) == BINARY
    assert received["scheme"] == "https"
    assert received["client"] == ("unknown" if form in (alb, alb_multi) else CLIENT)
    assert ["cookie", "a=1; b=2"] in received["fields"]
    assert ["x-latin", "caf\xe9"] in received["fields"]
    cookies = [value for name, value in sent if name == "set-cookie"]
    assert cookies == ["a=1; Path=/", "b=2, 3", "c=4"]
    assert [value for name, value in sent if name == "link"] in (["</a>, </b>"], ["</a>", "</b>"])
    assert dict(sent)["x-latin"] == "caf\xe9"


@pytest.mark.server
def test_head_has_the_fields_of_get_without_a_body(container: Container) -> None:
    answer = container.handle(payload_2("HEAD", "/large?size=9"), Context())
    assert (answer["statusCode"], answer["body"]) == (200, "")
    assert answer["headers"]["content-length"] == "9"


@pytest.mark.server
@pytest.mark.parametrize(
    ("form", "target", "status"),
    [
        (payload_2, "/large?size=1000000", 200),  # 6 bytes of JSON for each byte
        (payload_2, "/large?size=1100000", 502),
        (payload_2, "/large?size=4600000&media=image/png", 200),  # base64: 4 bytes for each 3
        (payload_2, "/large?size=4700000&media=image/png", 502),
        (alb, "/large?size=700000&media=image/png", 200),
        (alb_multi, "/large?size=800000&media=image/png", 502),
        (payload_2, "/late", 504),
        (payload_2, "/a/../b", 400),
        (http_api, "/50%25", 404),
    ],
)
def test_limits_of_lambda_are_answered(
    container: Container, form: Callable[..., dict[str, Any]], target: str, status: int
) -> None:
    answer = container.handle(form("GET", target), Context(0.6 if "late" in target else 30))
    assert answer["statusCode"] == status, answer
    if status != 200:
        fields = dict(response_fields(answer))
        assert fields["content-type"] == "application/problem+json"
        assert TOO_LATE not in answer["body"]  # the function's own deadline is earlier


@pytest.mark.server
def test_stream_of_events_ends_before_the_timeout(container: Container) -> None:
    """The response ends in time; a client of server-sent events then reconnects."""
    fields = [("accept", "text/event-stream")]
    answer = container.handle(payload_2("GET", "/ticks", fields), Context(0.9))
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert answer["body"].startswith("data:")
    assert container.handle(payload_2("GET", "/ticks"), Context(0.9))["statusCode"] == 504


@pytest.mark.parametrize(
    ("form", "fields", "trusts_proxies", "client"),
    [
        (payload_2, HOPS, False, CLIENT),
        (payload_2, HOPS, True, CLIENT),  # the gateway reads the header
        (alb, HOPS, False, "unknown"),
        (alb, HOPS, True, "198.51.100.2"),
        (alb_multi, [*HOPS, ("X-Forwarded-For", "198.51.100.3")], True, "198.51.100.3"),
        (alb_multi, [], True, "unknown"),
    ],
)
def test_address_of_the_client_is_never_that_of_its_header(
    form: Callable[..., dict[str, Any]],
    fields: list[tuple[str, str]],
    trusts_proxies: bool,
    client: str,
) -> None:
    event = form("GET", "/", fields)
    assert read_call(event, trusts_proxies=trusts_proxies).client == client


@pytest.mark.parametrize(
    ("event", "fix"),
    [
        ({"version": "1.0", "httpMethod": "GET", "requestContext": {}}, "PayloadFormatVersion 2.0"),
        ({"Records": [{"eventSource": "aws:s3"}]}, "send an HTTP event"),
        ({"neurova": "launch"}, '"migrate"'),
        ({}, "send an HTTP event"),
    ],
)
def test_unknown_event_is_refused_with_the_known_ones(event: dict[str, Any], fix: str) -> None:
    with pytest.raises(NeurovaError) as raised:
        find_source(event)
    assert fix in raised.value.fix


def test_settings_that_name_files_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EDGE.parents[1])  # the project with Booking and CRM
    monkeypatch.setenv("NEUROVA_WAREHOUSE_ENABLED", "true")
    with pytest.raises(ConfigError) as raised:
        load_settings()
    for key in (
        "gateway.keys",
        "gateway.limits",
        "services.booking.database",
        "services.crm.database",
        "warehouse.enabled",
    ):
        assert f"{key}: set it to " in raised.value.what
    monkeypatch.setenv("NEUROVA_GATEWAY_BEHIND", "kong")
    with pytest.raises(ConfigError, match=r"gateway\.identity: name the secret"):
        load_settings()


@pytest.mark.server
def test_process_imports_little_and_ends_cleanly_at_sigterm(variables: dict[str, str]) -> None:
    """SIGTERM also works while the main thread waits in C code for the next event."""
    code = (
        "import sys; from neurova_platform.serving.aws_lambda import handler; "
        "import neurova.database.postgres.database; "
        f"print('slow:', *{SLOW} & sys.modules.keys(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=EDGE,
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "slow:\n" in iter(process.stdout.readline, "")
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0
