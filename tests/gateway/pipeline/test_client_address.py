"""X-Forwarded-For is trusted as far as trusted proxies wrote it."""

import pytest
from tests.gateway.pipeline.conftest import Run

from neurova_platform.testing.platform import TestPlatform


def client_of(running: TestPlatform, forwarded: str) -> str:
    running.get("/count", headers={"x-forwarded-for": forwarded})
    return running.records()[-1].client


def test_x_forwarded_for_is_ignored_by_default(run_probe: Run) -> None:
    assert client_of(run_probe(""), "203.0.113.7") == "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("junk", "127.0.0.1"),
        ("203.0.113.7, junk", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_client_is_the_last_untrusted_hop(run_probe: Run, forwarded: str, client: str) -> None:
    running = run_probe('trusted_proxies = ["127.0.0.1", "10.0.0.0/8"]')
    assert client_of(running, forwarded) == client
