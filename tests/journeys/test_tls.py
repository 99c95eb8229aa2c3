"""The gateway over TLS: responses, refusals, long bodies and shutdown."""

from __future__ import annotations

import http.client
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..serving import Serving, serving

pytestmark = pytest.mark.server
PEMS = Path(__file__).with_name("tls")  # certificates for this test only
MUCH = (
    "from neurova import get\n\n\n"
    '@get("/much", public=True)\nasync def much() -> bytes:\n    return bytes(4 << 20)\n'
)


@pytest.fixture
def served(probe_project: Path) -> Iterator[tuple[Serving, str]]:
    for name in ("cert.pem", "key.pem"):
        shutil.copy(PEMS / name, probe_project)
    (probe_project / "neurova.toml").write_text(
        '[gateway]\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n'
    )
    (probe_project / "functions" / "probe" / "much.py").write_text(MUCH)
    with serving(probe_project, "run") as run:
        yield run, run.event("ready")["url"]


def test_calls_and_shutdown_over_tls(served: tuple[Serving, str]) -> None:
    run, url = served
    assert url.startswith("https://")
    address = urlsplit(url)
    trusted = ssl.create_default_context(cafile=PEMS / "cert.pem")
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port, context=trusted, timeout=30
    )
    for path, status in [("/count", 200), ("/wait/20", 200), ("/secret", 401), ("/count", 200)]:
        connection.request("GET", path)
        reply = connection.getresponse()
        reply.read()
        assert reply.status == status
    connection.request("GET", "/much")
    assert len(connection.getresponse().read()) == 4 << 20
    connection.close()
    assert run.end() == (0, "")
