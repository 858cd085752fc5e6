"""Validation of responses against the output shape: on in tests (`check_responses`), off in production."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sagewright.model.aws.columns import Columns
from sagewright.model.aws.shapes import ListShape, MapShape, OperationModel, Shape, StructureShape
from sagewright.model.errors import InternalFailure

SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime,),
}

_BATCHES = ("SendMessageBatchResult", "DeleteMessageBatchResult", "ChangeMessageVisibilityBatchResult")
LEFT_OUT = {
    ("DescribeModelPackageOutput", "ModelPackageName"),
    *((batch, member) for batch in _BATCHES for member in ("Successful", "Failed")),
}
"""Members that the model requires and AWS omits: the name of a versioned package, the empty lists of SQS's batches."""

OTHER_WORDS = {
    ("PermissionsBoundaryAttachmentType", "Policy"),
    ("FilterRuleName", "Prefix"),
    ("FilterRuleName", "Suffix"),
}
"""Values that AWS returns and the model lacks: IAM's API reference, AttachedPermissionsBoundary; recorded in localstack
test_s3_notifications_sqs::test_notifications_with_filter."""


def check(operation: OperationModel, result: dict[str, Any]) -> None:
    """Raises InternalFailure naming each member that is unknown, missing or of the wrong type."""
    faults: list[str] = []
    shape = operation.output_shape
    if shape is None:
        if any(not name.startswith("__") for name in result):
            faults.append(f"{operation.name} has no output, got {sorted(result)}")
    else:
        _walk(shape, result, operation.name, faults)
    if faults:
        raise InternalFailure("The answer breaks the service model: " + "; ".join(faults[:20]))


def _walk(shape: Shape, value: Any, path: str, faults: list[str]) -> None:
    if isinstance(shape, StructureShape):
        _structure(shape, value, path, faults)
    elif isinstance(shape, ListShape):
        if not isinstance(value, (list, tuple, Columns)):
            faults.append(f"{path} is not a list")
            return
        for position, item in enumerate(value):
            _walk(shape.member, item, f"{path}[{position}]", faults)
    elif isinstance(shape, MapShape):
        if not isinstance(value, dict):
            faults.append(f"{path} is not a map")
            return
        for key, item in value.items():
            _walk(shape.value, item, f"{path}[{key!r}]", faults)
    else:
        _scalar(shape, value, path, faults)


def _structure(shape: StructureShape, value: Any, path: str, faults: list[str]) -> None:
    if not isinstance(value, dict):
        faults.append(f"{path} is not a structure")
        return
    for name in shape.required_members:
        if value.get(name) is None and (shape.name, name) not in LEFT_OUT:
            faults.append(f"{path}.{name} is required and missing")
    for name, item in value.items():
        if name.startswith("__"):
            continue
        if name not in shape.members:
            faults.append(f"{path}.{name} is not in the model")
        elif item is not None:
            _walk(shape.members[name], item, f"{path}.{name}", faults)


def _scalar(shape: Shape, value: Any, path: str, faults: list[str]) -> None:
    expected = SCALARS.get(shape.type_name)
    if expected is None:
        return
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        faults.append(f"{path} must be {shape.type_name}, is {type(value).__name__}")
    enum = shape.metadata.get("enum")
    if enum and value not in enum and (shape.name, value) not in OTHER_WORDS:
        faults.append(f"{path} is {value!r}, not one of {enum}")
