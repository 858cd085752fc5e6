"""Checks an inference component's Specification, and converts it to a fleet with one variant whose instances are copies.

Source: AWS's API reference, InferenceComponentSpecification. Update requests name only the members that change; omitted members
stay.
"""

from __future__ import annotations

import uuid
from typing import Any

from sagewright.engine.endpoints.fleets import Fleet, Needs, Variant
from sagewright.engine.endpoints.placement import SPREAD
from sagewright.kinds.modelcontainers import containers_of
from sagewright.kinds.serving import role_of
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.hosting.models import MODELS
from sagewright.services.sagemaker.resources.model_data import check_model_data
from sagewright.services.sagemaker.resources.own_images import check_image

Specification = dict[str, Any]
NOT_SERVED = {
    "BaseInferenceComponentName": "adapters of other inference components",
    "InstanceType": "specifications for one of several instance types",
}
MOST_MEMBERS = ("ComputeResourceRequirements", "StartupParameters", "DataCacheConfig", "SchedulingConfig")
"""Members that are updated independently; ModelName and Container exclude each other."""


def given(request: dict[str, Any]) -> Specification | None:
    """Returns the Specification of a request, None if it has none. Raises ValidationException for unsupported members."""
    if "Specifications" in request:
        raise ValidationException("Sagewright serves Specification, one for all instances, and no Specifications.")
    specification: Specification | None = request.get("Specification")
    for member, what in NOT_SERVED.items():
        if specification is not None and member in specification:
            raise ValidationException(f"Specification has {member}: Sagewright serves no {what}.")
    return specification


def changed(present: Specification, requested: Specification) -> Specification:
    """Returns the specification after an update."""
    after = present | {name: requested[name] for name in MOST_MEMBERS if name in requested}
    if "ModelName" in requested:
        after.pop("Container", None)
        after["ModelName"] = requested["ModelName"]
    if "Container" in requested:
        if "ModelName" not in requested:
            after.pop("ModelName", None)
        after["Container"] = (present.get("Container") or {}) | requested["Container"]
    return after


def fleet_of(context: Context, specification: Specification, name: str, hosting: Variant, copies: int) -> Fleet:
    """`hosting`: the endpoint's variant. Raises ValidationException."""
    if ("ModelName" in specification) == ("Container" in specification):
        raise ValidationException("Exactly one of ModelName and Container must be given in Specification.")
    container, role, isolated = _model(context, specification) if "ModelName" in specification else (
        _container(context, specification["Container"]), hosting.role, False
    )  # fmt: skip
    startup = specification.get("StartupParameters") or {}
    variant = Variant(
        name=hosting.name,
        weight=1.0,
        desired=copies,
        instance_type=hosting.instance_type,
        containers=[container],
        model=specification.get("ModelName", ""),
        role=role,
        isolated=isolated or hosting.isolated,
        start_s=float(startup.get("ContainerStartupHealthCheckTimeoutInSeconds", hosting.start_s)),
        routing=hosting.routing,
        component=name,
        needs=_needs(specification),
    )
    return Fleet(id=uuid.uuid4().hex[:8], config="", variants=[variant])


def strategy(specification: Specification) -> str:
    described: str = (specification.get("SchedulingConfig") or {}).get("PlacementStrategy", SPREAD)
    return described


def _model(context: Context, specification: Specification) -> tuple[dict[str, Any], str, bool]:
    """Returns the container of a model, its role, and whether its network is isolated."""
    model = MODELS.require(context, specification["ModelName"]).document
    containers = containers_of(model)
    if len(containers) != 1 or containers[0].get("Mode") == "MultiModel":
        raise ValidationException(
            f"An inference component needs a model with one container of one model; {specification['ModelName']} has "
            f"{len(containers)}{', MultiModel' if len(containers) == 1 else ''}."
        )
    return containers[0], role_of(model, context.account), bool(model.get("EnableNetworkIsolation"))


def _container(context: Context, requested: dict[str, Any]) -> dict[str, Any]:
    if not requested.get("Image"):
        raise ValidationException("Container of Specification needs an Image.")
    if "ContainerMetricsConfig" in requested:
        raise ValidationException("Container has ContainerMetricsConfig: Sagewright scrapes no metrics.")
    container = {"Image": requested["Image"], "Environment": requested.get("Environment") or {}}
    if requested.get("ArtifactUrl"):
        container["ModelDataUrl"] = requested["ArtifactUrl"]
    check_image(context, container["Image"])
    check_model_data(context, container)
    return container


def _needs(specification: Specification) -> Needs:
    requested = specification.get("ComputeResourceRequirements")
    if requested is None:
        raise ValidationException("Specification needs ComputeResourceRequirements.")
    if "AcceleratorPartitionType" in requested:
        raise ValidationException(
            "Sagewright doesn't support AcceleratorPartitionType: accelerators can't be partitioned."
        )
    least, most = requested["MinMemoryRequiredInMb"], requested.get("MaxMemoryRequiredInMb", 0)
    if most and most < least:
        raise ValidationException(
            f"MaxMemoryRequiredInMb must be at least MinMemoryRequiredInMb: {most} is below {least}."
        )
    gpus = requested.get("NumberOfAcceleratorDevicesRequired", 0)
    if gpus != int(gpus):
        raise ValidationException(f"NumberOfAcceleratorDevicesRequired must be a whole number, got {gpus}.")
    return Needs(float(requested.get("NumberOfCpuCoresRequired", 0)), least, int(gpus), most)
