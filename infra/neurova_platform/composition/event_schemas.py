"""Compare the events in a project's code with their earlier versions and with their consumers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from neurova.errors import Unavailable
from neurova.events.codec import codec_of
from neurova.loading.service import Service
from neurova.schemas.base import Level, SchemaRegistry, Version, subject_of
from neurova.schemas.compatibility import Break, find_breaks
from neurova.schemas.correction import Peer, correct
from neurova.settings.settings import Settings
from neurova.subscriptions.function import SubscriptionFunction

FOLDER = "schemas"
"""The folder in a service that contains its committed schemas, `<Event>.<version>.avsc`."""
_FILE = re.compile(r"(\w+)\.(\d+)\.avsc")


class Known(NamedTuple):
    """An earlier schema of an event; `label` names its version and where it is stored."""

    label: str
    schema: str


class EventSchema(NamedTuple):
    """An event in the code, its committed versions, and the subscriptions that receive it."""

    name: str
    file: str
    schema: str
    folder: Path
    committed: tuple[Known, ...]
    consumers: tuple[SubscriptionFunction, ...]


class Finding(msgspec.Struct, frozen=True):
    """An incompatible change: what it is, what it is incompatible with, and who is affected."""

    event: str
    file: str
    path: str
    what: str
    version: str
    consumers: tuple[str, ...]
    fix: str


class Report(msgspec.Struct, frozen=True):
    """The incompatible changes of one event, and a compatible schema ("" if there is none)."""

    event: str
    breaks: tuple[Finding, ...]
    corrected: str = ""


def list_events(settings: Settings, services: Sequence[Service]) -> list[EventSchema]:
    """Return the events that the services define, sorted by name."""
    subscriptions = [each for service in services for each in service.subscriptions]
    found = []
    for service in services:
        for event in service.events:
            codec = codec_of(event)
            folder = settings.functions / service.name / FOLDER
            module = event.__module__.rpartition(".")[2]
            found.append(
                EventSchema(
                    codec.name,
                    f"{settings.functions.name}/{service.name}/{module}.py",
                    codec.schema,
                    folder,
                    tuple(_committed(settings, folder, event.__name__)),
                    tuple(each for each in subscriptions if codec.name in each.codecs),
                )
            )
    return sorted(found)


def registered(registry: SchemaRegistry, event: str) -> tuple[list[Version], Level | None]:
    """Return an event's versions and level in the registry, or nothing if the registry is down."""
    try:
        versions = registry.versions(subject_of(event))
        return versions, registry.level(subject_of(event))
    except Unavailable:
        return [], None


def check(event: EventSchema, registry: SchemaRegistry, default: Level) -> Report:
    """Compare an event with its earlier versions and with its consumers in the project.

    Without a registry, only the committed versions are compared, at the level `default`.
    """
    versions, level = registered(registry, event.name)
    level = default if level is None else level
    in_registry = [Known(f"version {each.version} (registry)", each.schema) for each in versions]
    findings: dict[tuple[str, str], Finding] = {}
    peers = []
    for known in (list(event.committed), in_registry):
        compared = known if level.endswith("_TRANSITIVE") else known[-1:]
        for reads, prefix in ((False, "BACKWARD"), (True, "FORWARD")):
            for each in compared if level.startswith((prefix, "FULL")) else ():
                peers.append(Peer(each.schema, reads))
                hit = tuple(_hit(event, each.schema))
                for found in _compare(event, each.schema, reads=reads):
                    finding = _describe_break(event, found, each.label, hit, reads=reads)
                    findings.setdefault((found.path, finding.what), finding)
    for consumer in event.consumers:
        reader = consumer.codecs[event.name].schema
        if reader == event.schema:  # it uses the publisher's class, so a corrected class fixes both
            continue
        peers.append(Peer(reader, True))
        hit = (_describe(consumer),)
        for found in _compare(event, reader, reads=True):
            finding = _describe_break(event, found, "readers of new events", hit, reads=True)
            findings.setdefault((found.path, finding.what + hit[0]), finding)
    corrected = correct(event.schema, peers) if findings else None
    return Report(event.name, tuple(findings.values()), corrected or "")


def _compare(event: EventSchema, other: str, *, reads: bool) -> list[Break]:
    reader, writer = (other, event.schema) if reads else (event.schema, other)
    return find_breaks(reader, writer)


def _describe_break(
    event: EventSchema, found: Break, version: str, consumers: tuple[str, ...], *, reads: bool
) -> Finding:
    what = found.what
    fix = "keep the old type, and add a field with another name for the new one"
    if found.kind == "field" and reads:
        what = "field removed, but readers need it"
        fix = "keep the field, or give it a default in each reader first"
    elif found.kind == "field":
        what = "new field without a default, which earlier events do not have"
        fix = f"give it a default, like `{found.steps[-1]}: ... | None = None`"
    elif found.kind == "symbols":
        fix = "keep all symbols; let readers know a new one first"
    elif found.kind == "union":
        fix = "write the type of the default first"
    return Finding(event.name, event.file, found.path, what, version, consumers, fix)


def commit(event: EventSchema) -> Path | None:
    """Write a new version of an event into its service's folder.

    Returns its file, or None if this version is already committed.
    """
    if event.committed and msgspec.json.decode(event.committed[-1].schema) == msgspec.json.decode(
        event.schema
    ):
        return None
    name = event.name.rpartition(".")[2]
    number = max((_number(each.label) for each in event.committed), default=0) + 1
    event.folder.mkdir(exist_ok=True)
    file = event.folder / f"{name}.{number}.avsc"
    file.write_bytes(msgspec.json.format(event.schema.encode(), indent=2) + b"\n")
    return file


def _committed(settings: Settings, folder: Path, event: str) -> Iterator[Known]:
    found = [_FILE.fullmatch(file.name) for file in folder.glob("*.avsc")]
    mine = [each for each in found if each and each[1] == event]
    for each in sorted(mine, key=lambda each: int(each[2])):
        file = folder / each[0]
        label = f"version {each[2]} ({file.relative_to(settings.root)})"
        yield Known(label, file.read_text("utf-8"))


def _number(label: str) -> int:
    return int(label.split()[1])


def _hit(event: EventSchema, old: str) -> Iterator[str]:
    """Yield the consumers that cannot read both the changed event and its old version."""
    for each in event.consumers:
        reader = each.codecs[event.name].schema
        if find_breaks(reader, event.schema) or find_breaks(reader, old):
            yield _describe(each)


def _describe(function: SubscriptionFunction) -> str:
    return f"{function.name} ({function.file}:{function.line})"
