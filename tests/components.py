"""Shared by tests of inference components: endpoints that host some, components of small models, and waiting."""

from __future__ import annotations

import time
from typing import Any

from tests.conftest import ROLE
from tests.hosting import Hosting

SMALL = {"NumberOfCpuCoresRequired": 0.5, "MinMemoryRequiredInMb": 512}


class Components(Hosting):
    """Inference components of one server, by boto3."""

    def host_config(self, name: str, **changes: Any) -> str:
        """A configuration with one variant, `v`, that has no model."""
        variant = {"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1} | changes
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ExecutionRoleArn=ROLE, ProductionVariants=[variant]
        )
        return name

    def host(self, name: str, **changes: Any) -> None:
        """An endpoint of such a configuration; nobody waits for it."""
        self.sagemaker.create_endpoint(
            EndpointName=name, EndpointConfigName=self.host_config(f"{name}-config", **changes)
        )

    def create(self, name: str, endpoint: str, copies: int = 1, **specification: Any) -> None:
        """The component's model has its name, unless the specification says otherwise; members that are None there are left out."""
        asked = {"ModelName": name, "ComputeResourceRequirements": SMALL} | specification
        self.sagemaker.create_inference_component(
            InferenceComponentName=name,
            EndpointName=endpoint,
            VariantName="v",
            Specification={key: value for key, value in asked.items() if value is not None},
            RuntimeConfig={"CopyCount": copies},
        )

    def component(self, name: str, endpoint: str, copies: int = 1, **specification: Any) -> dict[str, Any]:
        """A new one that is in service."""
        self.create(name, endpoint, copies, **specification)
        return self.settled_component(name)

    def described(self, name: str) -> dict[str, Any]:
        description: dict[str, Any] = self.sagemaker.describe_inference_component(InferenceComponentName=name)
        return description

    def settled_component(self, name: str, status: str = "InService", timeout_s: float = 60) -> dict[str, Any]:
        """The component once nothing is under way; it has that status then."""
        until = time.monotonic() + timeout_s
        while (description := self.described(name))["InferenceComponentStatus"] in {"Creating", "Updating"}:
            assert time.monotonic() < until, description
            time.sleep(0.05)
        assert description["InferenceComponentStatus"] == status, description
        return description

    def copies(self, name: str, count: int) -> dict[str, Any]:
        """Returns the component once it has the requested number of copies."""
        self.sagemaker.update_inference_component_runtime_config(
            InferenceComponentName=name, DesiredRuntimeConfig={"CopyCount": count}
        )
        return self.settled_component(name)

    def component_names(self) -> set[str]:
        pages = self.sagemaker.get_paginator("list_inference_components").paginate()
        return {one["InferenceComponentName"] for page in pages for one in page["InferenceComponents"]}

    def remove(self, *names: str, timeout_s: float = 30) -> None:
        """Return once they are gone."""
        until = time.monotonic() + timeout_s
        for name in names:
            while self.described(name)["InferenceComponentStatus"] in {"Creating", "Updating"}:
                assert time.monotonic() < until, name
                time.sleep(0.05)
            self.sagemaker.delete_inference_component(InferenceComponentName=name)
        while left := self.component_names() & set(names):
            assert time.monotonic() < until, left
            time.sleep(0.05)

    def delete_all(self, timeout_s: float = 90) -> None:
        self.remove(*self.component_names())
        super().delete_all(timeout_s)
