"""AWS's Lambda runtime emulator, from the wheel of aws-sam-cli; it runs awslambdaric."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.servers.found import missing
from tests.servers.ports import free_ports
from tests.servers.process import listens, running

VARIABLE = "NEUROVA_TEST_RIE"  # the path of the program
NAME = "aws-lambda-rie"
PACKAGE = "aws-sam-cli==1.170.0"
TIMEOUT = 60.0  # seconds to start or answer
HANDLER = "neurova_platform.serving.aws_lambda.handler"


class LambdaError(Exception):
    """The function failed; `args` are the reported error type and message."""


class LambdaFunction:
    """A function in the emulator `pid` on `port`; both write to the file `log`."""

    def __init__(self, pid: int, port: int, log: Path) -> None:
        self._pid = pid
        self._port = port
        self.log = log

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Invoke the function with an event and return the response. Raises LambdaError."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            path = "/2015-03-31/functions/function/invocations"
            connection.request("POST", path, json.dumps(event))
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if isinstance(answer, dict) and "errorMessage" in answer:
            raise LambdaError(answer.get("errorType"), answer["errorMessage"])
        return answer

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the function's process, for example to suspend it as Lambda does."""
        for thread in Path(f"/proc/{self._pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                os.kill(int(child), number)

    def lines(self) -> list[dict[str, Any]]:
        """Return the JSON lines in the function's log."""
        written = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in written if line.startswith("{")]


@contextmanager
def running_function(
    project: Path, variables: Mapping[str, str], timeout: int = 30
) -> Iterator[LambdaFunction]:
    """Run a project as a Lambda function with this timeout in seconds."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NEUROVA_")}
    with tempfile.TemporaryDirectory(prefix="neurova-lambda-") as home:
        port, api = free_ports(2)
        environment = clean | {
            "AWS_LAMBDA_FUNCTION_NAME": "neurova",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
            "TMPDIR": home,
            **variables,
        }
        command = [
            binary(),
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{port}",
            "--runtime-api-address",
            f"127.0.0.1:{api}",
            *(sys.executable, "-m", "awslambdaric", HANDLER),
        ]
        # `running` starts the emulator in `home`, and the emulator starts the function there.
        for name in ("neurova.toml", "functions"):
            (Path(home) / name).symlink_to(project / name)
        is_ready = partial(listens, port)
        with running(NAME, command, home, is_ready, TIMEOUT, env=environment,
                     stdin=subprocess.DEVNULL) as pid:  # fmt: skip
            yield LambdaFunction(pid, port, Path(home) / "log")


def binary() -> str:
    """Return the path of the emulator; download it once, or skip the test."""
    found = os.environ.get(VARIABLE) or shutil.which(NAME)
    if found:
        return found
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = root / "neurova" / "servers" / PACKAGE.replace("==", "-") / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / "lock").open("w") as lock:  # one test process at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            _download(path)
    return str(path)


def _download(path: Path) -> None:
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PACKAGE]
        got = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=10 * TIMEOUT
        )
        wheels = list(Path(folder).glob("*.whl"))
        if got.returncode or not wheels:
            missing(NAME, f"pip could not get {PACKAGE}: {got.stderr[-200:]!r}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            member = f"samcli/local/rapid/aws-lambda-rie-{machine}"
            made = Path(wheel.extract(member, folder))
        made.chmod(0o755)
        made.rename(path)
