"""Operations on resources that can't be created here. They behave as on AWS in an account without any such resource.

Lists are empty, and Describe, Update, Start, Stop and Delete find nothing, so that cleanup scripts succeed. Create is refused with
a message that names the kind. A kind that is supported later replaces these operations by registering its own.

Source: AWS's API reference; the errors that each operation's model declares.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sagewright.model.aws.service_models import operation_model, service_model
from sagewright.model.aws.shapes import OperationModel, Shape, StructureShape
from sagewright.model.errors import AwsError, ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.registry import Operation, absent

VERB = re.compile(r"(List|Describe|Update|Start|Stop|Delete)([A-Z]\w*)")
BY_AWS = re.compile(
    r"LineageGroup|JobSchemaVersion|ResourceCatalog|ModelMetadata|ClusterExtensionVersion|EndpointPolicy|ModelCardExportJobs"
)
"""Kinds that AWS itself provides, or that belong to supported resources: an empty response would be wrong."""
TEXTS = {"NotebookInstance": "RecordNotFound"}
"""Messages that clients compare, by the kind of the missing resource."""
MOST_SHOWN = 256


def _model(name: str) -> OperationModel:
    found = operation_model("sagemaker", name)
    assert found is not None
    return found


def _list(name: str) -> Operation:
    def answer(context: Context, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
        model = _model(name)
        if parent := _named_by(model.input_shape):
            raise _missing(name, model, parent, request)
        output = model.output_shape
        return {member: [] for member, shape in output.members.items() if shape.type_name == "list"} if output else {}

    return answer


def _other(name: str) -> Operation:
    def answer(context: Context, request: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
        model = _model(name)
        raise _missing(name, model, _named_by(model.input_shape) or "", request)

    return answer


def _named_by(shape: StructureShape | None) -> str | None:
    """Returns the first required member that names a resource; enumerations don't count."""
    members = shape.required_members if shape is not None else []
    return next((one for one in members if shape and _names(shape.members[one])), None)


def _names(shape: Shape) -> bool:
    return shape.type_name == "string" and not getattr(shape, "enum", None)


def _missing(name: str, model: OperationModel, member: str, request: dict[str, Any]) -> AwsError:
    """Returns ResourceNotFound if the operation's model declares it, else ValidationException, as AWS does."""
    value = str(request.get(member, ""))
    found = VERB.fullmatch(name)
    kind = re.sub(r"(Name|Arn|Id)$", "", member)
    if found is not None and kind in {"", "Identifier", "ResourceIdentifier", "Job", "JobDefinition"}:
        kind = re.sub(r"s$", "", found[2]) if found[1] == "List" else found[2]
    text = TEXTS.get(kind, f"{kind} '{value[:MOST_SHOWN]}' does not exist.")
    modelled = any(shape.name == "ResourceNotFound" for shape in model.error_shapes)
    return ResourceNotFound(text) if modelled else ValidationException(text)


def _register() -> None:
    answers: dict[str, Callable[[str], Operation]] = {"List": _list}
    for name in service_model("sagemaker").operation_names:
        found = VERB.fullmatch(name)
        if found is not None and not BY_AWS.search(found[2]):
            absent("sagemaker", name, answers.get(found[1], _other)(name))


_register()
