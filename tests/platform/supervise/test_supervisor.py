"""Workers that exit, block or grow are replaced; a restart loses no request."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from neurova_gateway.pipeline.health import PATH as HEALTH
from neurova_platform import http_client
from neurova_platform.assets import plugins_folder

from ...serving import NEUROVA, environment, until
from .conftest import Workers

pytestmark = pytest.mark.server

Start = Callable[..., Workers]
STUCK = "[runtime]\nstuck = 2\n"
BLOCKING_PLUGIN = """

_access = Plugin.access


def _block(self, kong):
    while kong.request.get_header("x-do") == "block":
        try:
            while True:
                pass
        except BaseException:
            continue
    return _access(self, kong)


Plugin.access = _block
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def change_reply(project: Path, expression: str) -> None:
    """Rewrite the `/pid` function with another return expression."""
    file = project / "functions" / "probe" / "pid.py"
    before, _, _ = file.read_text().partition("return ")
    file.write_text(f"{before}return {expression}\n")


def read_all(caller: socket.socket) -> bytes:
    with caller:
        received = b""
        while more := caller.recv(4096):
            received += more
        return received


def request(workers: Workers, path: str, fields: str = "") -> socket.socket:
    """Return a connection after sending one request."""
    caller = socket.create_connection(("127.0.0.1", workers.port))
    caller.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode())
    return caller


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("to_group", [False, True])
def test_stop_finishes_calls_in_flight(
    start: Start, number: signal.Signals, to_group: bool
) -> None:
    """Terminals and some service managers signal the whole process group."""
    workers = start("--workers", "2").ready()
    with workers.calls_in_flight("/wait/1500", 4) as calls:
        for pid in workers.pids if to_group else ():
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        assert workers.run.end(number) == (0, "")
        assert [call.result().status for call in calls] == [200] * 4
    assert not any(map(is_alive, workers.pids))


def connect_error(workers: Workers) -> str:
    try:
        socket.create_connection(("127.0.0.1", workers.port)).close()
    except ConnectionError as error:
        return type(error).__name__
    return ""


def test_connection_is_refused_while_calls_finish(start: Start, project: Path) -> None:
    """This holds even if a function's subprocess, which inherits descriptors, keeps running."""
    change_reply(project, 'str(os.system("sleep 600 & echo $! > child"))')
    workers = start("--workers", "2").ready()
    assert workers.ask("/pid").status == 200
    child = int((project / "child").read_text())
    with workers.calls_in_flight("/wait/5000", 4) as calls:
        workers.run.process.send_signal(signal.SIGTERM)
        until(lambda: connect_error(workers) == "ConnectionRefusedError")
        assert not any(call.done() for call in calls)
        assert [call.result().status for call in calls] == [200] * 4
    assert workers.run.process.wait(60) == 0
    os.kill(child, signal.SIGKILL)


def test_drain_delay_accepts_connections_while_health_drains(start: Start) -> None:
    workers = start("--workers", "2", toml="[runtime]\ndrain_delay = 600\n").ready()
    workers.run.process.send_signal(signal.SIGTERM)
    until(lambda: all(workers.ask(HEALTH).status == 503 for _ in range(20)))  # both workers
    assert {workers.ask("/pid").decoded() for _ in range(20)} <= set(map(str, workers.pids))
    workers.run.process.send_signal(signal.SIGINT)  # a second signal ends the delay
    assert workers.run.process.wait(60) == 0


def test_second_ctrl_c_does_not_wait(start: Start) -> None:
    workers = start().ready()
    with request(workers, "/wait/3600000") as caller:
        until(lambda: workers.waiting() == 1)
        workers.run.process.send_signal(signal.SIGINT)
        caller.settimeout(0.2)
        with pytest.raises(TimeoutError):
            caller.recv(1)
        assert workers.run.end(signal.SIGINT)[0] == 0


def test_killed_worker_is_replaced_and_its_queue_served(start: Start) -> None:
    workers = start().ready()
    os.kill(workers.pids[0], signal.SIGKILL)
    callers = [request(workers, "/pid", "Connection: close\r\n") for _ in range(20)]
    died = workers.worker("died")
    assert (died["pid"], died["reason"]) == (workers.pids[0], "was killed by SIGKILL")
    new = workers.worker("started")["pid"]
    for caller in callers:
        assert read_all(caller).endswith(str(new).encode())
    waits = [died["retry_in"]]
    for _ in range(4):
        os.kill(new, signal.SIGKILL)
        waits.append(workers.worker("died")["retry_in"])
        new = workers.worker("started")["pid"]
    assert waits == [0, 0, 0, 0.1, 0.2]  # a crash loop slows down
    code, stderr = workers.run.end()
    assert code == 0
    assert stderr.count("because it exits repeatedly") == 2
    assert f"worker 0 (pid {workers.pids[0]}) was killed by SIGKILL; replacing it" in stderr


def test_crashed_worker_is_reported_with_its_line(start: Start) -> None:
    workers = start().ready()
    with request(workers, "/die"):
        reason = workers.worker("died")["reason"]
    assert "SIGSEGV" in reason
    assert "die.py:10 (die)" in reason
    workers.worker("started")
    assert workers.ask("/pid").status == 200


@pytest.mark.parametrize("path", ["/hang", "/spin"])
def test_blocked_worker_is_named_and_replaced(start: Start, path: str) -> None:
    workers = start("--workers", "2", toml=STUCK).ready()
    with request(workers, path) as caller:
        stuck = workers.worker("stuck")
        assert f"functions/probe{path}.py:1" in stuck["reason"]
        assert caller.recv(1) == b""
    assert stuck["pid"] in workers.pids
    workers.worker("started")
    (other,) = set(workers.pids) - {stuck["pid"]}
    assert is_alive(other)
    code, stderr = workers.run.end()
    assert code == 0
    assert f"(pid {stuck['pid']}) has been blocked for 2 s in " in stderr
    assert stderr.count("replacing it") == 1
    (line,) = (workers.project / ".neurova/logs/neurova.jsonl").read_text().splitlines()
    assert "most recent call first" in json.loads(line)["fields"]["stacks"]


def test_blocking_plugin_costs_only_its_worker(start: Start, project: Path) -> None:
    shutil.copytree(plugins_folder(""), project / "plugins")
    file = project / "plugins" / "neurova_auth.py"
    file.write_text(file.read_text() + BLOCKING_PLUGIN)
    toml = f'[gateway]\nplugins = "plugins"\nphase_deadline = 0.2\n{STUCK}'
    workers = start(toml=toml).ready()
    with request(workers, "/pid", "X-Do: block\r\n"):
        assert "plugins/neurova_auth.py" in workers.worker("stuck")["reason"]
    workers.worker("started")
    assert workers.ask("/pid").status == 200


def test_stopped_worker_is_replaced(start: Start) -> None:
    workers = start(toml=STUCK).ready()
    os.kill(workers.pids[0], signal.SIGSTOP)
    assert "at an unknown line" in workers.worker("stuck")["reason"]
    workers.worker("started")
    assert workers.ask("/pid").status == 200


def test_continued_supervisor_replaces_no_worker(start: Start) -> None:
    workers = start("--workers", "2", toml=STUCK).ready()
    workers.run.process.send_signal(signal.SIGSTOP)
    assert all(workers.ask("/wait/300").status == 200 for _ in range(8))
    workers.run.process.send_signal(signal.SIGCONT)
    workers.run.process.send_signal(signal.SIGHUP)
    workers.run.event("restarted")
    assert not any(each.get("what") in ("stuck", "died") for each in workers.run.events)


def test_sighup_loads_new_code_and_settings(start: Start, project: Path) -> None:
    workers = start("--workers", "2").ready()
    change_reply(project, '"new"')
    (project / "neurova.toml").write_text('[gateway]\nmax_body = "1 kB"\n')
    workers.run.process.send_signal(signal.SIGHUP)
    pids = workers.run.event("restarted")["pids"]
    assert not set(pids) & set(workers.pids)
    assert {workers.ask("/pid").decoded() for _ in range(20)} == {"new"}
    workers.run.process.send_signal(signal.SIGTTIN)  # logs a hint only
    until(lambda: "set [runtime] workers" in workers.run.stderr())
    until(lambda: not any(map(is_alive, workers.pids)))
    assert workers.run.end()[0] == 0


@pytest.mark.parametrize(
    ("code", "toml", "reason"),
    [("(", "", "pid.py"), ('"new"', "[runtime]\nworkrs = 2\n", "did you mean runtime.workers?")],
    ids=["code", "settings"],
)
def test_failed_restart_keeps_the_previous_version(
    start: Start, project: Path, code: str, toml: str, reason: str
) -> None:
    workers = start("--workers", "2").ready()
    change_reply(project, code)
    (project / "neurova.toml").write_text(toml)
    workers.run.process.send_signal(signal.SIGHUP)
    assert reason in workers.run.event("refused")["reason"]
    assert {workers.ask("/pid").decoded() for _ in range(20)} <= set(map(str, workers.pids))
    change_reply(project, '"fixed"')
    (project / "neurova.toml").write_text("")
    workers.run.process.send_signal(signal.SIGHUP)
    workers.run.event("restarted")
    assert workers.ask("/pid").decoded() == "fixed"


def test_worker_over_its_memory_is_replaced(start: Start) -> None:
    limit = 300 << 20
    workers = start(toml=f"[runtime]\nmemory = {limit}\n").ready()
    old = workers.pids[0]
    with workers.calls_in_flight("/wait/2500", 1) as (call,):
        assert workers.ask(f"/grow/{limit >> 20}").status == 200
        assert workers.worker("over_memory")["pid"] == old
        new = workers.worker("started")["pid"]
        assert call.result().decoded() == str(old)
    assert workers.ask("/pid").decoded() == str(new)
    until(lambda: not is_alive(old))
    assert workers.run.end() == (0, "")


def test_worker_terminated_by_others_is_replaced_before_it_exits(start: Start) -> None:
    workers = start().ready()
    with workers.calls_in_flight("/wait/2500", 1) as (call,):
        os.kill(workers.pids[0], signal.SIGTERM)
        new = workers.worker("started")["pid"]
        assert not call.done()
        assert workers.ask("/pid").decoded() == str(new)
        assert call.result().decoded() == str(workers.pids[0])


def test_workers_stop_when_the_supervisor_dies(start: Start) -> None:
    workers = start("--workers", "2").ready()
    workers.run.process.kill()
    until(lambda: not any(map(is_alive, workers.pids)))
    again = start("--workers", "2", "--port", str(workers.port)).ready()
    assert again.ask("/pid").status == 200


def test_closed_terminal_stops_the_supervisor(project: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [NEUROVA, "run", "--json", "--port", "0"],
        cwd=project,
        env=environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as run:
        os.close(theirs)
        assert run.stdout is not None
        while json.loads(run.stdout.readline())["event"] != "ready":
            pass
        os.close(ours)
        assert run.wait(60) == 0


def test_closed_output_stops_nothing(project: Path) -> None:
    read, write = os.pipe()
    words = [NEUROVA, "run", "--json", "--port", "0"]
    with subprocess.Popen(words, cwd=project, env=environment(), stdout=write) as run:
        os.close(write)
        received = b""
        while b'"ready"' not in received:
            received += os.read(read, 4096)
        os.close(read)
        url = json.loads(received.splitlines()[-1])["url"]
        first = http_client.send(url, "GET", "/pid", {}, None).decoded()
        run.send_signal(signal.SIGHUP)
        until(lambda: http_client.send(url, "GET", "/pid", {}, None).decoded() != first)
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit another process")
def test_supervisor_without_file_handles_retries(start: Start) -> None:
    import resource

    workers = start("--workers", "2", toml="[admin]\nenabled = false\n").ready()
    pid = workers.run.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    open_now = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_now + 1, before[1]))
    workers.run.process.send_signal(signal.SIGHUP)
    assert "cannot be started" in workers.run.event("refused")["reason"]
    os.kill(workers.pids[0], signal.SIGKILL)
    assert "cannot be started" in workers.worker("failed")["reason"]
    assert is_alive(workers.pids[1])
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    workers.worker("started")
    workers.run.process.send_signal(signal.SIGHUP)
    workers.run.event("restarted")
    assert workers.ask("/pid").status == 200
    assert workers.run.end()[0] == 0


def test_changed_startup_settings_are_named_at_each_sighup(start: Start, project: Path) -> None:
    workers = start().ready()
    changed = "[runtime]\nworkers = 3\n[gateway]\nport = 9\n[admin]\nenabled = false\n"
    for toml in (changed, changed, ""):
        (project / "neurova.toml").write_text(toml)
        workers.run.process.send_signal(signal.SIGHUP)
        assert len(workers.run.event("restarted")["pids"]) == 1
    stderr = workers.run.end()[1]
    assert stderr.count("runtime.workers has changed") == 2
    assert stderr.count("admin.enabled has changed") == 2
    assert "gateway.port" not in stderr  # set by --port
