"""Deployment plans: the deterministic names and the requests that put a version of a model package on an endpoint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sagewright.engine.events.deployment_strategies import ALL_AT_ONCE, BadStrategy, read_strategy
from sagewright.model.aws.arns import ROLE_NAME, role_arn

VARIANT = "AllTraffic"
DEFAULT_TYPE = "ml.m5.large"
PARAMETERS = ("InstanceType", "InstanceCount", "Strategy", "ExecutionRoleArn")
_START = 36
"""Characters kept of a longer name: with version and digest that is at most 63."""


class BadTarget(Exception):
    """The target is not a valid deploy target; the message says why."""


@dataclass(frozen=True)
class DeployTarget:
    """A rule's target that is an endpoint. `instance_type`: None for the first one that the version supports."""

    endpoint: str
    instance_type: str | None
    instances: int
    strategy: str
    role: str


def read_target(target: dict[str, Any]) -> DeployTarget:
    """Parses a target. Raises BadTarget."""
    parts = target["Arn"].split(":", 5)
    kind, _, endpoint = parts[5].partition("/") if len(parts) == 6 else ("", "", "")
    if kind != "endpoint" or not endpoint:
        raise BadTarget(f"{target['Arn']} is not the ARN of an endpoint")
    listed = (target.get("SageMakerPipelineParameters") or {}).get("PipelineParameterList") or ()
    given = {one["Name"]: one["Value"] for one in listed}
    if unknown := sorted(set(given) - set(PARAMETERS)):
        raise BadTarget(f"an endpoint has no parameter {unknown[0]}; there are {', '.join(PARAMETERS)}")
    count = given.get("InstanceCount", "1")
    if not count.isdecimal() or not 1 <= int(count) <= 1000:
        raise BadTarget(f"InstanceCount must be a number from 1 to 1000, got '{count}'")
    strategy = given.get("Strategy", ALL_AT_ONCE)
    try:
        read_strategy(strategy)
    except BadStrategy as error:
        raise BadTarget(str(error)) from None
    role = given.get("ExecutionRoleArn") or role_arn(parts[4], ROLE_NAME)
    return DeployTarget(endpoint, given.get("InstanceType"), int(count), strategy, role)


@dataclass(frozen=True)
class DeployPlan:
    """A version on an endpoint. Equal plans yield equal names, so that resources are created once."""

    target: DeployTarget
    package: dict[str, Any]

    @property
    def instance_type(self) -> str:
        supported = self.package.get("InferenceSpecification", {}).get("SupportedRealtimeInferenceInstanceTypes") or ()
        return self.target.instance_type or next(iter(supported), DEFAULT_TYPE)

    @property
    def model(self) -> str:
        return self._named(self.package["ModelPackageGroupName"], self.target.role)

    @property
    def config(self) -> str:
        return self._named(self.target.endpoint, self.model, self.instance_type, str(self.target.instances))

    def _named(self, start: str, *what: str) -> str:
        """Returns a name; the time of creation distinguishes versions of successive groups with the same name."""
        arn, created = self.package["ModelPackageArn"], self.package["CreationTime"].isoformat()
        digest = hashlib.sha256("\n".join([arn, created, *what]).encode()).hexdigest()[:10]
        return f"{start[:_START].rstrip('-')}-v{self.package['ModelPackageVersion']}-{digest}"

    def model_request(self) -> dict[str, Any]:
        container = {"ModelPackageName": self.package["ModelPackageArn"]}
        return {"ModelName": self.model, "Containers": [container], "ExecutionRoleArn": self.target.role}

    def config_request(self) -> dict[str, Any]:
        variant = {
            "VariantName": VARIANT,
            "ModelName": self.model,
            "InitialInstanceCount": self.target.instances,
            "InstanceType": self.instance_type,
            "InitialVariantWeight": 1.0,
        }
        return {"EndpointConfigName": self.config, "ProductionVariants": [variant]}

    def create_request(self) -> dict[str, Any]:
        return {"EndpointName": self.target.endpoint, "EndpointConfigName": self.config}

    def update_request(self) -> dict[str, Any]:
        return self.create_request() | {"DeploymentConfig": read_strategy(self.target.strategy)}
