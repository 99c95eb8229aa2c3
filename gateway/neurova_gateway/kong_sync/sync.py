"""Apply entities to Kong: one by one if it has a database, otherwise as one document."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from neurova.errors import Unavailable

from .admin import Answer, KongAdmin, KongRefused
from .diff import Change, compare
from .document import read_yaml, render_document, without_owner, without_unset
from .entity import KINDS, Entity, Owner

_ATTEMPTS = 5
_LONGEST_WAIT = 10.0
_REFERRED = {"service": "services", "route": "routes"}
_CAUSES = {
    413: (
        "the configuration does not fit into the node's memory",
        "raise lmdb_map_size in kong.conf and start Kong again",
    ),
    429: ("the node still loads another configuration", "sync again"),
    504: ("the node did not load the configuration in time", "sync again"),
}


def find_changes(admin: KongAdmin, owner: Owner, wanted: Sequence[Entity]) -> tuple[Change, ...]:
    """Return the changes that turn Kong's current entities into the wanted entities."""
    return compare([resolve(admin, each) for each in wanted], list(list_owned(admin, owner)))


def list_owned(admin: KongAdmin, owner: Owner) -> Iterator[Entity]:
    """Yield the entities in Kong that belong to an owner."""
    for kind in KINDS:
        if kind == "targets":
            continue  # listed below, with their upstreams
        for fields in admin.list(f"/{kind}", owner.tag):
            entity = _found(kind, fields)
            yield entity
            if kind == "upstreams":
                for target in admin.list(f"/upstreams/{entity.id}/targets"):
                    if owner.tag in (target.get("tags") or ()):
                        yield _found("targets", target)


def resolve(admin: KongAdmin, entity: Entity) -> Entity:
    """Replace references by name with references by id, which is how Kong returns them."""
    for field, kind in _REFERRED.items():
        name = (entity.fields.get(field) or {}).get("name")
        if name is not None:
            fields = {**entity.fields, field: {"id": admin.find_id(kind, name)}}
            return Entity(entity.kind, entity.id, entity.label, fields, entity.source)
    return entity


def apply_changes(
    admin: KongAdmin, changes: Sequence[Change], report: Callable[[Change], None]
) -> None:
    """Apply changes in order to a Kong with a database; call `report` after each change.

    After an interrupted run, the next run continues: ids are stable, and each step can be repeated.
    """
    for change in changes:
        if change.action == "delete":
            admin.delete(change.entity)
        else:
            write = admin.create if change.action == "create" else admin.update
            write(change.entity, without_unset(change.entity.fields))
        report(change)


def load_document(
    admin: KongAdmin,
    owner: Owner,
    wanted: Sequence[Entity],
    wait: Callable[[float], None] = time.sleep,
) -> bool:
    """Load entities into a node without a database; return False if nothing changed.

    Loading replaces the whole configuration, so entities of other owners are exported and loaded
    again.
    """
    exported = admin.call("GET", "/config")
    if exported.status != 200 or not isinstance(exported.body, dict):
        raise KongRefused(f"GET /config: {exported.status}", where=admin.url)
    others = without_owner(read_yaml(exported.body["config"], admin.url), owner.tag)
    entities = [resolve(admin, each) for each in wanted]
    text = json.dumps(render_document(entities, others=others))  # JSON is valid YAML
    for attempt in range(_ATTEMPTS):
        answer = admin.call("POST", "/config?check_hash=1&flatten_errors=1", {"config": text})
        if answer.status in (201, 304):
            return answer.status == 201
        if answer.status not in (429, 504):
            break
        # After a 504 the node may have loaded the configuration; the next response is then 304.
        if attempt < _ATTEMPTS - 1:
            wait(_retry_after(answer))
    if answer.status in _CAUSES:
        what, fix = _CAUSES[answer.status]
        raise Unavailable(what, where=admin.url, fix=fix)
    raise KongRefused(_explain(answer, entities), where=admin.url, fix="fix it and sync again")


def _found(kind: str, fields: dict[str, Any]) -> Entity:
    label = fields.get("name") or fields.get("target") or " ".join(fields.get("paths") or ())
    return Entity(kind, fields["id"], label or fields["id"], fields)


def _retry_after(answer: Answer) -> float:
    try:
        return min(max(float(answer.headers.get("retry-after", 1)), 0.1), _LONGEST_WAIT)
    except ValueError:
        return 1.0


def _explain(answer: Answer, entities: Sequence[Entity]) -> str:
    """Return Kong's errors, each with its entity and the file:line of the function."""
    body = answer.body if isinstance(answer.body, dict) else {}
    known = {each.id: each for each in entities}
    lines = []
    for error in body.get("flattened_errors") or ():
        entity = known.get(error.get("entity_id", ""))
        name = entity.label if entity else error.get("entity_name") or error.get("entity_id")
        place = f" ({entity.source})" if entity and entity.source else ""
        for each in error.get("errors") or ():
            field = f"{each['field']}: " if each.get("field") else ""
            lines.append(f"{error.get('entity_type')} {name}{place}: {field}{each.get('message')}")
    return "\n".join(lines) or f"POST /config: {answer.status} {body.get('message') or ''}".strip()
