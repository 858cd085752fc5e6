"""SQS in the query protocol, which clients used before JSON (boto3 before 1.28.82, the first SDK for Java).

botocore's current model lacks the names of that protocol; a few rules derive them. Source: AWS's API reference, Amazon SQS, "Making
query requests"; the requests and answers of boto3 1.28.81.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sagewright.model.aws.service_models import described, operation_model
from sagewright.model.aws.shapes import OperationModel, ServiceModel
from sagewright.model.errors import AwsError

QUEUES = "sqs"
_NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"
_ENTRIES = {"Attributes": "Attribute", "MessageAttributes": "MessageAttribute", "Tags": "Tag", "tags": "Tag",
            "MessageSystemAttributes": "MessageSystemAttribute"}  # fmt: skip
"""Names of a map's entries."""
_ITEMS = {"MessageSystemAttributeList": "MessageSystemAttributeName", "StringList": "StringListValue",
          "BinaryList": "BinaryListValue"}  # fmt: skip
"""Names of a list's items, where they differ from the list's name in the singular."""


def address(operation: OperationModel, path: str, parameters: dict[str, Any]) -> None:
    """Adds the queue in the request's path to `parameters`, unless they name one.

    Raises AwsError for an action that does not apply to a queue.
    """
    members = operation.input_shape.members if operation.input_shape else {}
    if "QueueUrl" in members:
        parameters.setdefault("QueueUrl", path)
    elif operation.name != "GetQueueUrl":
        raise AwsError("InvalidAction", f"The action {operation.name} is not valid for this endpoint.")


@cache
def form_model(service: str, operation: str) -> OperationModel | None:
    """Returns the model of an operation for the query protocol, None if the service lacks the operation."""
    if service != QUEUES:
        return operation_model(service, operation)
    model = _queues()
    return model.operation_model(operation) if operation in model.operation_names else None


@cache
def _queues() -> ServiceModel:
    found = described(QUEUES)
    found["metadata"] |= {"protocol": "query", "xmlNamespace": _NAMESPACE}
    for name, operation in found["operations"].items():
        if "output" in operation:
            operation["output"]["resultWrapper"] = f"{name}Result"
    for name, shape in found["shapes"].items():
        _name_parts(name, shape)
    return ServiceModel(found, QUEUES)


def _name_parts(name: str, shape: dict[str, Any]) -> None:
    for member, reference in shape.get("members", {}).items():
        if member in _ENTRIES:
            reference["locationName"] = _ENTRIES[member]
    if shape["type"] == "list":
        shape["member"]["locationName"] = _ITEMS.get(name, name.removesuffix("List"))
    elif shape["type"] == "map":
        shape["key"]["locationName"], shape["value"]["locationName"] = (
            ("Key", "Value") if name == "TagMap" else ("Name", "Value")
        )
