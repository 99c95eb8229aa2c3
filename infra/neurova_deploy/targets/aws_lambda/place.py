"""The names and ARNs of a deployment on AWS, without I/O."""

from __future__ import annotations

from typing import NamedTuple

from neurova.bus.sqs.names import Names, find_location
from neurova.errors import ConfigError

from ...project import Project, runtime_name

ALIAS = "live"
"""The alias of a function that clients, queues and schedules call."""
TAG = "neurova:project"
"""The tag of all resources; its value is the namespace."""


class Place(NamedTuple):
    """The account and region of a deployment; all its names begin with the namespace."""

    namespace: str
    region: str
    account: str

    @property
    def partition(self) -> str:
        """Return the AWS partition, which is the second part of every ARN."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def role_path(self) -> str:
        """Return the IAM path of all roles of the deployment."""
        return f"/neurova/{self.namespace}/"

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in this region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def role_arn(self, role: str) -> str:
        """Return the ARN of a role of the deployment."""
        return f"arn:{self.partition}:iam::{self.account}:role{self.role_path}{role}"

    def alias_arn(self, function: str) -> str:
        """Return the ARN of a function's live alias."""
        return self.arn("lambda", f"function:{function}:{ALIAS}")

    def function(self, unit: str) -> str:
        """Return the name of a unit's function."""
        return runtime_name(self.namespace, unit)

    def bus(self, url: str) -> Names:
        """Return the names of queues and topics, which begin with the namespace.

        Raises ConfigError if the bus is not SQS.
        """
        location = find_location(url)
        is_here = location is not None and location.region == self.region
        if location is None or not is_here or location.prefix != self.namespace:
            raise ConfigError(
                f"the bus must be SQS with the prefix {self.namespace}, not {url or 'a file'}",
                where="bus.url",
                fix=f'write "NEUROVA_BUS_URL=sqs://{self.region}/{self.namespace}" into variables',
            )
        return Names(self.region, self.account, location.prefix, self.partition)


def place_of(project: Project) -> Place:
    """Return where a project is deployed."""
    return Place(project.namespace.replace("_", "-"), project.deploy.region, project.deploy.account)
