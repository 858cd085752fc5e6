"""Validation of requests against the service model: lists every broken constraint in one message, in AWS's wording.

Source of the wording: contract of public error threads, for example `1 validation error detected: Value 'x' at 'trainingJobName'
failed to satisfy constraint: Member must ...`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from sagewright.model.aws.shapes import ListShape, MapShape, OperationModel, Shape, StructureShape
from sagewright.model.errors import AwsError, SerializationException, ValidationException
from sagewright.model.nearest import did_you_mean
from sagewright.wire.patterns import matcher
from sagewright.wire.protocols.members import in_range
from sagewright.wire.tagrules import check_tags

Failures = list[str]
Check = Callable[[Any, str, Failures], None]

MAX_FAILURES = 50
_SHOWN = 2048
HIDDEN = object()
"""Placeholder for a value that a message must not show."""
HIDE_WHAT_BREAKS_PATTERNS = frozenset({"logs"})
"""Services whose messages hide values that break a pattern, as observed on AWS."""
TAKE_ANY_WORD = frozenset({"sqs"})
"""Services whose operations handle unknown enumeration values themselves: SQS accepts names of another list from older clients."""
MOST_WORDS = 400
"""Maximum number of an enumeration's words that are compared with a value: SageMaker's instance types are 277."""
TELL_WHAT_IS_MISSING = frozenset({"sqs"})
"""Services with a separate code for a missing member."""
NOT_NULL = "Member must not be null"

_JAVA_TYPES = {
    "string": "String",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
    "structure": "Struct",
    "list": "List",
    "map": "Map",
    "blob": "Blob",
    "timestamp": "Timestamp",
}


def validate(operation: OperationModel, request: dict[str, Any]) -> None:
    """Removes members from `request` that the model lacks, as AWS ignores them.

    Raises SerializationException for a member of the wrong type, ValidationException for broken constraints.
    """
    if operation.input_shape is None:
        return
    failures: Failures = []
    _checker(operation.service_model.service_name, operation.name)(request, "", failures)
    if failures:
        if operation.service_model.service_name in TELL_WHAT_IS_MISSING:
            _tell_what_is_missing(failures)
        plural = "error" if len(failures) == 1 else "errors"
        raise ValidationException(
            f"{len(failures)} validation {plural} detected: " + "; ".join(failures[:MAX_FAILURES])
        )
    check_tags(operation.service_model.service_name, request)


def _tell_what_is_missing(failures: Failures) -> None:
    """Raises MissingParameter if a member is missing."""
    missing = next((text for text in failures if text.endswith(NOT_NULL)), None)
    if missing is not None:
        member = missing.split("'")[1].rpartition(".")[2]
        message = f"The request must contain the parameter {member[:1].upper()}{member[1:]}."
        raise AwsError("MissingParameter", message)


@cache
def _checker(service: str, name: str) -> Check:
    from sagewright.wire.models import operation_model

    operation = operation_model(service, name)
    if operation is None or operation.input_shape is None:
        return lambda _value, _path, _failures: None
    return _Compiler(service).compile(operation.input_shape)


class _Compiler:
    """Compiles shapes to checks once; recursive shapes are looked up late."""

    def __init__(self, service: str) -> None:
        self._known: dict[str, Check] = {}
        self._service = service

    def compile(self, shape: Shape) -> Check:
        if shape.name in self._known:
            return self._known[shape.name]
        known, name = self._known, shape.name

        def later(value: Any, path: str, failures: Failures) -> None:
            known[name](value, path, failures)

        known[name] = later
        check = self._build(shape)
        self._known[shape.name] = check
        return check

    def _build(self, shape: Shape) -> Check:
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            return self._list(shape)
        if isinstance(shape, MapShape):
            return self._map(shape)
        return _scalar(shape, self._service)

    def _structure(self, shape: StructureShape) -> Check:
        members = {name: self.compile(member) for name, member in shape.members.items()}
        required = list(shape.required_members)

        def check(value: Any, path: str, failures: Failures) -> None:
            if not isinstance(value, dict):
                raise _wrong_type(value, path, "structure")
            for name in required:
                if value.get(name) is None:
                    failures.append(_failure(None, _join(path, name), NOT_NULL))
            unknown = []
            for name, item in value.items():
                member = members.get(name)
                if member is None:
                    unknown.append(name)
                elif item is not None:
                    member(item, _join(path, name), failures)
            for name in unknown:
                del value[name]

        return check

    def _list(self, shape: ListShape) -> Check:
        item_check = self.compile(shape.member)
        length = _length(shape)

        def check(value: Any, path: str, failures: Failures) -> None:
            if not isinstance(value, list):
                raise _wrong_type(value, path, "list")
            length(len(value), value, path, failures)
            for position, item in enumerate(value, 1):
                if item is None:
                    failures.append(_failure(None, f"{path}.{position}.member", NOT_NULL))
                else:
                    item_check(item, f"{path}.{position}.member", failures)

        return check

    def _map(self, shape: MapShape) -> Check:
        key_check, value_check = self.compile(shape.key), self.compile(shape.value)
        length = _length(shape)

        def check(value: Any, path: str, failures: Failures) -> None:
            if not isinstance(value, dict):
                raise _wrong_type(value, path, "map")
            length(len(value), value, path, failures)
            broken_keys: Failures = []
            for key, item in value.items():
                key_check(key, path, broken_keys)
                broken: Failures = []
                if item is not None:
                    value_check(item, f"{path}.{key}.member", broken)
                failures.extend(_of_map(message, value, path, "value") for message in broken)
            failures.extend(_of_map(message, value, path, "key") for message in broken_keys)

        return check


def _of_map(message: str, value: Any, path: str, side: str) -> str:
    constraint = message.split("failed to satisfy constraint: ", 1)[1]
    return _failure(value, path, f"Map {side} must satisfy constraint: [{constraint}]")


def _scalar(shape: Shape, service: str) -> Check:
    kind = shape.type_name
    if kind in {"string", "character"}:
        return _string(shape, service)
    if kind in {"integer", "long", "float", "double"}:
        return _number(shape)
    expected: tuple[type, ...] = {
        "boolean": (bool,),
        "blob": (bytes, bytearray),
        "timestamp": (datetime,),
    }.get(kind, (object,))
    length = _length(shape)

    def check(value: Any, path: str, failures: Failures) -> None:
        if not isinstance(value, expected) and not hasattr(value, "read"):
            raise _wrong_type(value, path, kind)
        if isinstance(value, (bytes, bytearray)):
            length(len(value), value, path, failures)

    return check


def _string(shape: Shape, service: str) -> Check:
    length = _length(shape)
    secret = _is_secret(shape)
    enum = None if service in TAKE_ANY_WORD else shape.metadata.get("enum")
    allowed = frozenset(enum or ())
    pattern = shape.metadata.get("pattern")
    matches = matcher(pattern) if pattern else None

    def check(value: Any, path: str, failures: Failures) -> None:
        if not isinstance(value, str):
            raise _wrong_type(value, path, "string")
        length(len(value), value, path, failures)
        if enum and value not in allowed:
            shown = HIDDEN if secret else value
            near = "" if secret or failures else did_you_mean(value, enum, MOST_WORDS)  # once a request: it takes ms
            constraint = f"Member must satisfy enum value set: [{', '.join(enum)}]{'. ' if near else ''}{near}"
            failures.append(_failure(shown, path, constraint))
        if matches is not None and not matches(value):
            shown = HIDDEN if secret or service in HIDE_WHAT_BREAKS_PATTERNS else value
            failures.append(_failure(shown, path, f"Member must satisfy regular expression pattern: {pattern}"))

    return check


def _number(shape: Shape) -> Check:
    whole = shape.type_name in {"integer", "long"}
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def check(value: Any, path: str, failures: Failures) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong_type(value, path, shape.type_name)
        if not in_range(shape.type_name, value) or (whole and value != int(value)):
            raise _wrong_type(value, path, shape.type_name)
        if low is not None and value < low:
            failures.append(_failure(value, path, f"Member must have value greater than or equal to {low}"))
        if high is not None and value > high:
            failures.append(_failure(value, path, f"Member must have value less than or equal to {high}"))

    return check


def _length(shape: Shape) -> Callable[[int, Any, str, Failures], None]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    secret = _is_secret(shape)

    def check(size: int, value: Any, path: str, failures: Failures) -> None:
        shown = HIDDEN if secret else value
        if low is not None and size < low:
            failures.append(_failure(shown, path, f"Member must have length greater than or equal to {low}"))
        if high is not None and size > high:
            failures.append(_failure(shown, path, f"Member must have length less than or equal to {high}"))

    return check


def _is_secret(shape: Shape) -> bool:
    """Returns True for a value that messages hide, as on AWS."""
    return bool(shape.metadata.get("sensitive"))


def _join(path: str, member: str) -> str:
    name = member[:1].lower() + member[1:]
    return f"{path}.{name}" if path else name


def _failure(value: Any, path: str, constraint: str) -> str:
    shown = "" if value is HIDDEN else " null" if value is None else f" '{_show(value)}'"
    return f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _show(value: Any) -> str:
    if isinstance(value, dict):
        text = "{" + ", ".join(f"{k}={_show(v)}" for k, v in value.items()) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(_show(v) for v in value) + "]"
    elif isinstance(value, (bytes, bytearray)):
        text = f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"  # AWS's form; bytes can be secret
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _wrong_type(value: Any, path: str, expected: str) -> SerializationException:
    kinds: dict[type[Any], str] = {str: "STRING_VALUE", list: "START_ARRAY", dict: "START_OBJECT"}
    got = kinds.get(type(value), "NUMBER_VALUE")
    if isinstance(value, bool):
        got = "TRUE_VALUE" if value else "FALSE_VALUE"
    return SerializationException(
        f"{got} can not be converted to {_JAVA_TYPES.get(expected, expected)} at '{path or '/'}'"
    )
