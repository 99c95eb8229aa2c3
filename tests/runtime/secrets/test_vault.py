"""How a process logs in to Vault, and the errors if the login or a request fails."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from tests.servers.openbao import OpenBao, write_certificate

from neurova.errors import NeurovaError, Unavailable
from neurova.secrets.base import SecretsRefused
from neurova.secrets.vault import VaultSecretStore
from neurova.settings.secrets import Secrets

pytestmark = pytest.mark.server
POLICY = 'path "secret/data/*" { capabilities = ["read"] }'
JWT = ".".join(
    urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
    for part in (
        {"alg": "RS256"},
        {
            "iss": "x",
            "sub": "system:serviceaccount:shop:neurova",
            "kubernetes.io/serviceaccount/namespace": "shop",
            "kubernetes.io/serviceaccount/service-account.name": "neurova",
            "kubernetes.io/serviceaccount/service-account.uid": "1",
        },
    )
)


def token(server: OpenBao, *policies: str) -> str:
    made = server.client().auth.token.create(policies=list(policies), ttl="1h")
    found: str = made["auth"]["client_token"]
    return found


def revoked_token(server: OpenBao) -> str:
    """Return a revoked token, which Vault treats like an expired one."""
    made = token(server, "default")
    server.client().auth.token.revoke(made)
    return made


def with_approle(server: OpenBao) -> Secrets:
    """Return settings that log in with a role that can read secrets."""
    client, mount = server.client(), f"approle-{uuid4().hex}"
    client.sys.create_or_update_policy("reader", POLICY)
    client.sys.enable_auth_method("approle", path=mount)
    client.auth.approle.create_or_update_approle(
        "app", token_policies=["reader"], mount_point=mount
    )
    role = client.auth.approle.read_role_id("app", mount_point=mount)["data"]["role_id"]
    secret_id = client.auth.approle.generate_secret_id("app", mount_point=mount)["data"][
        "secret_id"
    ]
    return Secrets(url=server.url, auth="approle", auth_mount=mount, role=role, secret_id=secret_id)


@contextmanager
def kubernetes_api(user: str) -> Iterator[str]:
    """Serve the Kubernetes API that reviews tokens; the token "good" belongs to `user`."""

    class Review(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status: dict[str, Any] = {"authenticated": sent["spec"]["token"].endswith(".good")}
            if status["authenticated"]:
                status["user"] = {"username": user, "uid": "1", "groups": []}
            answer = json.dumps({**sent, "status": status}).encode()
            self.send_response(201)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Review)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def failure(settings: Secrets) -> NeurovaError:
    """Return the error of a failed read, after checking that it contains no credential."""
    store = VaultSecretStore(settings)
    with pytest.raises(NeurovaError) as caught:
        store.read("stripe")
    store.close()
    for credential in (settings.token, settings.secret_id):
        assert not credential or credential not in str(caught.value)
    assert caught.value.where
    assert caught.value.fix
    return caught.value


def test_approle_logs_in_again_when_its_token_has_ended(openbao: OpenBao) -> None:
    openbao.client().secrets.kv.v2.create_or_update_secret("again", {"a": "b"})
    settings = with_approle(openbao)
    store = VaultSecretStore(settings)
    assert store.read("again").fields == {"a": "b"}
    openbao.client().sys.revoke_prefix(f"auth/{settings.auth_mount}")
    assert store.read("again").fields == {"a": "b"}
    store.close()


def test_kubernetes_logs_in_with_the_service_account(openbao: OpenBao, tmp_path: Path) -> None:
    openbao.client().secrets.kv.v2.create_or_update_secret("pod", {"a": "b"})
    client, mount = openbao.client(), f"kubernetes-{uuid4().hex}"
    client.sys.create_or_update_policy("reader", POLICY)
    client.sys.enable_auth_method("kubernetes", path=mount)
    jwt = tmp_path / "jwt"
    settings = Secrets(
        url=openbao.url, auth="kubernetes", auth_mount=mount, role="app", jwt_file=str(jwt)
    )
    assert "cannot be read" in failure(settings).what
    with kubernetes_api("system:serviceaccount:shop:neurova") as host:
        write_certificate(tmp_path)  # Vault requires a CA, but this API has no TLS
        client.auth.kubernetes.configure(
            host,
            kubernetes_ca_cert=(tmp_path / "cert.pem").read_text(),
            disable_local_ca_jwt=True,
            mount_point=mount,
        )
        client.auth.kubernetes.create_role(
            "app",
            bound_service_account_names=["neurova"],
            bound_service_account_namespaces=["shop"],
            policies=["reader"],
            mount_point=mount,
        )
        jwt.write_text(f"{JWT}.bad")
        assert f"auth/{mount} is refused" in failure(settings).what
        jwt.write_text(f"{JWT}.good")
        store = VaultSecretStore(settings)
        assert store.read("pod").fields == {"a": "b"}
        store.close()


def test_secrets_of_a_namespace_are_its_own(openbao: OpenBao) -> None:
    openbao.client().adapter.post("/v1/sys/namespaces/shop", json={})
    inside = openbao.client()
    inside.adapter.namespace = "shop"
    inside.sys.enable_secrets_engine("kv", "own", options={"version": "2"})
    settings = Secrets(url=openbao.url, token=openbao.token, mount="own", namespace="shop")
    store = VaultSecretStore(settings)
    store.write("stripe", {"token": "a"})
    assert store.names() == ["stripe"]
    store.close()
    assert "no key-value engine" in failure(msgspec.structs.replace(settings, namespace="")).what


def test_tls_is_verified(tmp_path: Path) -> None:
    server = OpenBao(tls=True)
    try:
        server.start()
        settings = Secrets(url=server.url, token=server.token, ca=server.ca)
        store = VaultSecretStore(settings)
        assert store.names() == []
        store.close()
        error = failure(msgspec.structs.replace(settings, ca=""))
        assert isinstance(error, SecretsRefused)
        assert "certificate" in error.what
        assert "secrets.ca" in error.fix
        plain = server.url.replace("https://", "http://")
        assert "https://" in failure(msgspec.structs.replace(settings, url=plain)).fix
    finally:
        server.clear()


def _version_1(server: OpenBao) -> Secrets:
    server.client().sys.enable_secrets_engine("kv", "one", options={"version": "1"})
    return Secrets(url=server.url, token=server.token, mount="one")


REFUSED: dict[str, tuple[Callable[[OpenBao], Secrets], str, str]] = {
    "expired token": (
        lambda server: Secrets(url=server.url, token=revoked_token(server)),
        "its token has expired",
        "secrets.token",
    ),
    "missing policy": (
        lambda server: Secrets(url=server.url, token=token(server, "default")),
        "no policy of its token allows it to read secret/data/stripe",
        "policy",
    ),
    "wrong secret id": (
        lambda server: msgspec.structs.replace(with_approle(server), secret_id="wrong"),
        "is refused: invalid",
        "secrets.secret_id",
    ),
    "wrong mount": (
        lambda server: Secrets(url=server.url, token=server.token, mount="elsewhere"),
        "no key-value engine of version 2 at elsewhere/",
        "vault secrets enable -path=elsewhere -version=2 kv",
    ),
    "TLS where there is none": (
        lambda server: Secrets(url=server.url.replace("http:", "https:"), token=server.token),
        "TLS",
        "http://",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_names_cause_and_fix(openbao: OpenBao, case: str) -> None:
    make, what, fix = REFUSED[case]
    error = failure(make(openbao))
    assert isinstance(error, SecretsRefused)
    assert what in error.what
    assert fix in error.fix


def test_version_1_of_the_engine_is_refused(openbao: OpenBao) -> None:
    store = VaultSecretStore(_version_1(openbao))
    with pytest.raises(SecretsRefused, match="version 2"):
        store.write("stripe", {"token": "a"})
    store.close()


def test_sealed_or_stopped_vault_is_unavailable(own_openbao: OpenBao) -> None:
    settings = Secrets(url=own_openbao.url, token=own_openbao.token)
    own_openbao.seal()
    sealed = failure(settings)
    own_openbao.kill()
    stopped = failure(settings)
    assert isinstance(sealed, Unavailable)
    assert "sealed" in sealed.what
    assert isinstance(stopped, Unavailable)
    assert "does not respond" in stopped.what
    own_openbao.start()
    store = VaultSecretStore(settings)
    assert store.names() == []
    store.close()
