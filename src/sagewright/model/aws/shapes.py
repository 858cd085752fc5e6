"""The operations and shapes of AWS's service models, as the server reads them.

They have the attributes of `botocore.model`, whose import takes a tenth of a server's start, because it brings an HTTP client, TLS
and the AWS Common Runtime along. A shape that is referenced without traits of its own is one object, so what is derived from it is
derived once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import orjson

SERIALIZED = frozenset(
    {
        "locationName", "queryName", "flattened", "location", "payload", "streaming", "timestampFormat", "xmlNamespace",
        "resultWrapper", "xmlAttribute", "eventstream", "event", "eventheader", "eventpayload", "jsonvalue", "hostLabel",
    }
)  # fmt: skip
"""Traits that say how a value is written; `locationName` is called `name`."""
CONSTRAINTS = frozenset(
    {
        "required", "min", "max", "pattern", "sensitive", "enum", "idempotencyToken", "error", "exception",
        "endpointdiscoveryid", "retryable", "document", "union", "contextParam", "clientContextParams", "requiresLength",
    }
)  # fmt: skip
Description = Mapping[str, Any]


class Shape:
    """The type of a value. `type_name`: AWS's name of the type, such as `string`."""

    def __init__(self, name: str, description: Description, shapes: Shapes | None = None) -> None:
        self.name = name
        self.type_name: str = description["type"]
        self._description = description
        self._shapes = shapes or _NONE

    @cached_property
    def serialization(self) -> dict[str, Any]:
        found = {trait: value for trait, value in self._description.items() if trait in SERIALIZED}
        if "locationName" in found:
            found["name"] = found.pop("locationName")
        return found

    @cached_property
    def metadata(self) -> dict[str, Any]:
        return {trait: value for trait, value in self._description.items() if trait in CONSTRAINTS}

    @cached_property
    def required_members(self) -> list[str]:
        found: list[str] = self._description.get("required", [])
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.name})>"


class StructureShape(Shape):
    """A structure."""

    @cached_property
    def members(self) -> dict[str, Shape]:
        return {name: self._shapes.refer(one) for name, one in self._description.get("members", {}).items()}

    @cached_property
    def error_code(self) -> str | None:
        """The code of an exception; its name, if it has no other."""
        if not self._description.get("exception"):
            return None
        return self._description.get("error", {}).get("code") or self.name


class ListShape(Shape):
    """A list."""

    @cached_property
    def member(self) -> Shape:
        return self._shapes.refer(self._description["member"])


class MapShape(Shape):
    """A map."""

    @cached_property
    def key(self) -> Shape:
        return self._shapes.refer(self._description["key"])

    @cached_property
    def value(self) -> Shape:
        return self._shapes.refer(self._description["value"])


class StringShape(Shape):
    """A string."""

    @cached_property
    def enum(self) -> list[str]:
        found: list[str] = self._description.get("enum", [])
        return found


_CLASSES: dict[str, type[Shape]] = {
    "structure": StructureShape,
    "list": ListShape,
    "map": MapShape,
    "string": StringShape,
}


class PackedDescriptions(Mapping[str, Description]):
    """Descriptions by name, as JSON that is parsed when one is read: of SageMaker's 3,300 shapes a server needs some hundred."""

    def __init__(self, packed: Mapping[str, str]) -> None:
        self._packed = packed

    def __getitem__(self, name: str) -> Description:
        found: Description = orjson.loads(self._packed[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


class Shapes:
    """The shapes of a service, by name."""

    def __init__(self, described: Mapping[str, Description]) -> None:
        self.described = described
        self._shared: dict[str, Shape] = {}

    def named(self, name: str) -> Shape:
        """Raises KeyError."""
        found = self._shared.get(name)
        if found is None:
            found = self._shared.setdefault(name, self._made(name, self.described[name]))
        return found

    def refer(self, reference: Description) -> Shape:
        """Returns the shape of a reference, whose traits take precedence over the shape's own."""
        name = reference["shape"]
        return self.named(name) if len(reference) == 1 else self._made(name, {**self.described[name], **reference})

    def _made(self, name: str, description: Description) -> Shape:
        return _CLASSES.get(description["type"], Shape)(name, description, self)


_NONE = Shapes({})


class OperationModel:
    """An operation. `metadata`: its service's; `http`: method, path and status."""

    def __init__(self, description: Description, service_model: ServiceModel, name: str) -> None:
        self.name, self.service_model, self.metadata = name, service_model, service_model.metadata
        self.http: dict[str, Any] = description.get("http", {})
        self._description = description

    def _structure(self, part: str) -> StructureShape | None:
        if part not in self._description:
            return None
        found = self.service_model.shapes.refer(self._description[part])
        assert isinstance(found, StructureShape)
        return found

    @cached_property
    def input_shape(self) -> StructureShape | None:
        return self._structure("input")

    @cached_property
    def output_shape(self) -> StructureShape | None:
        return self._structure("output")

    @cached_property
    def error_shapes(self) -> list[Shape]:
        return [self.service_model.shapes.refer(one) for one in self._description.get("errors", [])]

    @cached_property
    def idempotent_members(self) -> list[str]:
        members = self.input_shape.members if self.input_shape else {}
        return [name for name, shape in members.items() if shape.metadata.get("idempotencyToken")]

    @cached_property
    def deprecated(self) -> bool:
        return bool(self._description.get("deprecated", False))

    @cached_property
    def has_streaming_output(self) -> bool:
        """True if the body of the response is a blob."""
        shape = self.output_shape
        payload = shape.serialization.get("payload") if shape else None
        return payload is not None and shape is not None and shape.members[payload].type_name == "blob"

    def __repr__(self) -> str:
        return f"OperationModel(name={self.name})"


class ServiceModel:
    """A service's operations and shapes."""

    def __init__(self, description: Description, service_name: str) -> None:
        self.service_name = service_name
        self.metadata: dict[str, Any] = description.get("metadata", {})
        self.shapes = Shapes(description.get("shapes", {}))
        self._described: Mapping[str, Description] = description.get("operations", {})
        self._operations: dict[str, OperationModel] = {}

    @property
    def operation_names(self) -> list[str]:
        return list(self._described)

    def operation_model(self, name: str) -> OperationModel:
        """Raises KeyError for an operation that the service lacks."""
        found = self._operations.get(name)
        if found is None:
            made = OperationModel(self._described[name], self, name)
            found = self._operations.setdefault(name, made)
        return found

    def shape_for(self, name: str) -> Shape:
        """Raises KeyError."""
        return self.shapes.named(name)

    @property
    def shape_names(self) -> list[str]:
        return list(self.shapes.described)

    @cached_property
    def error_shapes(self) -> list[Shape]:
        """Shapes of all exceptions."""
        return [self.shape_for(name) for name, one in self.shapes.described.items() if one.get("exception")]
