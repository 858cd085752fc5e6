"""References in arguments: what they lead to, and their values once that is known.

`{"Get": "Parameters.X"}`, `{"Get": "Execution.X"}`, `{"Get": "Steps.S.A.B[0]['c']"}`, `{"Std:Join": …}`, `{"Std:JsonGet": …}`.
Source: AWS's "SageMaker Pipeline Definition JSON Schema" and its guide, "Pass Data Between Steps", "property files".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from sagewright.model.budgets import CONTAINER, SCALAR, Budget, OverBudget, text_size
from sagewright.pipelines.errors import BadDefinition, BadReference

MOST_MADE = 4 << 20
"""Bytes that the references of one step may make, each join and each value that is inserted counted once."""
GET, JOIN, JSON_GET = "Get", "Std:Join", "Std:JsonGet"
PARAMETERS, EXECUTION, STEPS, FILES = "Parameters", "Execution", "Steps", "PropertyFiles"
ITERATION = frozenset({"ForEach", "IterationOutput"})
"""Roots that exist within a ForEach step alone: the current item, and the outputs of its iterations."""
_PART = re.compile(r"\.?([^.\[\]'\"]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
Path = tuple[str | int, ...]


class ReferenceResolver(Protocol):
    """What references may lead to. Each raises BadReference."""

    def parameter(self, name: str) -> Any: ...

    def execution_value(self, name: str) -> Any: ...

    def properties(self, step: str) -> dict[str, Any]: ...

    def file(self, step: str, name: str) -> Any:
        """The JSON of a property file."""
        ...

    def object(self, uri: str) -> Any:
        """The JSON at an S3 URI."""
        ...


def path_of(text: str) -> Path:
    """`A.B[0]['c']` in its parts. Raises BadDefinition."""
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None:
            raise BadDefinition(f"'{text}' is not a path.")
        word, index, single, double = match.groups()
        parts.append(
            int(index) if index is not None else next(one for one in (word, single, double) if one is not None)
        )
        at = match.end()
    return tuple(parts)


def follow(value: Any, path: Path) -> Any:
    """What is at a path. In a list, a name leads to the element with a member …Name of that value. Raises BadReference."""
    for part in path:
        found = _NOTHING
        if isinstance(value, dict):
            found = value.get(str(part), _NOTHING)
        elif isinstance(value, list) and isinstance(part, int):
            found = value[part] if part < len(value) else _NOTHING
        elif isinstance(value, list):
            found = next((one for one in value if isinstance(one, dict) and _named(one, str(part))), _NOTHING)
        if found is _NOTHING:
            raise BadReference(f"there is no '{part}' on the path {'.'.join(map(str, path))}")
        value = found
    return value


_NOTHING = object()


def _named(element: dict[str, Any], name: str) -> bool:
    return any(key.endswith("Name") and value == name for key, value in element.items())


def is_reference(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in {GET, JOIN, JSON_GET}


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """All references in a value, those inside of others among them."""
    if isinstance(value, dict):
        if is_reference(value):
            yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def check_forms(value: Any) -> None:
    """Raises BadDefinition for a reference that is not in its form."""
    for reference in walk(value):
        ((kind, inner),) = reference.items()
        if kind == JOIN and not (isinstance(inner, dict) and isinstance(inner.get("Values", []), list)):
            raise BadDefinition(f"{JOIN} must have a list of Values, got {str(inner)[:100]!r}.")
        if kind == JSON_GET and not (isinstance(inner, dict) and {"PropertyFile", "S3Uri"} & set(inner)):
            raise BadDefinition(f"{JSON_GET} must have a PropertyFile or an S3Uri, got {str(inner)[:100]!r}.")


def _gets(value: Any) -> Iterator[tuple[str, Path]]:
    """Raises BadDefinition."""
    for reference in walk(value):
        if GET in reference:
            text = reference[GET]
            if not isinstance(text, str):
                raise BadDefinition(f"Get must be a string, got {text!r}.")
            root, _, rest = text.partition(".")
            if root not in {PARAMETERS, EXECUTION, STEPS, *ITERATION} or not rest:
                raise BadDefinition(f"Get must lead to Parameters, Execution or Steps, got '{text}'.")
            yield root, path_of(rest)


def steps_of(value: Any, own: str) -> list[str]:
    """The names of the steps that are referred to. `own`: of the step whose arguments they are. Raises BadDefinition."""
    found = [str(path[0]) for root, path in _gets(value) if root == STEPS]
    if own in found:
        raise BadDefinition(f"Step '{own}' refers to itself.")
    return list(dict.fromkeys(found))


def reads_iterations(value: Any) -> bool:
    """Whether it refers to the item or the outputs of a ForEach step's iterations. Raises BadDefinition."""
    return any(root in ITERATION for root, _ in _gets(value))


def parameters_of(value: Any) -> list[str]:
    """Raises BadDefinition."""
    return list(dict.fromkeys(str(path[0]) for root, path in _gets(value) if root == PARAMETERS))


def resolve(value: Any, known: ReferenceResolver, budget: Budget | None = None) -> Any:
    """The value with its references replaced. What is made is counted before its memory is taken.

    `budget`: by default one of MOST_MADE bytes for this value alone. Raises BadReference, also for a value that exceeds it.
    """
    try:
        return _resolved(value, known, budget or Budget("What its references make", MOST_MADE))
    except OverBudget as error:
        raise BadReference(f"{error}.") from None


def _resolved(value: Any, known: ReferenceResolver, budget: Budget) -> Any:
    """Raises BadReference, OverBudget."""
    if isinstance(value, dict):
        if is_reference(value):
            return _replaced(value, known, budget)
        budget.spend(CONTAINER + sum(map(text_size, value)))
        return {key: _resolved(inner, known, budget) for key, inner in value.items()}
    if isinstance(value, list):
        budget.spend(CONTAINER)
        return [_resolved(inner, known, budget) for inner in value]
    budget.spend(text_size(value) if isinstance(value, str) else SCALAR)
    return value


def _replaced(reference: dict[str, Any], known: ReferenceResolver, budget: Budget) -> Any:
    ((kind, inner),) = reference.items()
    if kind == JOIN:
        return _join(inner, known, budget)
    found = _get(inner, known) if kind == GET else _json_get(inner, known, budget)
    budget.spend_value(found)
    return found


def _get(text: str, known: ReferenceResolver) -> Any:
    root, _, rest = text.partition(".")
    first, *path = path_of(rest)
    if root == PARAMETERS:
        return known.parameter(str(first))
    if root == EXECUTION:
        return known.execution_value(str(first))
    if path[:1] == [FILES] and len(path) == 2:
        return known.file(str(first), str(path[1]))
    try:
        return follow(known.properties(str(first)), tuple(path))
    except BadReference as error:
        raise BadReference(f"Unable to resolve {text}: {error}.") from None


def _join(inner: dict[str, Any], known: ReferenceResolver, budget: Budget) -> str:
    on = str(inner.get("On", ""))
    between = text_size(on)
    pieces: list[str] = []
    for one in inner.get("Values") or []:
        piece = text_of(_resolved(one, known, budget))
        budget.spend(text_size(piece) + (between if pieces else 0))
        pieces.append(piece)
    return on.join(pieces)


def _json_get(inner: dict[str, Any], known: ReferenceResolver, budget: Budget) -> Any:
    """The file itself is no part of what is made: only what stands at the path is."""
    file: Any = inner.get("PropertyFile")
    document = _get(file[GET], known) if is_reference(file) and GET in file else None
    given = _resolved({key: one for key, one in inner.items() if document is None or one is not file}, known, budget)
    if "S3Uri" in given:
        document = known.object(str(given["S3Uri"]))
    elif document is None:
        document = given.get("PropertyFile")
    try:
        return follow(document, path_of(str(given.get("Path", ""))))
    except (BadReference, BadDefinition) as error:
        raise BadReference(f"Unable to resolve Std:JsonGet: {error}.") from None


def text_of(value: Any) -> str:
    """A value as part of a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
