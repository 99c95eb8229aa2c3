"""X-Forwarded-For is trusted as far as trusted proxies wrote it."""

import pytest
from tests.gateway.pipeline.conftest import Run

TRUSTED = 'trusted_proxies = ["127.0.0.1", "10.0.0.0/8"]'


@pytest.mark.parametrize(
    ("settings", "forwarded", "client"),
    [
        ("", "203.0.113.7", "127.0.0.1"),
        (TRUSTED, "203.0.113.7", "203.0.113.7"),
        (TRUSTED, "203.0.113.7, 10.1.2.3", "203.0.113.7"),
        (TRUSTED, "1.1.1.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        (TRUSTED, "junk", "127.0.0.1"),
        (TRUSTED, "203.0.113.7, junk", "127.0.0.1"),
        (TRUSTED, "", "127.0.0.1"),
    ],
)
def test_client_is_the_last_untrusted_hop(
    run_probe: Run, settings: str, forwarded: str, client: str
) -> None:
    running = run_probe(settings)
    running.get("/count", headers={"x-forwarded-for": forwarded})
    assert running.records()[-1].client == client
