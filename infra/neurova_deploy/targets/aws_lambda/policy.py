"""The IAM roles of a deployment, and the reason for each permission."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...project import Project, Unit
from .place import Place, place_of

REASONS = {
    "WriteLogs": "its own log group; the deployment creates it, with a retention",
    "HandleEvents": "the queues of its subscriptions: Lambda receives with this role, retries are"
    " sent back later, and what is given up goes to the dead-letter queue",
    "PublishEvents": "the topics of its own events, from the outbox",
    "ReadSecrets": "the secrets of secret_variables, at each cold start",
    "UseNetwork": "Lambda attaches the function to the subnets; these actions take no resource",
    "InvokeLive": "API Gateway and EventBridge Scheduler call the alias that serves, nothing else",
}
"""The reason for each policy statement, by its Sid."""
_QUEUE_ACTIONS = (
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ReceiveMessage",
    "SendMessage",
)
_NETWORK_ACTIONS = (
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
)


def function_role(project: Project, unit: Unit) -> dict[str, Any]:
    """Return the role of a unit's function."""
    place = place_of(project)
    name = place.function(unit.name)
    return _role(place, name, ("lambda",), [*_function_statements(project, unit, name)])


def invoker_role(project: Project) -> dict[str, Any]:
    """Return the role with which API Gateway and EventBridge Scheduler invoke the functions."""
    place = place_of(project)
    aliases = [place.alias_arn(place.function(unit.name)) for unit in project.units]
    allow = _allow("InvokeLive", ["lambda:InvokeFunction"], aliases)
    return _role(place, invoker_name(place), ("apigateway", "scheduler"), [allow])


def invoker_name(place: Place) -> str:
    """Return the name of the invoker role."""
    return f"{place.namespace}-invoker"


def _function_statements(project: Project, unit: Unit, name: str) -> Iterator[dict[str, Any]]:
    place = place_of(project)
    streams = place.arn("logs", f"log-group:/aws/lambda/{name}:*")
    yield _allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams])
    if unit.queues:
        bus = place.bus(project.bus)
        pairs = [(bus.queue(each.name), bus.dead(each.name)) for each in unit.queues]
        queues = [bus.queue_arn(each) for pair in pairs for each in pair]
        yield _allow("HandleEvents", [f"sqs:{each}" for each in _QUEUE_ACTIONS], queues)
    if unit.events:
        topics = [place.bus(project.bus).topic_arn(each) for each in unit.events]
        yield _allow("PublishEvents", ["sns:Publish"], topics)
    if project.deploy.secret_variables:
        names = {each.partition("=")[2].partition("#")[0] for each in secret_variables(project)}
        # AWS appends six random characters to the ARN of a secret.
        secrets = [place.arn("secretsmanager", f"secret:{each}-??????") for each in sorted(names)]
        yield _allow("ReadSecrets", ["secretsmanager:GetSecretValue"], secrets)
    if project.deploy.subnets:
        yield _allow("UseNetwork", [f"ec2:{each}" for each in _NETWORK_ACTIONS], ["*"])


def secret_variables(project: Project) -> list[str]:
    """Return the variables to set from Secrets Manager, each as "NAME=secret#key"."""
    return sorted(project.deploy.secret_variables)


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def _role(
    place: Place, name: str, services: tuple[str, ...], statements: list[dict[str, Any]]
) -> dict[str, Any]:
    # Use one statement per service, because IAM changes a list with one service to a string, which
    # would appear as a difference.
    trust = [
        {
            "Effect": "Allow",
            "Principal": {"Service": f"{each}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        for each in services
    ]
    return {
        "RoleName": name,
        "Path": place.role_path,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust},
        "Policy": {"Version": "2012-10-17", "Statement": statements},
    }
