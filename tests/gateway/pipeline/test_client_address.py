"""X-Forwarded-For is trusted only for the part that trusted proxies wrote."""

from collections.abc import Callable

import pytest
from tests.gateway.pipeline.conftest import Run

from neurova.http.call import Call
from neurova_gateway.pipeline.client_address import client_address_reader

PROXIES = ("127.0.0.1", "10.0.0.0/8", "::ffff:172.16.0.0/108", "fe80::/10")
UNREADABLE = ["unknown", "_hidden", "", '""', "unix:", "10.0.0.1 x", "203.0.113.7:x", "1.2.3"]

RARE = """
    from neurova import get

    @get("/rare", public=True, limit="1/hour")
    async def rare() -> str:
        return "done"
"""


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.9", ["203.0.113.7"], "192.0.2.9"),
        ("", ["203.0.113.7"], ""),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.7:51234"], "203.0.113.7"),
        ("::ffff:127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("fe80::1%eth0", ["203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ['"[2001:db8::7]:443", 10.1.2.3:80'], "2001:db8::7"),
        ("127.0.0.1", ["1.1.1.1, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        ("127.0.0.1", ["1.1.1.1", "203.0.113.7", "10.1.2.3"], "203.0.113.7"),
        ("127.0.0.1", ["203.0.113.7,172.16.0.1,::ffff:10.1.2.3"], "203.0.113.7"),
        ("127.0.0.1", ["unknown, 203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
    ],
)
def test_client_is_the_last_untrusted_hop(peer: str, forwarded: list[str], client: str) -> None:
    fields = [(b"x-forwarded-for", hops.encode()) for hops in forwarded]
    call = Call("GET", b"/", b"", fields, peer)
    client_address_reader(PROXIES)(call)
    assert call.client == client


@pytest.mark.parametrize("hop", UNREADABLE)
@pytest.mark.parametrize("form", ["{}", "10.9.9.9,{}", "{},10.1.2.3", "10.9.9.9, {}, 10.1.2.3"])
def test_unreadable_hop_is_no_address(hop: str, form: str) -> None:
    """The client is not the proxy, and not an address that it wrote itself."""
    call = Call("GET", b"/", b"", [(b"x-forwarded-for", form.format(hop).encode())], "127.0.0.1")
    client_address_reader(PROXIES)(call)
    assert call.client == "unknown"


def test_unreadable_client_passes_no_cidr_and_has_one_limit(
    run_probe: Run, add_function: Callable[[str, str], None]
) -> None:
    add_function("rare", RARE)
    running = run_probe('trusted_proxies = ["127.0.0.1"]')
    bound = running.key("acme", ["probe:secret"], cidrs=["127.0.0.0/8", "::/0", "0.0.0.0/0"])

    def get(path: str, hop: str, key: str | None = None) -> int:
        return running.get(path, headers={"x-forwarded-for": hop}, key=key).status

    assert get("/secret", "203.0.113.7:51234", bound) == 200
    assert [get("/secret", hop, bound) for hop in UNREADABLE] == [403] * len(UNREADABLE)
    assert [get("/rare", hop) for hop in ("unknown", "_a", "_b")] == [200, 429, 429]
    assert running.get("/rare").status == 200  # the proxy itself
    assert running.records()[-2].client == "unknown"
