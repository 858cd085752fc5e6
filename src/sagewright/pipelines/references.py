"""References in arguments: finding, checking and resolving them.

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
"""Maximum bytes that the references of one step may produce; each join and each inserted value counts once."""
GET, JOIN, JSON_GET = "Get", "Std:Join", "Std:JsonGet"
PARAMETERS, EXECUTION, STEPS, FILES = "Parameters", "Execution", "Steps", "PropertyFiles"
ITERATION = frozenset({"ForEach", "IterationOutput"})
"""Roots that exist only within a ForEach step: the current item, and the outputs of its iterations."""
_PART = re.compile(r"\.?([^.\[\]'\"]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
Path = tuple[str | int, ...]


class ReferenceResolver(Protocol):
    """Resolves the targets of references. Each method raises BadReference."""

    def parameter(self, name: str) -> Any: ...

    def execution_value(self, name: str) -> Any: ...

    def properties(self, step: str) -> dict[str, Any]: ...

    def file(self, step: str, name: str) -> Any:
        """Returns the JSON of a property file."""
        ...

    def object(self, uri: str) -> Any:
        """Returns the JSON at an S3 URI."""
        ...


def path_of(text: str) -> Path:
    """Returns the parts of a path such as `A.B[0]['c']`. Raises BadDefinition."""
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
    """Returns the value at a path. In a list, a name selects the element whose member …Name has that value. Raises BadReference."""
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
    """Yields all references in a value, including nested ones."""
    if isinstance(value, dict):
        if is_reference(value):
            yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def check_forms(value: Any) -> None:
    """Checks the format of references. Raises BadDefinition."""
    for reference in walk(value):
        ((kind, inner),) = reference.items()
        if kind == JOIN and not (isinstance(inner, dict) and isinstance(inner.get("Values", []), list)):
            raise BadDefinition(f"{JOIN} must have a list of Values, got {str(inner)[:100]!r}.")
        if kind == JSON_GET and not (isinstance(inner, dict) and {"PropertyFile", "S3Uri"} & set(inner)):
            raise BadDefinition(f"{JSON_GET} must have a PropertyFile or an S3Uri, got {str(inner)[:100]!r}.")


def _gets(value: Any) -> Iterator[tuple[str, Path]]:
    """Yields the roots and paths of references. Raises BadDefinition."""
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
    """Returns the names of the steps that are referred to. `own`: the step whose arguments they are. Raises BadDefinition."""
    found = [str(path[0]) for root, path in _gets(value) if root == STEPS]
    if own in found:
        raise BadDefinition(f"Step '{own}' refers to itself.")
    return list(dict.fromkeys(found))


def reads_iterations(value: Any) -> bool:
    """True if it refers to the item or the outputs of a ForEach step's iterations. Raises BadDefinition."""
    return any(root in ITERATION for root, _ in _gets(value))


def parameters_of(value: Any) -> list[str]:
    """Returns the names of the parameters that are referred to. Raises BadDefinition."""
    return list(dict.fromkeys(str(path[0]) for root, path in _gets(value) if root == PARAMETERS))


def resolve(value: Any, known: ReferenceResolver, budget: Budget | None = None) -> Any:
    """Returns the value with its references replaced. Sizes are counted before memory is allocated.

    `budget`: by default MOST_MADE bytes for only this value. Raises BadReference, also for a value that exceeds it.
    """
    try:
        return _resolved(value, known, budget or Budget("The output of its references", MOST_MADE))
    except OverBudget as error:
        raise BadReference(f"{error}.") from None


def _resolved(value: Any, known: ReferenceResolver, budget: Budget) -> Any:
    """Returns the value with its references replaced. Raises BadReference, OverBudget."""
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
    """Returns the value at the path of a JSON file. Only that value counts towards the budget, not the file."""
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
    """Returns a value as part of a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
