"""`neurova dev`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..output import has_colour, json_option, print_line

if TYPE_CHECKING:
    from neurova.subscriptions.records import EventRecord
    from neurova_gateway.pipeline.call_records import CallRecord

    from ...composition.platform import Platform


@click.command()
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0: a free one.")
@json_option
def dev(host: str | None, port: int | None, as_json: bool) -> None:
    """Serve the project with reload and a test key, and show each call.

    Each start creates a new key in the state folder. With --json each event is one line. Ctrl-C
    lets calls in flight finish.
    """
    from neurova.files.locks import process_lock
    from neurova.files.private import read_private_file

    from ...composition.state import ADDRESS, DEV_LOCK, prepare
    from ...serving.serve import run
    from ...settings.loading import load

    settings = load(flags={"gateway.host": host, "gateway.port": port})
    state = prepare(settings.state)
    session = Session(as_json)
    url = read_private_file(state / ADDRESS)
    fix = f"use the one that serves on {url}, or stop it" if url else "use that one, or stop it"
    with process_lock(state / DEV_LOCK, "neurova dev", fix):
        # A killed `neurova dev` leaves its address file behind.
        (state / ADDRESS).unlink(missing_ok=True)
        try:
            run(
                settings,
                environment="test",
                migrate=True,
                on_ready=session.show_start,
                sinks=[session],
                event_roles=["subscriptions", "relay", "warehouse"],
                report_event=session.show_event,
                on_reload=session.show_reload,
            )
        finally:
            session.remove_address()


class Session:
    """Print the start, calls and reloads as text or as lines of JSON."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._platform: Platform | None = None
        self._scopes: frozenset[str] = frozenset()

    def show_start(self, platform: Platform, url: str) -> None:
        """Create the key, and show the URL and a call."""
        from neurova.files.private import write_private_file

        from ...admin import access as admin_access
        from ...composition.state import ADDRESS
        from ...openapi.service import page_path
        from ..curl import curl_command

        self._platform = platform
        state = platform.settings.state
        key_file = self._renew_key()
        write_private_file(state / ADDRESS, url + "\n")
        functions = list(platform.functions())
        command = curl_command(functions, url, key_file)
        page = page_path(functions, platform.settings, platform.environment)
        if self._as_json:
            found = {"event": "ready", "url": url, "key_file": str(key_file), "curl": command}
            print_line(
                {
                    **found,
                    "admin": platform.admin,
                    "registry": platform.registry,
                    "page": page and url + page,
                }
            )
            return
        click.echo(f"Serving {platform.settings.project.name} on {url} (Ctrl-C to stop)")
        click.echo(_routes(functions))
        if platform.admin:
            click.echo(admin_access.announcement(platform.settings, platform.admin))
        if platform.registry:
            click.echo(f"Schema registry on {platform.registry}")
        if platform.settings.site.folder:
            click.echo(f"Public page: {url}/")
        if page:
            click.echo(f"API page: {url}{page}")
        if command:
            click.echo(f"Try: {command}")

    def write(self, records: Sequence[CallRecord]) -> None:
        """Print completed calls; ignore a closed output, because the access log has them, too."""
        with suppress(OSError):
            for record in records:
                if self._as_json:
                    print_line(
                        {"event": "call", **{key: getattr(record, key) for key in _CALL_FIELDS}}
                    )
                else:
                    click.echo(format_call(record))

    def show_event(self, record: EventRecord) -> None:
        """Print what happened to an event; ignore a closed output."""
        import msgspec

        with suppress(OSError):
            if self._as_json:
                fields = msgspec.structs.asdict(record)
                print_line({"event": "message", "name": fields.pop("event"), **fields})
            else:
                click.echo(format_event(record))

    def show_reload(self, service: str, error: Exception | None, seconds: float) -> None:
        """Print the result of a reload; renew the key if functions need new scopes."""
        if error is None and _scopes(self._platform) != self._scopes:
            self._renew_key()
        if self._as_json:
            message = None if error is None else str(error)
            ms = round(seconds * 1000, 1)
            print_line({"event": "reload", "service": service, "error": message, "ms": ms})
        elif error is None:
            click.echo(_coloured(f"Reloaded {service} in {seconds * 1000:.0f} ms", "cyan"))
        else:
            effect = "still serving the previous version"
            if not self._is_served(service):
                effect = "it is not served yet"
            click.echo(_coloured(f"Reload of {service} failed, {effect}: {error}", "red"))

    def _is_served(self, name: str) -> bool:
        """Return whether a previous version of a service, or of the public page, is served."""
        if self._platform is None:
            return False
        site = Path(self._platform.settings.site.folder).name
        return name == site or name in self._platform.services

    def remove_address(self) -> None:
        """Remove the file with the address of the platform."""
        from ...composition.state import ADDRESS

        if self._platform is not None:
            (self._platform.settings.state / ADDRESS).unlink(missing_ok=True)

    def _renew_key(self) -> Any:
        from ...dev import key as dev_key

        self._scopes = _scopes(self._platform)
        assert self._platform is not None
        return dev_key.renew(self._platform.settings, sorted(self._scopes))


_CALL_FIELDS = ("time", "method", "path", "status", "ms", "route", "consumer", "client", "trace_id")


def _scopes(platform: Platform | None) -> frozenset[str]:
    if platform is None:
        return frozenset()
    scopes = {scope for each in platform.functions() for scope in each.description.scopes}
    return platform.report_scopes | scopes


def _routes(functions: Sequence[Any]) -> str:
    from ...composition.inventory import describe_access

    rows = [
        (each.description.method_label, each.description.template, describe_access(each))
        for each in sorted(functions, key=lambda each: each.description.template)
    ]
    width = max((len(path) for _, path, _ in rows), default=0)
    return "\n".join(f"  {method:<6} {path:<{width}}  {who}" for method, path, who in rows)


def format_call(record: CallRecord) -> str:
    """Return the line that shows one call."""
    clock = time.strftime("%H:%M:%S", time.localtime(record.time))
    # The path comes from the client: replace terminal control characters.
    path = "".join(letter if letter.isprintable() else "?" for letter in record.path)
    status = _coloured(str(record.status), _colour(record.status))
    who = record.consumer or "-"
    return (
        f"{clock} {record.method:<6} {path} {status} {record.ms:.1f} ms {who} "
        f"trace {record.trace_id}"
    )


def format_event(record: EventRecord) -> str:
    """Return the line that shows what happened to an event."""
    clock = time.strftime("%H:%M:%S", time.localtime(record.time))
    what = _coloured(record.outcome, _OUTCOME_COLOURS.get(record.outcome, "green"))
    trace = f"trace {record.trace_id}"
    if not record.subscription:
        return f"{clock} EVENT  {record.event} {what} {record.id} {trace}"
    cause = f": {record.cause}" if record.cause else ""
    return (
        f"{clock} EVENT  {record.event} -> {record.subscription} {what} {record.ms:.1f} ms "
        f"{record.id} {trace}{cause}"
    )


_OUTCOME_COLOURS = {"retry": "yellow", "dead": "red", "parked": "yellow"}


def _colour(status: int) -> str:
    return "green" if status < 400 else "yellow" if status < 500 else "red"


def _coloured(text: str, colour: str) -> str:
    return click.style(text, fg=colour) if has_colour() else text
