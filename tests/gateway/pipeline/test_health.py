"""The health check responds to anybody at any time, and reveals nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.conftest import HttpServer
from tests.gateway.overload import overload
from tests.gateway.pipeline.conftest import Run
from tests.gateway.raw_http import bodies, request, statuses

from neurova import get
from neurova.errors import LoadError
from neurova_gateway.pipeline.health import PATH

OK = b'{"status":"ok"}'


@pytest.mark.parametrize(
    "settings", ['limit = "1/minute"', 'behind = "kong"', 'hosts = ["api.example"]']
)
def test_anybody_may_check_health(run_probe: Run, settings: str) -> None:
    running = run_probe(settings)
    for _ in range(5):
        response = running.get(PATH)
        assert (response.status, response.body) == (200, OK)
    assert response.headers["cache-control"] == "no-store"
    assert "ratelimit" not in response.headers
    assert running.post(PATH).status == 405


def test_no_function_can_have_its_path() -> None:
    with pytest.raises(LoadError):
        get(PATH)


def test_mount_at_root_does_not_hide_health(
    run_probe: Run, add_function: Callable[[str, str], None]
) -> None:
    source = """
        from starlette.responses import PlainTextResponse

        from neurova import mount

        everything = mount("/", PlainTextResponse("mounted"), public=True)
        """
    add_function("everything", source)
    running = run_probe("")
    assert running.get("/nothing").text == "mounted"
    assert running.get(PATH).body == OK


async def test_health_is_answered_under_overload(server: HttpServer) -> None:
    admission = server.platform.platform.gateway.admission
    overload(admission)
    check = request("GET", PATH)
    response = await server.send(request("GET", "/count", close=False) * 3 + check)
    assert statuses(response) == [503, 503, 503, 200]
    admission.clock = lambda: 0.0  # stop the clock: queued calls stay queued
    assert bodies(await server.send(check)) == [OK]


@pytest.mark.parametrize("method", ["drain", "shut_down"])
async def test_draining_server_is_unhealthy(server: HttpServer, method: str) -> None:
    getattr(server.manager, method)()
    response = await server.send(request("GET", PATH, close=False))
    assert statuses(response) == [503]
    assert b"retry-after: 1\r\n" in response
    assert b"connection: close\r\n" in response
    assert bodies(response) == [b'{"status":"draining"}']
