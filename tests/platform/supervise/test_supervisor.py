"""Workers that die, hang or grow are replaced; code is taken up without a request lost."""

from __future__ import annotations

import asyncio
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from neurova_platform.assets import plugins_folder
from neurova_platform.serving import client
from neurova_platform.serving import memory as resident

from ...loading import load
from ...serving import NEUROVA, environment, until

pytestmark = pytest.mark.server

PATCH = """

_access = Plugin.access


def _swallow(self, kong):
    while kong.request.get_header("x-do") == "swallow":
        try:
            while True:
                pass
        except BaseException:
            continue
    return _access(self, kong)


Plugin.access = _swallow
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def rewrite(project: Path, said: str) -> None:
    file = project / "functions" / "probe" / "pid.py"
    file.write_text(file.read_text().replace("str(os.getpid())", said))


def test_all_workers_answer_and_all_end_with_the_supervisor(start) -> None:
    workers = start("--workers", "3").ready()
    assert len(set(workers.pids)) == 3
    answered: set[str] = set()
    until(lambda: len(answered.add(workers.ask("/pid").decoded()) or answered) == 3)
    assert answered == set(map(str, workers.pids))
    assert workers.run.end(signal.SIGTERM) == (0, "")
    assert not any(map(alive, workers.pids))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_answered_before_the_end(start, number: signal.Signals) -> None:
    workers = start("--workers", "2").ready()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(workers.ask, "/wait/1500") for _ in range(4)]
        until(lambda: workers.waiting() == 4)
        assert workers.run.end(number) == (0, "")
        assert [call.result().status for call in calls] == [200] * 4


def test_a_signal_to_every_process_of_the_group_is_one_end(start) -> None:
    """As who stops a service may send it; Ctrl-C does."""
    workers = start("--workers", "2").ready()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(workers.ask, "/wait/1500") for _ in range(4)]
        until(lambda: workers.waiting() == 4)
        for pid in workers.pids:
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        assert workers.run.end(signal.SIGTERM) == (0, "")
        assert [call.result().status for call in calls] == [200] * 4


def test_a_second_ctrl_c_does_not_wait(start) -> None:
    workers = start().ready()
    with socket.create_connection(("127.0.0.1", workers.port)) as caller:
        caller.sendall(b"GET /wait/3600000 HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: workers.waiting() == 1)
        workers.run.process.send_signal(signal.SIGINT)
        caller.settimeout(0.2)
        with pytest.raises(TimeoutError):
            caller.recv(1)
        assert workers.run.end(signal.SIGINT)[0] == 0


def test_a_worker_that_is_killed_is_replaced_and_its_queue_served(start) -> None:
    """Its socket is the supervisor's: who connects while nobody accepts there is answered later."""
    workers = start().ready()
    os.kill(workers.pids[0], signal.SIGKILL)
    clients = [socket.create_connection(("127.0.0.1", workers.port)) for _ in range(20)]
    for caller in clients:
        caller.sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    died = workers.worker("died")
    assert (died["pid"], died["why"]) == (workers.pids[0], "was ended by SIGKILL")
    new = workers.worker("started")["pid"]
    for caller in clients:
        assert read(caller).endswith(str(new).encode())
    code, told = workers.run.end()
    assert code == 0
    assert f"worker 0 (pid {workers.pids[0]}) was ended by SIGKILL: it is replaced" in told


def read(caller: socket.socket) -> bytes:
    with caller:
        found = b""
        while more := caller.recv(4096):
            found += more
        return found


def test_a_worker_that_crashes_says_where(start) -> None:
    workers = start().ready()
    with socket.create_connection(("127.0.0.1", workers.port)) as caller:
        caller.sendall(b"GET /die HTTP/1.1\r\nHost: a\r\n\r\n")
        why = workers.worker("died")["why"]
    assert "SIGSEGV" in why
    assert "die.py:10 (die)" in why
    workers.worker("started")
    assert workers.ask("/pid").status == 200


def test_workers_that_die_again_and_again_are_waited_for(start) -> None:
    workers = start().ready()
    waits = []
    for _ in range(5):
        os.kill(workers.pids[0], signal.SIGKILL)
        waits.append(workers.worker("died")["again"])
        workers.pids = [workers.worker("started")["pid"]]
    assert waits == [0, 0, 0, 0.1, 0.2]
    assert workers.ask("/pid").status == 200
    assert workers.run.end()[1].count("as it has died before") == 2


@pytest.mark.parametrize("path", ["/hang", "/spin"])
def test_a_worker_whose_loop_hangs_is_named_and_replaced(start, path: str) -> None:
    workers = start("--workers", "2", toml="[runtime]\nstuck = 2\n").ready()
    with socket.create_connection(("127.0.0.1", workers.port)) as caller:
        caller.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        stuck = workers.worker("stuck")
        assert f"functions/probe{path}.py:1" in stuck["why"]
        assert caller.recv(1) == b""
    assert stuck["pid"] in workers.pids
    workers.worker("started")
    (other,) = set(workers.pids) - {stuck["pid"]}
    assert alive(other)
    code, told = workers.run.end()
    assert code == 0
    assert f"(pid {stuck['pid']}) hangs for 2 s in " in told
    assert told.count("it is replaced") == 1
    (line,) = [
        json.loads(each)
        for each in (workers.project / ".neurova/logs/neurova.jsonl").read_text().splitlines()
    ]
    assert "most recent call first" in line["stacks"]


def test_a_plugin_that_swallows_every_cut_costs_its_worker_only(start, project: Path) -> None:
    shutil.copytree(plugins_folder(), project / "plugins")
    file = project / "plugins" / "neurova_auth.py"
    file.write_text(file.read_text() + PATCH)
    toml = '[gateway]\nplugins = "plugins"\nphase_deadline = 0.2\n[runtime]\nstuck = 2\n'
    workers = start(toml=toml).ready()
    with socket.create_connection(("127.0.0.1", workers.port)) as caller:
        caller.sendall(b"GET /pid HTTP/1.1\r\nHost: a\r\nX-Do: swallow\r\n\r\n")
        assert "plugins/neurova_auth.py" in workers.worker("stuck")["why"]
    workers.worker("started")
    assert workers.ask("/pid").status == 200


def test_a_worker_that_is_stopped_is_replaced(start) -> None:
    workers = start(toml="[runtime]\nstuck = 2\n").ready()
    os.kill(workers.pids[0], signal.SIGSTOP)
    assert "could not be seen" in workers.worker("stuck")["why"]
    workers.worker("started")
    assert workers.ask("/pid").status == 200


def test_a_supervisor_that_was_stopped_blames_nobody(start) -> None:
    workers = start("--workers", "2", toml="[runtime]\nstuck = 2\n").ready()
    workers.run.process.send_signal(signal.SIGSTOP)
    assert all(workers.ask("/wait/300").status == 200 for _ in range(8))
    workers.run.process.send_signal(signal.SIGCONT)
    workers.run.process.send_signal(signal.SIGHUP)
    workers.run.event("restarted")
    assert not any(each.get("what") in ("stuck", "died") for each in workers.run.seen)


def test_new_code_and_settings_are_taken_up_by_sighup(start, project: Path) -> None:
    workers = start("--workers", "2").ready()
    rewrite(project, '"new"')
    (project / "neurova.toml").write_text('[gateway]\nmax_body = "1 kB"\n')
    workers.run.process.send_signal(signal.SIGHUP)
    pids = workers.run.event("restarted")["pids"]
    assert not set(pids) & set(workers.pids)
    assert {workers.ask("/pid").decoded() for _ in range(20)} == {"new"}
    until(lambda: not any(map(alive, workers.pids)))
    assert workers.run.end() == (0, "")


@pytest.mark.parametrize("fault", ["code", "settings"])
def test_what_cannot_start_is_refused_and_the_old_serves_on(
    start, project: Path, fault: str
) -> None:
    workers = start("--workers", "2").ready()
    if fault == "code":
        rewrite(project, "(")
    else:
        (project / "neurova.toml").write_text("[runtime]\nworkrs = 2\n")
    workers.run.process.send_signal(signal.SIGHUP)
    why = workers.run.event("refused")["why"]
    assert ("pid.py" if fault == "code" else "did you mean runtime.workers?") in why
    assert {workers.ask("/pid").decoded() for _ in range(20)} <= set(map(str, workers.pids))
    rewrite(project, "(")
    (project / "neurova.toml").write_text("")
    file = project / "functions" / "probe" / "pid.py"
    file.write_text(file.read_text().replace("return (", 'return "mended"'))
    rewrite(project, '"mended"')
    workers.run.process.send_signal(signal.SIGHUP)
    workers.run.event("restarted")
    assert workers.ask("/pid").decoded() == "mended"


def test_a_connection_that_idles_over_a_restart_is_answered_once_more(start) -> None:
    """By the worker that has it, with `Connection: close`; it is not cut under its client."""
    workers = start("--workers", "2").ready()
    asked = b"GET /pid HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", workers.port)) as caller:
        caller.sendall(asked)
        first = caller.recv(4096)
        workers.run.process.send_signal(signal.SIGHUP)
        workers.run.event("restarted")
        caller.sendall(asked)
        second = read(caller)
    assert b"connection: close" not in first
    assert b"connection: close" in second
    assert first.rpartition(b"\n")[2] == second.rpartition(b"\n")[2]
    until(lambda: not any(map(alive, workers.pids)))


def test_at_the_end_of_the_drain_what_idles_is_closed(start) -> None:
    workers = start(toml="[runtime]\ndrain = 0.3\n").ready()
    with socket.create_connection(("127.0.0.1", workers.port)) as caller:
        workers.run.process.send_signal(signal.SIGHUP)
        assert caller.recv(1) == b""
    workers.worker("ended")


def test_a_worker_that_holds_too_much_is_replaced_as_in_a_restart(start) -> None:
    most = resident.of(os.getpid()) + (200 << 20)
    workers = start(toml=f"[runtime]\nmemory = {most}\n").ready()
    old = workers.pids[0]
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(workers.ask, "/wait/2500")
        until(lambda: workers.waiting() == 1)
        assert workers.ask(f"/grow/{most >> 20}").status == 200
        assert workers.worker("over")["pid"] == old
        new = workers.worker("started")["pid"]
        assert waits.result().decoded() == str(old)
    assert workers.ask("/pid").decoded() == str(new)
    until(lambda: not alive(old))
    assert workers.run.end() == (0, "")


def test_a_worker_that_somebody_else_ends_is_replaced_before_it_has_drained(start) -> None:
    workers = start().ready()
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(workers.ask, "/wait/2500")
        until(lambda: workers.waiting() == 1)
        os.kill(workers.pids[0], signal.SIGTERM)
        new = workers.worker("started")["pid"]
        assert not waits.done()
        assert workers.ask("/pid").decoded() == str(new)
        assert waits.result().decoded() == str(workers.pids[0])


def test_without_their_supervisor_workers_end_and_the_port_is_free(start) -> None:
    workers = start("--workers", "2").ready()
    workers.run.process.kill()
    until(lambda: not any(map(alive, workers.pids)))
    again = start("--workers", "2", "--port", str(workers.port)).ready()
    assert again.ask("/pid").status == 200


def test_the_number_of_workers_is_that_of_the_start(start) -> None:
    workers = start("--workers", "2").ready()
    workers.run.process.send_signal(signal.SIGTTIN)
    until(lambda: "set [runtime] workers" in workers.run.told())
    assert workers.ask("/pid").status == 200


def test_under_load_a_restart_costs_no_request(start: Callable[..., object]) -> None:
    # A machine that others keep busy may refuse calls for that.
    workers = start("--workers", "2", toml="[runtime]\ndelay = 60\n").ready()  # type: ignore[attr-defined]

    async def restarts() -> None:
        async with load(workers.port, "/pid") as counted:
            for _ in range(2):
                workers.run.process.send_signal(signal.SIGHUP)
                await asyncio.to_thread(workers.run.event, "restarted")
            while counted.total < 3_000:
                await asyncio.sleep(0.01)
        assert counted.failed == []
        assert counted.sent == counted.total
        assert counted.reopened == 0
        assert counted.closed > 0
        assert len(counted.answered) >= 4

    asyncio.run(restarts())


def test_a_terminal_that_is_closed_ends_all(project: Path) -> None:
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


def test_one_that_can_no_longer_say_what_happens_serves_on(project: Path) -> None:
    read, write = os.pipe()
    words = [NEUROVA, "run", "--json", "--port", "0"]
    with subprocess.Popen(words, cwd=project, env=environment(), stdout=write) as run:
        os.close(write)
        said = b""
        while b'"ready"' not in said:
            said += os.read(read, 4096)
        os.close(read)
        url = json.loads(said.splitlines()[-1])["url"]
        first = client.send(url, "GET", "/pid", {}, None).decoded()
        run.send_signal(signal.SIGHUP)
        until(lambda: client.send(url, "GET", "/pid", {}, None).decoded() != first)
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets another's limits be set")
def test_a_supervisor_without_file_handles_keeps_what_serves_and_tries_again(start) -> None:
    import resource as limits

    workers = start("--workers", "2", toml="[admin]\nenabled = false\n").ready()
    pid = workers.run.process.pid
    was = limits.prlimit(pid, limits.RLIMIT_NOFILE)
    open_now = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    limits.prlimit(pid, limits.RLIMIT_NOFILE, (open_now + 1, was[1]))
    workers.run.process.send_signal(signal.SIGHUP)
    assert "cannot be started" in workers.run.event("refused")["why"]
    os.kill(workers.pids[0], signal.SIGKILL)
    assert "cannot be started" in workers.worker("failed")["why"]
    assert alive(workers.pids[1])
    limits.prlimit(pid, limits.RLIMIT_NOFILE, was)
    workers.worker("started")
    workers.run.process.send_signal(signal.SIGHUP)
    workers.run.event("restarted")
    assert workers.ask("/pid").status == 200
    assert workers.run.end()[0] == 0


def test_settings_that_hold_from_the_start_are_named_when_they_change(start, project: Path) -> None:
    workers = start().ready()
    changed = "[runtime]\nworkers = 3\n[gateway]\nport = 9\n[admin]\nenabled = false\n"
    for now in (changed, changed, changed, ""):
        (project / "neurova.toml").write_text(now)
        workers.run.process.send_signal(signal.SIGHUP)
        assert len(workers.run.event("restarted")["pids"]) == 1
    told = workers.run.end()[1]
    assert told.count("runtime.workers has changed") == 3  # each time, until it is as it was
    assert told.count("admin.enabled has changed") == 3
    assert "gateway.port" not in told  # the command said that
