"""A faulty plugin: its config names the function that each phase runs."""

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


def raises_at_once(kong):
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


def raises_group(kong):
    raise BaseExceptionGroup("x", [SystemExit(0), ValueError()])


def stops_iteration(kong):
    raise StopIteration


def has_no_memory(kong):
    raise MemoryError


def leaves_process(kong):
    kong.request.get_method()
    sys.exit(0)


def interrupts(kong):
    raise KeyboardInterrupt


def closes_generator(kong):
    raise GeneratorExit


def recurses(kong):
    recurses(kong)


def junk_status(kong):
    passes(kong)
    kong.response.exit("403")


def status_out_of_range(kong):
    passes(kong)
    kong.response.exit(99)


def junk_body(kong):
    passes(kong)
    kong.response.exit(403, object())


def junk_in_body(kong):
    passes(kong)
    kong.response.exit(403, {"a": {object()}})


def circular_body(kong):
    circle = {}
    circle["circle"] = circle
    kong.response.exit(403, circle)


def junk_headers(kong):
    passes(kong)
    kong.response.exit(403, "no", "junk")


def header_splits(kong):
    passes(kong)
    kong.response.exit(403, "no", {"X-A": "b\r\nSet-Cookie: c=d"})


def header_frames(kong):
    passes(kong)
    kong.response.exit(403, "no", {"Content-Length": "0"})


def sets_junk_header(kong):
    passes(kong)
    kong.response.set_headers({"X-A": object()})


def sets_splitting_header(kong):
    passes(kong)
    kong.service.request.set_headers({"X-A": "b\nc"})


def reads_junk_header(kong):
    kong.request.get_header(object())


def shares_junk(kong):
    kong.ctx.shared.set("nv", {"consumer": object()})


def states_text(kong):
    kong.ctx.shared.set("nv", "yes")


def states_true(kong):
    kong.ctx.shared.set("nv", True)


def states_empty(kong):
    kong.ctx.shared.set("nv", {})


def states_half(kong):
    kong.ctx.shared.set("nv", {"consumer": "somebody"})


def states_numbers(kong):
    kong.ctx.shared.set("nv", {**NV, "consumer": 1})


def states_lists(kong):
    kong.ctx.shared.set("nv", {**NV, "scopes": ["admin"]})


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


def sleeps_before_any_call(kong):
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


def selects(kong):
    select.select([], [], [], 60)


def waits_for_a_lock(kong):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def waits_for_a_queue(kong):
    queue.SimpleQueue().get()


def waits_for_a_process(kong):
    # `exec`: the process that is killed is the one that sleeps.
    subprocess.run(["sh", "-c", "exec sleep 60"])


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
