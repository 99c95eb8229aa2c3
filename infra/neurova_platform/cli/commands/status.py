"""`neurova status`."""

from __future__ import annotations

from typing import Any

import click

from ..output import json_option, print_document, print_pairs


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Show the state of the running platform.

    Reads workers, calls in total and in the last ten seconds, and all faults from the Admin API.
    """
    from ...admin.client import connect
    from ...settings.loading import load

    settings = load()
    client = connect(settings.state, settings.admin.token)
    found = {name: client.get(path) for name, path in _RESOURCES.items()}
    if as_json:
        print_document(found)
    else:
        print_pairs(list(_rows(found)))


_RESOURCES = {
    "platform": "/v1/platform",
    "health": "/v1/health",
    "workers": "/v1/workers?limit=500",
    "live": "/v1/live",
    "reloads": "/v1/reloads?limit=500",
}


def _rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    platform, live = found["platform"], found["live"]
    hours, seconds = divmod(int(platform["uptime"]), 3600)
    recent = live["last"][1]
    rows = [
        (
            "platform",
            f"{platform['name']} {platform['version']}, {platform['environment']} keys, "
            f"up {hours} h {seconds // 60} min",
        )
    ]
    for number, worker in enumerate(found["workers"]["items"]):
        rows.append(
            (
                "" if number else "workers",
                f"pid {worker['pid']} {worker['status']}, {worker['in_flight']} in flight, "
                f"{worker['connections']} connections, {worker['cpu_seconds']:.1f} s CPU, "
                f"{_mib(worker['resident_bytes'])}",
            )
        )
    classes = ", ".join(f"{count} {name}" for name, count in live["by_class"].items())
    rows.append(("calls", f"{live['calls']}" + (f": {classes}" if classes else "")))
    rows.append(
        (
            "last 10 s",
            f"{recent['rate']:.1f} calls/s, p50 {_ms(recent['latency']['p50'])}, "
            f"p99 {_ms(recent['latency']['p99'])}",
        )
    )
    rows += [("lost", f"{live['dropped']} access records")] if live["dropped"] else []
    for part in found["health"]["parts"]:
        if part["status"] != "up":
            fix = f": {part['fix']}" if part.get("fix") else ""
            rows.append((part["name"], f"{part['status']}: {part.get('message', '')}{fix}"))
    for fault in found["reloads"]["items"]:
        rows.append((fault["service"], f"reload failed: {fault['message']}"))
    return rows


def _mib(octets: int | None) -> str:
    return "" if octets is None else f"{octets >> 20} MiB"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"
