"""The control plane of Kubernetes: etcd, API server and controllers, built with Go.

There is no node, so no container runs: `run_pods` sets pod statuses in place of a kubelet.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import requests
from tests.servers.go_program import built

VARIABLE = "NEUROVA_TEST_KUBERNETES"  # the folder of the programs
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
TOKEN = "admintok"
TIMEOUT = 120.0  # seconds to start
MERGE = "application/merge-patch+json"


def find_programs() -> dict[str, str]:
    """Return the path of each program."""
    folder = os.environ.get(VARIABLE)
    return {name: f"{folder}/{name}" if folder else built(name) for name in PROGRAMS}


class KubernetesServer:
    """A control plane on loopback that keeps its state in a temporary folder."""

    def __init__(self) -> None:
        programs = find_programs()
        self._folder = Path(tempfile.mkdtemp(prefix="neurova-kubernetes-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        client, peer, api, health = _free_ports(4)
        self.url = f"https://127.0.0.1:{api}"
        self._session = requests.Session()
        self._session.trust_env = False  # do not use a proxy for loopback addresses
        self._session.verify = False
        self._session.headers["Authorization"] = f"Bearer {TOKEN}"
        (self._folder / "tokens.csv").write_text(f'{TOKEN},admin,u1,"system:masters"\n')
        key = self._folder / "sa.key"
        openssl = ["openssl", "genrsa", "-out", str(key), "2048"]
        subprocess.run(openssl, check=True, stderr=subprocess.DEVNULL)
        etcd = f"http://127.0.0.1:{client}"
        self._start(
            programs["etcd"],
            f"--data-dir={self._folder}/etcd",
            "--unsafe-no-fsync",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
        )
        self._start(
            programs["kube-apiserver"],
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={api}",
            f"--cert-dir={self._folder}/pki",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self._folder}/tokens.csv",
            "--endpoint-reconciler-type=none",
        )
        self._wait()
        from tests.deploy.api_server import write_kubeconfig

        self.kubeconfig = write_kubeconfig(self._folder / "kubeconfig", self.url, TOKEN)
        self._start(
            programs["kube-controller-manager"],
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={health}",
            f"--cert-dir={self._folder}/pki",
            f"--service-account-private-key-file={key}",
        )
        self._stopping = threading.Event()
        self._kubelet = threading.Thread(target=self._run_pods)
        self._kubelet.start()

    def send(self, method: str, path: str, body: Any = None, media_type: str = MERGE) -> Any:
        """Send a request; raise an error if the server refuses it."""
        kind = media_type if method == "PATCH" else "application/json"
        headers = {"Content-Type": kind}
        answer = self._session.request(method, self.url + path, json=body, headers=headers)
        answer.raise_for_status()
        return answer.json()

    def stop(self) -> None:
        """End all processes and delete the folder."""
        self._stopping.set()
        self._kubelet.join()
        for process in reversed(self._processes):
            process.terminate()
            process.wait()
        self._session.close()
        shutil.rmtree(self._folder)

    def _run_pods(self) -> None:
        """Mark pods as ready, or completed if they belong to a Job; skip "broken" images."""
        while not self._stopping.wait(0.2):
            for pod in self.send("GET", "/api/v1/pods")["items"]:
                image = pod["spec"]["containers"][0]["image"]
                is_new = pod["status"].get("phase") == "Pending"
                if not is_new or "broken" in image or "deletionTimestamp" in pod["metadata"]:
                    continue
                meta = pod["metadata"]
                path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
                is_job = pod["spec"]["restartPolicy"] == "Never"
                try:
                    self.send("PATCH", path, {"status": _status(is_job)})
                except requests.HTTPError:
                    continue  # the pod was deleted

    def _start(self, program: str, *arguments: str) -> None:
        log = (self._folder / f"{Path(program).name}.log").open("wb")
        with log:
            self._processes.append(
                subprocess.Popen(
                    [program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                if self._session.get(f"{self.url}/readyz").ok:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        raise TimeoutError((self._folder / "kube-apiserver.log").read_text()[-2000:])


def _status(is_job: bool) -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if is_job:
        return {"phase": "Succeeded"}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": now}
    return {"phase": "Running", "conditions": [ready]}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
