"""The scalable targets served here: the instances of an endpoint's variant, and the copies of an inference component.

Source: Application Auto Scaling's API reference, RegisterScalableTarget and PredefinedMetricSpecification.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagewright.engine.described_endpoints import DescribedEndpoint
from sagewright.model.jobs.state_machines import EndpointStatus

CallOperation = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Calls an operation of SageMaker with the target's role. Raises AwsError."""
Dimensions = list[dict[str, str]]
NAMESPACE = "AWS/SageMaker"


@dataclass(frozen=True)
class VariantInstances:
    """Instances of a variant, by the resource id `endpoint/NAME/variant/NAME`."""

    endpoint: str
    variant: str
    dimension: str = "sagemaker:variant:DesiredInstanceCount"
    metric: str = "SageMakerVariantInvocationsPerInstance"
    noun: str = "instance"

    def present(self, ask: CallOperation) -> int | None:
        """Returns the desired number; None if it cannot be changed now."""
        found = ask("DescribeEndpoint", {"EndpointName": self.endpoint})
        if not DescribedEndpoint.read(found).serves:
            return None
        counts = {one["VariantName"]: one.get("DesiredInstanceCount") for one in found.get("ProductionVariants", [])}
        return counts.get(self.variant)

    def resize(self, ask: CallOperation, capacity: int) -> None:
        requested = [{"VariantName": self.variant, "DesiredInstanceCount": capacity}]
        request = {"EndpointName": self.endpoint, "DesiredWeightsAndCapacities": requested}
        ask("UpdateEndpointWeightsAndCapacities", request)

    def invocations(self) -> dict[str, Any]:
        scope = {"EndpointName": self.endpoint, "VariantName": self.variant}
        return _metric("InvocationsPerInstance", scope)


@dataclass(frozen=True)
class ComponentCopies:
    """Copies of an inference component, by the resource id `inference-component/NAME`."""

    component: str
    dimension: str = "sagemaker:inference-component:DesiredCopyCount"
    metric: str = "SageMakerInferenceComponentInvocationsPerCopy"
    noun: str = "copy"

    def present(self, ask: CallOperation) -> int | None:
        found = ask("DescribeInferenceComponent", {"InferenceComponentName": self.component})
        if found["InferenceComponentStatus"] != EndpointStatus.IN_SERVICE:
            return None
        count: int = found["RuntimeConfig"]["DesiredCopyCount"]
        return count

    def resize(self, ask: CallOperation, capacity: int) -> None:
        requested = {"CopyCount": capacity}
        request = {"InferenceComponentName": self.component, "DesiredRuntimeConfig": requested}
        ask("UpdateInferenceComponentRuntimeConfig", request)

    def invocations(self) -> dict[str, Any]:
        return _metric("InvocationsPerCopy", {"InferenceComponentName": self.component})


Scalable = VariantInstances | ComponentCopies
"""`dimension`: the scalable dimension; `metric`: the predefined metric that can be tracked, and `invocations` the CloudWatch metric
behind it; `noun`: the noun for what is counted. Its methods raise AwsError."""
FORMS = "endpoint/NAME/variant/NAME or inference-component/NAME"


def scalable_of(resource_id: str) -> Scalable | None:
    """Returns the target of a resource id; None if it matches no form in FORMS."""
    match resource_id.split("/"):
        case ["endpoint", endpoint, "variant", variant]:
            return VariantInstances(endpoint, variant)
        case ["inference-component", component]:
            return ComponentCopies(component)
    return None


def _metric(name: str, scope: dict[str, str]) -> dict[str, Any]:
    dimensions: Dimensions = [{"Name": key, "Value": value} for key, value in scope.items()]
    return {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": dimensions}
