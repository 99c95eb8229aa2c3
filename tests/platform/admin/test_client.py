"""Who asks the Admin API finds address and token in the state folder, and is told what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.platform.serving.test_client import answering

from neurova.errors import Unavailable
from neurova.files.private import write_private_file
from neurova_platform.admin import token as admin_token
from neurova_platform.admin.address import FILE
from neurova_platform.admin.client import of


def test_where_nothing_runs_the_way_to_start_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="neurova dev"):
        of(tmp_path)


def test_it_sends_the_token_and_reads_the_answer(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n"
    with answering(head + b'{"a": 1}') as (base, received):
        write_private_file(tmp_path / FILE, base + "\n")
        assert of(tmp_path).get("/v1/live") == {"a": 1}
    token = admin_token.load(tmp_path)
    assert received[0].startswith(b"GET /v1/live HTTP/1.1\r\n")
    assert f"Authorization: Bearer {token}\r\n".encode() in received[0]


def test_a_refusal_is_told_as_it_came(tmp_path: Path) -> None:
    body = b'{"detail": "the key store does not answer"}'
    head = (
        f"HTTP/1.1 503 X\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}"
    )
    with answering(head.encode() + b"\r\n\r\n" + body) as (base, _):
        write_private_file(tmp_path / FILE, base)
        with pytest.raises(Unavailable, match="503: the key store does not answer"):
            of(tmp_path).get("/v1/keys")
