"""Resources that can't be created here: lists are empty, nothing is found, Create is refused by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from sagewright.model.aws.service_models import operation_model, service_model
from sagewright.model.aws.shapes import Shape
from sagewright.services import registry

if TYPE_CHECKING:
    from conftest import RunningServer

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
CANDIDATES = (
    "absent", "d-absent", f"{ARN}:hub/absent", f"{ARN}:cluster/absent000000", f"{ARN}:mlflow-app/app-ABSENT", "1", "1.0.0",
    f"{ARN}:app/app-absent", f"{ARN}:partner-app/app-ABSENT123456", "0123456789ab", f"{ARN}:workteam/private-crowd/absent",
    f"{ARN}:inference-gateway/absent", f"{ARN}:model-card/a/export-job/b", "arn:aws:sagemaker:us-east-1:000000000000:x/y",
    f"{ARN}:extension/eks-absent/a/a", "arn:aws:iam::000000000000:role/absent", f"{ARN}:endpoint/absent",
    f"{ARN}:reserved-capacity/absent", f"{ARN}:training-plan/absent", "0" * 36, "s3://bucket/key", "https://example.com",
    "i-0123456789abcdef0", "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
ABSENT = sorted(name for (service, name), entry in registry.load().items() if service == "sagemaker" and entry.absent)
SERVED = {name for service, name in registry.load() if service == "sagemaker"}
CREATES = [
    name for name in service_model("sagemaker").operation_names if name.startswith("Create") and name not in SERVED
]


def value(shape: Shape) -> Any:
    """The least value that satisfies a shape's constraints."""
    least = int(shape.metadata.get("min", 0))
    if getattr(shape, "enum", None):
        return shape.enum[0]
    if shape.type_name == "string":
        pattern = shape.metadata.get("pattern", "(?s).*")
        fitting = (one for one in CANDIDATES if re.fullmatch(pattern, one) and len(one) >= least)
        return next(fitting, None) or pytest.fail(f"no candidate for {shape.name}: {pattern}")
    if shape.type_name == "structure":
        return {name: value(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [value(shape.member)] * least
    return {"map": {}, "boolean": True, "blob": b"", "timestamp": 0}.get(shape.type_name, max(least, 1))


def answer(client: Any, name: str) -> dict[str, Any]:
    model = operation_model("sagemaker", name)
    request = value(model.input_shape) if model is not None and model.input_shape is not None else {}
    described: dict[str, Any] = getattr(client, xform_name(name))(**request)
    return described


def test_every_list_and_every_other_operation_on_them(server: RunningServer) -> None:
    """A list is empty unless it belongs to one resource, which isn't there; no operation finds a resource."""
    wrong, empty, client = {}, 0, server.boto("sagemaker")
    for name in ABSENT:
        model = operation_model("sagemaker", name)
        assert model is not None
        expected = (
            "ResourceNotFound"
            if any(one.name == "ResourceNotFound" for one in model.error_shapes)
            else "ValidationException"
        )
        try:
            described = {key: one for key, one in answer(client, name).items() if key != "ResponseMetadata"}
        except ClientError as error:
            said = error.response["Error"]
            texts = ("does not exist.", "RecordNotFound")
            if said["Code"] != expected or not said["Message"].endswith(texts):
                wrong[name] = said
            continue
        empty += 1
        if not name.startswith("List") or list(described.values()) != [[]]:
            wrong[name] = described
    assert not wrong
    assert empty > 20


def test_every_create_is_refused_by_its_name(server: RunningServer) -> None:
    assert len(CREATES) > 30
    client = server.boto("sagemaker", config=Config(parameter_validation=False))
    for name in CREATES:
        with pytest.raises(ClientError) as error:
            getattr(client, xform_name(name))()
        assert error.value.response["Error"]["Code"] == "UnknownOperationException", name
        assert f"sagemaker:{name}" in error.value.response["Error"]["Message"]


def test_wrong_requests_are_refused_like_any_other(server: RunningServer) -> None:
    with pytest.raises(ClientError, match="failed to satisfy constraint"):
        server.boto("sagemaker").list_monitoring_schedules(NameContains="a b")
    with pytest.raises(ClientError, match="failed to satisfy constraint"):
        server.boto("sagemaker").describe_feature_group(FeatureGroupName="a b")


def test_what_aws_provides_itself_is_not_denied(server: RunningServer) -> None:
    for name, request in {
        "list_lineage_groups": {}, "list_resource_catalogs": {},
    }.items():  # fmt: skip
        with pytest.raises(ClientError, match="does not serve"):
            getattr(server.boto("sagemaker"), name)(**request)
