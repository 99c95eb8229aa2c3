"""Plan and apply releases on any target: stage by stage, with health checks, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from time import monotonic, sleep
from typing import NamedTuple

import msgspec

from neurova.errors import NeurovaError

from .plan import Change, Plan, compare_access, differences
from .project import Access
from .record import KEPT, Content, Head, Status, latest
from .resource import Resource, Stage
from .targets.base import DeployError, Found, Health, Target

Report = Callable[[str], None]
_POLL = 1.0
_READS = 3


class Who(NamedTuple):
    """The user who deploys, and the commit that is deployed."""

    name: str
    commit: str = ""


def find_plan(target: Target, content: Content, *, access: bool = True) -> Plan:
    """Return the changes that a deployment of `content` would make; change nothing."""
    changes = _find_changes(target, content.resources)
    before: tuple[Access, ...] = ()
    serving = latest(target.heads(), "deployed", "canary")
    if serving is not None:
        before = target.read_content(serving.number).access
    return Plan(compare_access(before, content.access) if access else (), tuple(changes))


def _find_changes(target: Target, resources: Sequence[Resource]) -> list[Change]:
    """Return all changes, in the order of the resources; deletions come last.

    Compares a resource again if another writer, such as an autoscaler, changes it meanwhile.
    """
    changes: dict[str, Change | None] = {}
    found, open_resources = target.read(), resources
    for _ in range(_READS):
        changes |= {
            each.key: _find_change(target, each, found.get(each.key)) for each in open_resources
        }
        if not any(each is not None and each.action == "update" for each in changes.values()):
            break
        before, found = found, target.read()
        open_resources = [
            each
            for each in resources
            if changes[each.key] and found.get(each.key) != before.get(each.key)
        ]
        if not open_resources:
            break
    deleted = [Change("delete", key) for key in sorted(set(found) - set(changes))]
    return [*filter(None, changes.values()), *deleted]


def _find_change(target: Target, resource: Resource, found: Found | None) -> Change | None:
    if found is None:
        return Change("create", resource.key)
    if resource.is_fixed:
        return None
    if found.hash == resource.hash and not any(differences(found.manifest, resource.manifest)):
        return None
    # The server may normalise values, so compare with the result of its dry run.
    after = target.preview(resource)
    fields = tuple(differences(found.manifest, after, whole=True))
    return Change("update", resource.key, fields) if fields else None


class Engine:
    """Change the deployment of one project on a target.

    Each method takes the lock. After `deploy` and `roll_back`, exactly one release serves: the new
    release or the previous one. If a call is interrupted, the next call continues it.
    """

    def __init__(
        self, target: Target, who: Who, report: Report, *, pause: Callable[[float], None] = sleep
    ) -> None:
        self._target, self._who, self._report, self._pause = target, who, report, pause

    def deploy(self, content: Content, *, canary: int = 0, note: str = "", ready: float) -> Head:
        """Deploy `content` as a new release.

        If that fails, brings the previous release back and raises DeployError. `ready`: the seconds
        within which each stage must become healthy.
        """
        target = self._target
        target.lock(self._who.name)
        try:
            head = self._begin(content, canary, note)
            try:
                self._apply(content.resources, ready)
            except NeurovaError as error:
                raise self._restore_previous(head, error, ready) from None
            return self._finish(head, "canary" if canary else "deployed")
        finally:
            target.unlock()

    def destroy(self) -> int:
        """Delete all resources and releases; return how many resources there were."""
        target = self._target
        target.lock(self._who.name)
        try:
            keys = self._order_deletions(target.read())
            for key in keys:
                self._report(f"- {key}")
                target.lock(self._who.name)
                target.delete(key)
            target.forget_releases([each.number for each in target.heads()])
            return len(keys)
        finally:
            target.unlock()

    def _begin(self, content: Content, canary: int, note: str) -> Head:
        """Store a new release, or continue the interrupted release if it has the same content."""
        target, version = self._target, content.version
        heads = target.heads()
        open_head = latest(heads, "applying")
        if open_head is not None:
            if open_head.version == version and open_head.canary == canary:
                self._report(f"Continuing release {open_head.number}")
                return open_head
            target.write_release(msgspec.structs.replace(open_head, status="interrupted"))
        number = max((each.number for each in heads), default=0) + 1
        when = datetime.now(UTC).isoformat(timespec="seconds")
        who, commit = self._who
        head = Head(number, "applying", version, who, when, commit, note, canary)
        target.write_release(head, content)
        return head

    def _finish(self, head: Head, status: Status) -> Head:
        done = msgspec.structs.replace(head, status=status)
        self._target.write_release(done)
        heads = self._target.heads()
        serving = latest(heads, "deployed")
        old = [each.number for each in heads if each != serving][:-KEPT]
        self._target.forget_releases(old)
        return done

    def _apply(
        self, resources: Sequence[Resource], ready: float, *, skip: tuple[Stage, ...] = ()
    ) -> None:
        """Apply changed resources, stage by stage, then delete resources that are not wanted."""
        target = self._target
        found = target.read()
        ordered = sorted(resources, key=lambda each: each.stage)
        for stage, members in groupby(ordered, key=lambda each: each.stage):
            if stage in skip:
                continue
            gated = []
            for resource in members:
                gated.append(resource.key)
                change = _find_change(target, resource, found.get(resource.key))
                if change is not None:
                    self._report(str(change).partition("\n")[0])
                    target.lock(self._who.name)
                    target.apply(resource)
            self._wait(gated, ready)
        wanted = {each.key for each in resources}
        for key in self._order_deletions(set(found) - wanted):
            self._report(f"- {key}")
            target.lock(self._who.name)
            target.delete(key)

    def _order_deletions(self, keys: Iterable[str]) -> list[str]:
        """Return keys in the order of deletion: resources that others depend on come last."""
        needed = self._target.kinds_needed
        return sorted(keys, key=lambda key: (key.partition("/")[0] in needed, key))

    def _wait(self, keys: Sequence[str], ready: float) -> None:
        """Wait until all resources are ready. Raises DeployError if one fails or is not in time."""
        deadline = monotonic() + ready
        shown: dict[str, Health] = {}
        waiting = list(keys)
        while waiting:
            still = []
            for key in waiting:
                health = self._target.health(key)
                if health.state == "failed":
                    raise _unhealthy(key, health.reason)
                if health.state == "waiting":
                    still.append(key)
                    if shown.get(key) != health:
                        shown[key] = health
                        self._report(f"  {key}: {health.reason}")
            waiting = still
            if waiting and monotonic() > deadline:
                raise _unhealthy(waiting[0], f"{shown[waiting[0]].reason}, after {ready:g} s")
            if waiting:
                self._target.lock(self._who.name)
                self._pause(_POLL)

    def _restore_previous(self, head: Head, cause: NeurovaError, ready: float) -> DeployError:
        """Bring back the release that served before; return the error to raise."""
        target = self._target
        before = latest(target.heads(), "deployed", "canary", below=head.number)
        self._report(f"Release {head.number} failed: {cause}")
        failed = msgspec.structs.replace(head, status="failed", note=cause.what[:200])
        target.write_release(failed)
        if before is None:
            fix = f"{cause.fix or 'correct the cause'}; deploy again or `neurova deploy destroy`"
            what = f"{cause.what}; no earlier release could be brought back"
            return DeployError(what, where=cause.where, fix=fix)
        self._report(f"Rolling back to release {before.number}")
        resources = target.read_content(before.number).resources
        self._apply(resources, ready, skip=(Stage.MIGRATION,))
        what = f"{cause.what}; rolled back, release {before.number} serves"
        return DeployError(what, where=cause.where, fix=cause.fix)

    def roll_back(self, to: Head, ready: float) -> Head:
        """Bring back an earlier release, without its migrations."""
        content = self._target.read_content(to.number)
        resources = tuple(each for each in content.resources if each.stage != Stage.MIGRATION)
        kept = Content(resources, content.access)
        return self.deploy(kept, note=f"rollback to {to.number}", ready=ready)


def _unhealthy(key: str, reason: str) -> DeployError:
    fix = "see its logs, correct the cause and deploy again"
    return DeployError(f"did not become healthy: {reason}", where=key, fix=fix)
