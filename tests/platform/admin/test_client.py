"""The client finds URL and token in the state folder, and reports refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.platform.test_http_client import answering

from neurova.errors import Unavailable
from neurova.files.private import write_private_file
from neurova_platform.admin.access import ADDRESS_FILE, load_token
from neurova_platform.admin.client import connect


def test_get_sends_the_token_and_decodes_the_response(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n"
    with answering(head + b'{"a": 1}') as (url, received):
        write_private_file(tmp_path / ADDRESS_FILE, url + "\n")
        assert connect(tmp_path).get("/v1/live") == {"a": 1}
    assert received[0].startswith(b"GET /v1/live HTTP/1.1\r\n")
    assert f"Authorization: Bearer {load_token(tmp_path)}\r\n".encode() in received[0]


def test_refusal_is_reported_with_status_and_detail(tmp_path: Path) -> None:
    body = b'{"detail": "the key store does not respond"}'
    head = (
        f"HTTP/1.1 503 X\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}"
    )
    with answering(head.encode() + b"\r\n\r\n" + body) as (url, _):
        write_private_file(tmp_path / ADDRESS_FILE, url)
        with pytest.raises(Unavailable, match="503: the key store does not respond"):
            connect(tmp_path).get("/v1/keys")
