"""Every body is accepted, or refused with the name of its fault, at bounded cost."""

from __future__ import annotations

import http.client
import re
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from neurova_platform.testing.platform import TestPlatform

from ..conftest import copy_probe
from ..serving import port_of, serving

DEPTH = 100_000
MB = 1 << 20
GROWTH = 30 * MB
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

MALFORMED = {
    "arrays": b"[" * DEPTH,
    "arrays_closed": b"[" * DEPTH + b"]" * DEPTH,
    "objects": b'{"text":' * DEPTH,
    "objects_closed": b'{"text":' * DEPTH + b"1" + b"}" * DEPTH,
    "both": b'[{"text":' * DEPTH,
    "in_a_known_field": b'{"text":%b%b}' % (b"[" * DEPTH, b"]" * DEPTH),
    "in_another_field": b'{"text":"x","times":%b' % (b'{"a":' * DEPTH),
    "in_an_unknown_field": b'{"text":"x","else":%b%b}' % (b"[" * DEPTH, b"]" * DEPTH),
    "behind_a_fault": b'{"text":1,"else":%b%b}' % (b"[" * DEPTH, b"]" * DEPTH),
    "byte": b'{"text":"\xff"}',
    "latin": b'{"text":"\xe9"}',
    "cut_letter": b'{"text":"\xe2\x82"}',
    "overlong": b'{"text":"\xc0\xaf"}',
    "beyond_unicode": b'{"text":"\xf4\x90\x80\x80"}',
    "byte_in_a_name": b'{"\xff":1,"text":"x"}',
    "byte_in_unknown_field": b'{"text":"x","else":{"a":["\xff"]}}',
    "utf16": '{"text":"x"}'.encode("utf-16"),
    "byte_order_mark": b'\xef\xbb\xbf{"text":"x"}',
    "surrogate_in_utf8": b'{"text":"\xed\xa0\x80"}',
    "surrogate": b'{"text":"\\ud800"}',
    "low_surrogate": b'{"text":"\\udc00"}',
    "surrogates_turned": b'{"text":"\\udc00\\ud800"}',
    "surrogate_and_letter": b'{"text":"\\ud800a"}',
    "surrogate_in_a_name": b'{"\\ud800":1,"text":"x"}',
    "surrogate_in_unknown_field": b'{"text":"x","else":"\\ud800"}',
    "nan": b'{"text":"x","times":NaN}',
    "nan_in_unknown_field": b'{"text":"x","else":NaN}',
    "infinity": b'{"text":"x","times":-Infinity}',
    "zeros_before": b'{"text":"x","times":0%b1}' % (b"0" * 1000),
    "hexadecimal": b'{"text":"x","times":0x1}',
    "plus": b'{"text":"x","times":+1}',
    "nul": b'{"text":"\x00"}',
    "line_in_text": b'{"text":"a\nb"}',
    "trailing_comma": b'{"text":"x",}',
    "comment": b'/**/{"text":"x"}',
    "single_quotes": b"{'text':'x'}",
    "two": b'{"text":"x"}{"text":"y"}',
    "cut": b'{"text":"x"',
    "spaces": b" " * (MB - 1),
    "zeros": b"\x00" * (MB - 1),
    "none": b"",
}
INVALID = {
    "huge": b'{"text":"x","times":1e400}',
    "huge_exponent": b'{"text":"x","times":1e99999999999}',
    "many_digits": b'{"text":"x","times":%b}' % (b"9" * DEPTH),
    "many_digits_for_text": b'{"text":%b}' % (b"9" * DEPTH),
    "fraction": b'{"text":"x","times":1.5}',
    "true": b'{"text":"x","times":true}',
    "fault_then_valid": b'{"text":1,"text":"x"}',
    "null": b"null",
    "text": b'"x"',
    "array": b'["x"]',
    "brackets_in_text_beside_a_fault": b'{"text":1,"else":"%b"}' % (b"[" * DEPTH),
    "many_names": b'{"text":1,%b}' % b",".join(b'"k%d":1' % number for number in range(50_000)),
    "many_values": b'{"text":[%b1]}' % (b"1," * 400_000),
}
VALID = {
    "brackets_in_text": b'{"text":"%b"}' % (b"[" * DEPTH),
    "quoted_brackets": b'{"text":"%b"}' % (b'[\\"' * DEPTH),
    "the_last_of_two": b'{"text":"a","text":"b"}',
    "pair_of_surrogates": b'{"text":"\\ud83d\\ude00"}',
}
ALL = {
    **{name: (body, 400) for name, body in MALFORMED.items()},
    **{name: (body, 422) for name, body in INVALID.items()},
    **{name: (body, 200) for name, body in VALID.items()},
}


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestPlatform]:
    folder = tmp_path_factory.mktemp("bodies")
    project = copy_probe(folder / "project")
    with TestPlatform(project, folder / "state") as running:
        yield running


@pytest.mark.parametrize("name", ALL)
def test_body_is_accepted_or_its_fault_named(probe: TestPlatform, name: str) -> None:
    """A refusal is short and contains JSON pointers; the next call succeeds."""
    body, status = ALL[name]
    counted = probe.get("/count").json()["count"]
    headers = {"content-type": "application/json"}
    answer = probe.post("/echo", body=body, headers=headers, scopes=["probe:write"])
    assert answer.status == status, answer.text[:300]
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"]
        assert all("pointer" in fault for fault in answer.json()["errors"])
        assert len(answer.body) < 32_768
    assert probe.get("/count").json()["count"] == counted + (status == 200)


class Served(NamedTuple):
    """The probe in a server process."""

    pid: int
    port: int
    key: str

    def peak(self) -> int:
        """Return the peak memory in bytes since the last `reset_peak`."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def reset_peak(self) -> None:
        """Reset the peak to the current memory usage."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def post(self, body: bytes, **more: str) -> int:
        """Post to /echo, and return the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"X-API-Key": self.key, "Content-Type": "application/json", **more}
        try:
            connection.request("POST", "/echo", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def pour(self, size: int, *lines: str, chunked: bool, deaf: bool) -> tuple[int, bytes]:
        """Send a body; return the number of bytes sent and the response.

        A `deaf` client ignores the response and continues to send.
        """
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        fields = [f"X-API-Key: {self.key}", "Content-Type: application/json", framing, *lines]
        head = "\r\n".join(["POST /echo HTTP/1.1", "Host: probe", *fields, "", ""])
        piece = b"[" * 65_536
        encoded = b"10000\r\n%b\r\n" % piece if chunked else piece
        sent, answer = 0, b""
        with socket.create_connection(("127.0.0.1", self.port), 60) as client:
            client.sendall(head.encode())
            with suppress(ConnectionError):
                while sent < size and (deaf or answer in (b"", CONTINUE)):
                    client.sendall(encoded)
                    sent += len(piece)
                    if not deaf and select.select([client], [], [], 0)[0]:
                        answer += client.recv(65_536)
            with suppress(ConnectionError):
                while data := client.recv(65_536):
                    answer += data
        return sent, answer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory is read from /proc")
    with serving(copy_probe(tmp_path_factory.mktemp("served") / "project"), "dev") as running:
        ready = running.event("ready")
        key = Path(ready["key_file"]).read_text().strip()
        yield Served(running.process.pid, port_of(ready), key)


@pytest.mark.server
def test_memory_stays_flat_for_any_bodies(served: Served) -> None:
    """Sending all bodies ten times raises the memory peak by less than 30 MB."""
    for body, status in ALL.values():
        assert served.post(body) == status
    served.reset_peak()
    before = served.peak()
    for _ in range(10):
        for body, status in ALL.values():
            assert served.post(body) == status
    assert served.peak() - before < GROWTH
    assert served.post(b'{"text":"fine"}') == 200


@pytest.mark.server
@pytest.mark.parametrize("deaf", [False, True], ids=["", "deaf"])
@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)], ids=["", "expect"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_100_mb_are_refused_unread(
    served: Served, chunked: bool, expect: tuple[str, ...], deaf: bool
) -> None:
    """A deaf client keeps sending after the response, so it may be disconnected and lose it."""
    assert served.post(b'{"text":"fine"}') == 200
    served.reset_peak()
    before = served.peak()
    for _ in range(10):
        sent, answer = served.pour(100 * MB, *expect, chunked=chunked, deaf=deaf)
        found = re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)
        if deaf:
            assert found in ([b"413"], [b"100", b"413"], [b"100"], [])
        else:
            assert found in ([b"413"], [b"100", b"413"])
            assert sent < 20 * MB
    assert served.peak() - before < GROWTH
    assert served.post(b'{"text":"fine"}') == 200


@pytest.mark.server
def test_unfinished_bodies_cost_only_what_was_sent(served: Served) -> None:
    served.reset_peak()
    before = served.peak()
    clients = []
    for _ in range(40):
        client = socket.create_connection(("127.0.0.1", served.port), 60)
        head = f"POST /echo HTTP/1.1\r\nHost: probe\r\nX-API-Key: {served.key}\r\n"
        client.sendall(f"{head}Content-Length: 500000\r\n\r\n".encode() + b"[" * 400_000)
        clients.append(client)
    assert served.post(b'{"text":"fine"}') == 200
    for client in clients:
        client.close()
    assert served.peak() - before < 40 * 400_000 + GROWTH
