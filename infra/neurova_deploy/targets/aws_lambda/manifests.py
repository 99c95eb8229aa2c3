"""Render a project to resources of AWS, without I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from neurova.bus.base import Queue
from neurova.bus.sqs.names import check_queues
from neurova.errors import ConfigError
from neurova.settings.deploy import Deploy

from ...project import Project, Unit
from ...resource import Resource, Stage
from . import policy
from .place import ALIAS, Place, place_of
from .schedule_expression import schedule_expression

SECRETS = "SECRETS_MANAGER_VARIABLES"
"""The environment variable that lists the variables to set from Secrets Manager."""
_VISIBILITY = 6  # times the timeout, as AWS advises, because Lambda retries throttled batches
_LONGEST = 64
_FRONT_TIMEOUT = 30  # seconds; API Gateway waits at most this long for a function
_ORDER = ("Topic", "Queue", "Role", "Function", "Migration", "Alias")


def render(project: Project) -> tuple[Resource, ...]:
    """Return all resources of a project. Raises ConfigError if AWS does not support one."""
    found: dict[str, Resource] = {}
    for unit in project.units:
        found |= {each.key: each for each in _render_unit(project, unit)}
    role = policy.invoker_role(project)
    needs_invoker = project.deploy.front == "api" or any(key[:9] == "Schedule/" for key in found)
    front = [*_render_front(project)]
    if needs_invoker:
        front.append(Resource("Role", role["RoleName"], Stage.BASE, role))
    return _checked([*found.values(), *front])


def render_canary(
    project: Project, stable: Sequence[Resource], percent: int
) -> tuple[Resource, ...]:
    """Return the resources of the current release, with a canary version of each changed function.

    Raises ConfigError if no function has changed, or if any other resource has changed.
    """
    new = {each.key: each for each in render(project)}
    found = {each.key: each for each in stable}
    kinds = ("Function", "Migration", "Alias")
    differing = [key for key in {**new, **found} if _hash(new, key) != _hash(found, key)]
    if others := sorted(key for key in differing if key.partition("/")[0] not in kinds):
        raise ConfigError(
            f"more than the versions of functions differs: {', '.join(others)}",
            where="--canary",
            fix="deploy without --canary",
        )
    functions = [each for key, each in new.items() if each.kind == "Function" and key in differing]
    if not functions:
        raise ConfigError(
            "no function differs from the release that serves",
            where="--canary",
            fix="deploy without --canary",
        )
    for function in functions:
        before = found[f"Alias/{function.name}"]
        manifest = {**before.manifest, "Weights": {function.hash: percent / 100}}
        found[before.key] = msgspec.structs.replace(before, manifest=manifest)
        found[function.key] = function
    migrations = [each for each in new.values() if each.kind == "Migration"]
    return _checked([*(e for e in found.values() if e.kind != "Migration"), *migrations])


def variables(deploy: Deploy) -> dict[str, str]:
    """Return the variables of all functions, in addition to the user's `variables`."""
    found = {"NEUROVA_PROJECT_STATE": "/tmp/neurova"}  # noqa: S108 - the writable folder of Lambda
    if deploy.has_images_of_services:
        found["NEUROVA_PROJECT_PARTIAL"] = "true"
    return found


def route_key(template: str) -> str:
    """Return the API Gateway route that matches all paths of a template.

    The route accepts all methods, because the gateway inside the function handles preflights and
    returns 405. Its parameters are numbered, because that gateway extracts the names itself.
    """
    segments: list[str] = []
    for number, segment in enumerate(template.split("/")):
        if segment == "{*}":
            segments.append("{proxy+}")
            break
        segments.append(f"{{p{number}}}" if segment.startswith("{") else segment)
    return f"ANY {'/'.join(segments)}"


def _render_unit(project: Project, unit: Unit) -> Iterator[Resource]:
    place = place_of(project)
    name = place.function(unit.name)
    yield Resource("Role", name, Stage.BASE, policy.function_role(project, unit))
    function = Resource("Function", name, Stage.BASE, _function(project, unit, name))
    yield function
    if unit.migrations:
        version = {"FunctionName": name, "Version": function.hash}
        key = f"{name}-{unit.migrations}"
        yield Resource("Migration", key, Stage.MIGRATION, version, is_fixed=True)
    live = {"FunctionName": name, "Name": ALIAS, "Version": function.hash, "Weights": {}}
    yield Resource("Alias", name, Stage.RUNTIME, live)
    if unit.queues:
        check_queues(place.bus(project.bus), unit.queues)
    for queue in unit.queues:
        yield from _render_queue(project, name, queue)
    for run, schedule in unit.schedules:
        entry = schedule_expression(schedule)
        event = {"neurova": "run-schedule", "function": run}
        yield _schedule(place, name, run, entry.expression, entry.zone, event)
    if unit.has_relay:
        yield _schedule(place, name, "sweep", "rate(1 minute)", "UTC", {"neurova": "sweep"})


def _function(project: Project, unit: Unit, name: str) -> dict[str, Any]:
    deploy, place = project.deploy, place_of(project)
    given = dict(each.split("=", 1) for each in deploy.variables)
    environment = {**given, **variables(deploy)}
    if deploy.secret_variables:
        environment[SECRETS] = " ".join(policy.secret_variables(project))
    network = {"SubnetIds": [*deploy.subnets], "SecurityGroupIds": [*deploy.security_groups]}
    return {
        "FunctionName": name,
        "Role": place.role_arn(name),
        "ImageUri": unit.image,
        "Architectures": [deploy.architecture],
        "MemorySize": deploy.memory >> 20,
        "Timeout": deploy.timeout,
        "Environment": dict(sorted(environment.items())),
        "VpcConfig": network,
    }


def _render_queue(project: Project, function: str, queue: Queue) -> Iterator[Resource]:
    bus = place_of(project).bus(project.bus)
    name = bus.queue(queue.name)
    topics = sorted(bus.topic(each) for each in queue.events)
    for topic in topics:
        yield Resource("Topic", topic, Stage.BASE, {"Name": topic})
    attributes = bus.queue_attributes(queue.name, _VISIBILITY * project.deploy.timeout)
    manifest = {
        "QueueName": name,
        "Attributes": read_attributes(attributes),
        "DeadLetterQueue": {
            "QueueName": bus.dead(queue.name),
            "Attributes": read_attributes(bus.dead_attributes()),
        },
        "Topics": topics,
    }
    yield Resource("Queue", name, Stage.BASE, manifest)
    mapping: dict[str, Any] = {
        "EventSourceArn": bus.queue_arn(name),
        "FunctionName": function,
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {},
    }
    if project.deploy.subscriptions_max:
        mapping["ScalingConfig"] = {"MaximumConcurrency": project.deploy.subscriptions_max}
    yield Resource("EventSourceMapping", name, Stage.SCALING, mapping)


def read_attributes(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes of a queue; decode the attributes that contain JSON."""
    documents = ("Policy", "RedrivePolicy")
    found: dict[str, Any] = dict(sorted(attributes.items()))
    return found | {key: json.loads(found[key]) for key in documents if key in found}


def _schedule(
    place: Place, function: str, run: str, expression: str, zone: str, event: dict[str, str]
) -> Resource:
    name = f"{function}-{run.replace('.', '-')}"
    target = {
        "Arn": place.alias_arn(function),
        "RoleArn": place.role_arn(policy.invoker_name(place)),
        "Input": json.dumps(event),
        # Few retries suffice: the sweep retries failed runs, and missed schedules become due again.
        "RetryPolicy": {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": 2},
    }
    manifest = {
        "Name": name,
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": zone,
        "Target": target,
    }
    return Resource("Schedule", name, Stage.SCALING, manifest)


def _render_front(project: Project) -> Iterator[Resource]:
    place, deploy = place_of(project), project.deploy
    if not project.units:
        return
    if deploy.front == "url":
        name = place.function(project.units[0].name)
        url = {"FunctionName": name, "AuthType": "NONE", "Permissions": ["call", "invoke"]}
        yield Resource("FunctionUrl", name, Stage.GATEWAY, url)
        return
    routes = {"$default": place.function(project.units[0].name)}
    if deploy.has_images_of_services:
        functions = {
            each: place.function(unit.name) for unit in project.units for each in unit.services
        }
        for row in project.access:
            key, function = route_key(row.route.rpartition(" ")[2]), functions[row.service]
            if routes.setdefault(key, function) != function:
                raise ConfigError(
                    f"two services answer {key.partition(' ')[2]}, and a route has one function",
                    where=f"deploy.{project.environment}.image",
                    fix="use one image for all services: remove {service}",
                )
    manifest = {
        "Name": f"{place.namespace}-api",
        "Stage": "$default",
        "Routes": dict(sorted(routes.items())),
        "TimeoutInMillis": 1000 * min(deploy.timeout, _FRONT_TIMEOUT),
    }
    yield Resource("Api", f"{place.namespace}-api", Stage.GATEWAY, manifest)


def _hash(resources: Mapping[str, Resource], key: str) -> str:
    return resources[key].hash if key in resources else ""


def _checked(resources: list[Resource]) -> tuple[Resource, ...]:
    for each in resources:
        if len(each.name) > _LONGEST and each.kind not in ("Queue", "Topic", "EventSourceMapping"):
            raise ConfigError(
                f"the name {each.name} has more than {_LONGEST} characters",
                where="project.name",
                fix="shorten the name of the project, of the service or of the function",
            )
    ranks = {kind: rank for rank, kind in enumerate(_ORDER)}
    return tuple(
        sorted(resources, key=lambda each: (each.stage, ranks.get(each.kind, len(ranks)), each.key))
    )
