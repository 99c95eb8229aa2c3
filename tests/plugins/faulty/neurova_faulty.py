"""A faulty plugin: its config names the function to run in each phase."""

import os
import queue
import select
import socket
import subprocess
import sys
import threading
import time

version = "0.1.0"
priority = 1000

NV = {"consumer": "somebody", "key_id": "k", "scopes": "", "environment": "test"}
barrier = threading.Barrier(4)


def passes(kong):
    kong.ctx.shared.set("nv", NV)


def does_nothing(kong):
    kong.request.get_method()


def makes_no_call(kong):
    return None


def returns_junk(kong):
    return object()


def raises(kong):
    kong.request.get_method()
    raise ValueError("nrv_test_secret")


def returns_junk_after_stating(kong):
    passes(kong)
    return object()


def raises_after_stating(kong):
    passes(kong)
    raise ValueError


def raises_base(kong):
    kong.request.get_method()
    raise BaseException("nrv_test_secret")


def leaves_process(kong):
    kong.request.get_method()
    sys.exit(0)


def recurses(kong):
    recurses(kong)


def exits_with(*arguments):
    def fault(kong):
        passes(kong)
        kong.response.exit(*arguments)

    return fault


def states(nv):
    return lambda kong: kong.ctx.shared.set("nv", nv)


def throws(error):
    def fault(kong):
        raise error

    return fault


def waits(wait, *arguments):
    def fault(kong):
        wait(*arguments)

    return fault


sleeps_before_any_call = waits(time.sleep, 30)
selects = waits(select.select, [], [], [], 60)
waits_for_a_queue = waits(queue.SimpleQueue().get)
# `exec` replaces the shell, so that the killed process is the sleeping one.
waits_for_a_process = waits(subprocess.run, ["sh", "-c", "exec sleep 60"])
junk_status = exits_with("403")
status_out_of_range = exits_with(99)
junk_body = exits_with(403, object())
junk_in_body = exits_with(403, {"a": {object()}})
junk_headers = exits_with(403, "no", "junk")
header_splits = exits_with(403, "no", {"X-A": "b\r\nSet-Cookie: c=d"})
header_frames = exits_with(403, "no", {"Content-Length": "0"})
shares_junk = states({"consumer": object()})
states_text = states("yes")
states_true = states(True)
states_empty = states({})
states_half = states({"consumer": "somebody"})
states_numbers = states({**NV, "consumer": 1})
states_lists = states({**NV, "scopes": ["admin"]})
raises_at_once = throws(ValueError("nrv_test_secret"))
raises_group = throws(BaseExceptionGroup("x", [SystemExit(0), ValueError()]))
stops_iteration = throws(StopIteration())
has_no_memory = throws(MemoryError())
interrupts = throws(KeyboardInterrupt())
closes_generator = throws(GeneratorExit())


def circular_body(kong):
    circle = {}
    circle["circle"] = circle
    kong.response.exit(403, circle)


def sets_junk_header(kong):
    passes(kong)
    kong.response.set_headers({"X-A": object()})


def sets_splitting_header(kong):
    passes(kong)
    kong.service.request.set_headers({"X-A": "b\nc"})


def reads_junk_header(kong):
    kong.request.get_header(object())


def takes_back(kong):
    passes(kong)
    kong.ctx.shared.set("nv", None)


def exits(kong):
    passes(kong)
    return kong.response.exit(418, {"a": {}}, {"X-A": "b"})


def exits_plainly(kong):
    return kong.response.exit(204)


def swallows_exit(kong):
    passes(kong)
    try:
        kong.response.exit(418)
    except BaseException:
        kong = None


def exits_twice(kong):
    try:
        kong.response.exit(418)
    except BaseException:
        kong.response.exit(200, "open")


def raises_after_exit(kong):
    try:
        kong.response.exit(418)
    finally:
        raise ValueError


def catches_exception(kong):
    try:
        kong.response.exit(418)
    except Exception:
        passes(kong)


def states_after_exit(kong):
    try:
        kong.response.exit(418)
    except BaseException:
        passes(kong)


def sleeps(kong):
    kong.request.get_method()
    time.sleep(30)


def waits_for_a_peer(kong):
    passes(kong)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.recv(1)


def loops(kong):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        pass
    passes(kong)


def waits_for_a_lock(kong):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def reads_a_pipe(kong):
    reading, writing = os.pipe()
    try:
        os.read(reading, 1)
    finally:
        os.close(reading)
        os.close(writing)


def meets_others(kong):
    barrier.wait(10)
    passes(kong)


class Plugin:
    def __init__(self, config):
        self._access = globals()[config.get("access") or "passes"]
        self._log = globals()[config.get("log") or "does_nothing"]

    def access(self, kong):
        return self._access(kong)

    def log(self, kong):
        return self._log(kong)


if __name__ == "__main__" or "kong_pdk.server" in sys.modules:
    from neurova_gateway.plugins import kong_compat

    kong_compat.install()
    if __name__ == "__main__":
        kong_compat.serve("neurova-faulty", Plugin, version, priority, [])
