"""OpenBao, which is compatible with HashiCorp Vault's API; built with Go."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hvac
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.servers.go_program import built

VARIABLE = "NEUROVA_TEST_OPENBAO"  # the path of the program
TIMEOUT = 60.0  # seconds to start
CONFIGURATION = """
storage "file" {{ path = "{folder}/data" }}
listener "tcp" {{ address = "127.0.0.1:{port}" {tls} }}
api_addr = "{url}"
disable_mlock = true
log_level = "error"
"""


class OpenBao:
    """A server that keeps its data in a folder, with a KV engine (version 2) mounted at `secret`.

    `program` is the program's path, `token` the root token, and `ca` the certificate if `tls`.
    """

    def __init__(self, *, tls: bool = False) -> None:
        self.program = os.environ.get(VARIABLE) or built("bao")
        self._folder = Path(tempfile.mkdtemp(prefix="neurova-openbao-"))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.ca = str(self._folder / "cert.pem") if tls else ""
        self.token = ""
        self._unseal_key = ""
        self._process: subprocess.Popen[bytes] | None = None
        tls_options = "tls_disable = true"
        if tls:
            write_certificate(self._folder)
            tls_options = (
                f'\ntls_cert_file = "{self.ca}"\ntls_key_file = "{self._folder}/key.pem"\n'
            )
        (self._folder / "bao.hcl").write_text(
            CONFIGURATION.format(folder=self._folder, port=port, tls=tls_options, url=self.url)
        )

    def client(self, token: str | None = None) -> hvac.Client:
        """Return a client, by default with the root token."""
        return hvac.Client(self.url, self.token if token is None else token, verify=self.ca or True)

    def start(self) -> None:
        """Start and unseal the server; initialise it the first time."""
        with (self._folder / "output").open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, "server", f"-config={self._folder}/bao.hcl"],
                env={"PATH": os.environ["PATH"], "HOME": str(self._folder)},
                stdout=log,
                stderr=log,
            )
        client, end = self.client(), time.monotonic() + TIMEOUT
        while not _answers(client):
            assert self._process.poll() is None, (self._folder / "output").read_text()
            assert time.monotonic() < end, "OpenBao did not start"
            time.sleep(0.05)
        if self._unseal_key:
            self.unseal()
            return
        made = client.sys.initialize(secret_shares=1, secret_threshold=1)
        self.token, self._unseal_key = made["root_token"], made["keys"][0]
        self.unseal()
        self.client().sys.enable_secrets_engine("kv", "secret", options={"version": "2"})
        while not _has_engine(self.client()):  # the server upgrades the engine in the background
            assert time.monotonic() < end, "the KV engine did not start"
            time.sleep(0.02)

    def seal(self) -> None:
        """Seal the server: it responds, but refuses access to data until it is unsealed."""
        self.client().sys.seal()

    def unseal(self) -> None:
        """Unseal the server and wait until it is active."""
        client, end = self.client(), time.monotonic() + TIMEOUT
        client.sys.submit_unseal_key(self._unseal_key)
        while client.sys.read_health_status(method="GET", active_code=299).status_code != 299:
            assert time.monotonic() < end, "OpenBao did not become active"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill the server; it keeps its data, and is sealed after its next start."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def clear(self) -> None:
        """Stop the server and delete its data."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _answers(client: hvac.Client) -> bool:
    try:
        return isinstance(client.sys.is_initialized(), bool)
    except (requests.RequestException, hvac.exceptions.VaultError):
        return False


def _has_engine(client: hvac.Client) -> bool:
    try:
        client.secrets.kv.v2.create_or_update_secret("started", {"a": "b"}, mount_point="secret")
        client.secrets.kv.v2.delete_metadata_and_all_versions("started", mount_point="secret")
    except hvac.exceptions.InvalidRequest:
        return False
    return True


def write_certificate(folder: Path) -> None:
    """Write a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "OpenBao of a test")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(alternative, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.fixture(scope="session")
def openbao() -> Iterator[OpenBao]:
    """Return the session's server; do not stop or seal it."""
    yield from _running(OpenBao())


@pytest.fixture
def own_openbao() -> Iterator[OpenBao]:
    """Return a server for one test only, which may stop and seal it."""
    yield from _running(OpenBao())


def _running(server: OpenBao) -> Iterator[OpenBao]:
    try:
        server.start()
        yield server
    finally:
        server.clear()
