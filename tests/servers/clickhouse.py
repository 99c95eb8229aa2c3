"""ClickHouse's engine (chdb) behind its HTTP protocol, in a separate process.

No registry has a package of the server, so this implements the part of the protocol that
clickhouse-connect uses: statements, parameters, settings, inserts and formats.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

VARIABLE = "NEUROVA_TEST_CLICKHOUSE_URL"
_FORMAT = re.compile(r"\sFORMAT\s+(\w+)\s*$", re.I)
_INSERT = re.compile(rb"\s*INSERT\s.*?FORMAT\s+(\w+)\s*?\n", re.S | re.I)
# Protocol parameters; all others are query settings.
_PROTOCOL = {
    "query", "database", "default_format", "session_id", "query_id", "compress", "decompress",
    "client_protocol_version", "enable_http_compression", "wait_end_of_query", "role",
}  # fmt: skip


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[str]:
    """Return the URL of a server without databases."""
    from tests.servers.found import missing

    if VARIABLE in os.environ:
        yield os.environ[VARIABLE].rstrip("/")
        return
    if find_spec("chdb") is None:
        missing("ClickHouse", f"chdb is not installed (or set {VARIABLE})")
    with tempfile.TemporaryDirectory(prefix="neurova-clickhouse-") as folder:
        command = [sys.executable, __file__, folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "the engine did not start"
            yield f"clickhouse://default@127.0.0.1:{port}"
            process.kill()


class Handler(BaseHTTPRequestHandler):
    """Run one statement for each request."""

    protocol_version = "HTTP/1.1"
    session: Any = None
    lock = threading.Lock()  # the engine has one session
    folder = Path()

    def log_message(self, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._run(b"")

    def do_POST(self) -> None:
        self._run(self._decoded(self._body()))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _decoded(self, body: bytes) -> bytes:
        coding = self.headers.get("Content-Encoding", "")
        if coding == "gzip":
            import gzip

            return gzip.decompress(body)
        if coding == "zstd":
            import zstandard

            return zstandard.ZstdDecompressor().decompressobj().decompress(body)
        if coding == "lz4":
            import lz4.frame

            return bytes(lz4.frame.decompress(body))
        return body

    def _run(self, body: bytes) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if not query and not body:
            self._answer(200, b"Ok.\n")
            return
        try:
            with self.lock:
                found = self._execute(query, body)
            self._answer(200, found, query.get("default_format", ""))
        except Exception as error:
            code = re.search(r"Code: (\d+)", str(error))
            self.send_error_code = code[1] if code else "1000"
            self._answer(500, f"{error}\n".encode(), code=self.send_error_code)

    def _execute(self, query: dict[str, str], body: bytes) -> bytes:
        sql, data, kind = query.get("query", ""), b"", ""
        if found := _INSERT.match(sql.encode() + b"\n" if sql else body):
            data = body if sql else body[found.end() :]
            kind, sql = found[1].decode(), found[0].decode()
        sql = (sql or body.decode()).strip().removesuffix(";")
        format = query.get("default_format") or self.headers.get("X-ClickHouse-Format", "")
        if shown := _FORMAT.search(sql):
            format = shown[1]
            sql = sql[: shown.start()]
        if database := query.get("database"):
            self.session.query(f"USE `{database}`")
        for name, value in query.items():
            if name.startswith("param_"):
                self.session.query(f"SET {name} = {_literal(value)}")
        settings = ", ".join(
            f"{name} = {_literal(value)}"
            for name, value in query.items()
            if name not in _PROTOCOL and not name.startswith("param_")
        )
        suffix = f" SETTINGS {settings}" if settings and not sql.startswith("ALTER") else ""
        if kind:
            with tempfile.NamedTemporaryFile(dir=self.folder) as file:
                file.write(data)
                file.flush()
                source = f"{sql} FROM INFILE {_literal(file.name)}{suffix} FORMAT {kind}"
                return bytes(self.session.query(source).bytes() or b"")
        if "mutations_sync" in settings:
            self.session.query("SET mutations_sync = 2")
        result = self.session.query(sql + suffix, format or "TabSeparated")
        return bytes(result.bytes() or b"") if result is not None else b""

    def _answer(self, status: int, body: bytes, format: str = "", code: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Summary", "{}")
        self.send_header("X-ClickHouse-Timezone", "UTC")
        if format:
            self.send_header("X-ClickHouse-Format", format)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def main() -> None:
    """Serve the engine on a free port, print the port, and run until killed."""
    from chdb import session

    Handler.folder = Path(sys.argv[1])
    Handler.session = session.Session(str(Handler.folder / "data"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
