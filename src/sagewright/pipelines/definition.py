"""Parses and checks pipeline definitions. Source: AWS's "SageMaker Pipeline Definition JSON Schema", version 2020-12-01."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from sagewright.model.budgets import size_of
from sagewright.pipelines import conditions, references
from sagewright.pipelines.dependencies import COMPLETED, read_dependencies
from sagewright.pipelines.durations import BadDuration, seconds
from sagewright.pipelines.errors import BadDefinition
from sagewright.pipelines.retries import RetryPolicy, read_retries
from sagewright.pipelines.step_types import is_type, step_type

VERSION = "2020-12-01"
NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
PARAMETER_TYPES: dict[str, type | tuple[type, ...]] = {
    "String": str, "Integer": int, "Float": (int, float), "Boolean": bool,
}  # fmt: skip
MEMBERS = frozenset({
    "Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description", "CacheConfig", "RetryPolicies", "PropertyFiles",
    "OutputParameters", "SqsQueueUrl", "FunctionArn", "ClusterId", "StepConfig", "ClusterConfig", "ExecutionRoleArn",
    "CheckType", "SkipCheck", "RegisterNewBaseline", "ModelPackageGroupName", "SuppliedBaselineStatistics",
    "SuppliedBaselineConstraints", "FailOnViolation", "CheckJobConfig", "QualityCheckConfig", "ClarifyCheckConfig", "ModelName",
})  # fmt: skip
"""Members of a step. Those from OutputParameters on belong to callbacks, functions, clusters and checks."""
CHECK_MEMBERS = (
    "SkipCheck", "RegisterNewBaseline", "FailOnViolation", "ModelPackageGroupName", "SuppliedBaselineStatistics",
    "SuppliedBaselineConstraints", "ModelName",
)  # fmt: skip
"""Members of a check step that may be references."""


@dataclass(frozen=True)
class PipelineParameter:
    name: str
    type: str
    default: Any = None
    required: bool = True
    enum: tuple[Any, ...] = ()

    def read(self, text: str) -> Any:
        """Returns the value that a text represents. Raises BadDefinition."""
        try:
            value = _TYPED[self.type](text)
        except ValueError:
            raise BadDefinition(f"Parameter [{self.name}] must be of type {self.type}, got '{text}'.") from None
        if self.enum and value not in self.enum:
            raise BadDefinition(f"Parameter [{self.name}] must be one of {list(self.enum)}, got '{text}'.")
        return value


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


_TYPED: dict[str, Any] = {"String": str, "Integer": int, "Float": float, "Boolean": _boolean}


@dataclass(frozen=True)
class PropertyFile:
    name: str
    output: str
    path: str


@dataclass(frozen=True)
class PipelineStep:
    """One step of a definition.

    `branch`: the condition steps that decide whether it runs, each with the required outcome. `needs`: names of all steps that must
    end before it. `triggers`: the outcomes required of steps that need not succeed. `body`: the steps that a ForEach step runs for
    each item. `cache_s`: maximum age of a reused result; None for no caching. `document`: the step as written.
    """

    name: str
    type: str
    arguments: Any
    document: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    branch: tuple[tuple[str, bool], ...] = ()
    cache_s: float | None = None
    retries: tuple[RetryPolicy, ...] = ()
    files: tuple[PropertyFile, ...] = field(default=())
    triggers: Mapping[str, str] = field(default_factory=dict)
    body: tuple[PipelineStep, ...] = ()

    @property
    def function_arn(self) -> str:
        """Returns the function that a Lambda step invokes."""
        return str(self.document["FunctionArn"])

    @property
    def queue_url(self) -> str:
        """Returns the queue that a Callback step sends to."""
        return str(self.document["SqsQueueUrl"])

    @property
    def check_members(self) -> dict[str, Any]:
        """Returns the members of a check step that may be references; {} for other types."""
        return _check_members(self.document)

    @property
    def outputs(self) -> list[Mapping[str, Any]]:
        """Returns the declared OutputParameters of a Lambda or Callback step."""
        return list(self.document.get("OutputParameters") or [])


@dataclass(frozen=True)
class PipelineDefinition:
    """`steps`: all steps; those of branches follow their condition step. `experiment`: PipelineExperimentConfig; None for none.
    `size`: bytes of all its values; see model.budgets.
    """

    parameters: tuple[PipelineParameter, ...]
    steps: tuple[PipelineStep, ...]
    experiment: Mapping[str, Any] | None
    size: int = 0

    @cached_property
    def _by_name(self) -> dict[str, PipelineStep]:
        return {one.name: one for one in self.steps}

    def step(self, name: str) -> PipelineStep:
        return self._by_name[name]

    def values(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Returns each parameter's value. Raises BadDefinition for one that is undeclared, missing, or of another type."""
        declared = {one.name: one for one in self.parameters}
        if unknown := sorted(set(given) - set(declared)):
            raise BadDefinition(f"Unknown parameter [{unknown[0]}] in pipeline execution request.")
        if missing := [one.name for one in self.parameters if one.required and one.name not in given]:
            raise BadDefinition(f"Parameter [{missing[0]}] is required and has no default value.")
        return {name: one.read(given[name]) if name in given else one.default for name, one in declared.items()}


def read_definition(text: str) -> PipelineDefinition:
    """Parses a definition; short ones are kept, since creation, start and execution each need it. Raises BadDefinition, whose text
    follows "Unable to parse pipeline definition."."""
    return _kept(text) if len(text) <= MOST_KEPT else _parsed(text)


@lru_cache(8)
def _kept(text: str) -> PipelineDefinition:
    return _parsed(text)


def _parsed(text: str) -> PipelineDefinition:
    try:
        return _read(json.loads(text))
    except BadDefinition:
        raise
    except RecursionError:
        raise BadDefinition("It is nested too deep.") from None
    except ValueError as error:
        raise BadDefinition(f"Malformed JSON: {error}") from None


def _read(document: Any) -> PipelineDefinition:
    _check_depth(document)
    _object(document)
    if document.get("Version") != VERSION:
        raise BadDefinition(f"Version must be '{VERSION}', got {document.get('Version')!r}.")
    steps = tuple(_steps(_array(document.get("Steps")), (), 0))
    parameters = tuple(_parameter(one) for one in _array(document.get("Parameters") or []))
    _unique([one.name for one in parameters], "Parameter")
    _unique([one.name for step in steps for one in (step, *step.body)], "Step")
    experiment = document.get("PipelineExperimentConfig")
    size = size_of(document, MOST_VALUES)
    if size > MOST_VALUES:
        raise BadDefinition(f"Its values take more than {MOST_VALUES} bytes in memory: it has too many of them.")
    definition = PipelineDefinition(parameters, steps, None if experiment is None else _object(experiment), size)
    _check(definition)
    return definition


MOST_KEPT = 256 << 10
"""Maximum characters of definitions that are kept parsed."""
MOST_DEPTH = 20
MOST_VALUES = 16 << 20
MOST_LEVELS = 200
"""Maximum nesting depth of JSON: readers recurse into it."""


def _steps(documents: list[Any], branch: tuple[tuple[str, bool], ...], depth: int) -> Iterator[PipelineStep]:
    """Yields the steps. Raises BadDefinition."""
    if depth > MOST_DEPTH:
        raise BadDefinition(f"Condition steps are nested more than {MOST_DEPTH} deep.")
    for document in documents:
        step = _step(_object(document), branch)
        yield step
        if step.type == "Condition":
            for member, outcome in (("IfSteps", True), ("ElseSteps", False)):
                inner = _array(step.arguments.get(member) or [])
                yield from _steps(inner, (*branch, (step.name, outcome)), depth + 1)


def _step(document: dict[str, Any], branch: tuple[tuple[str, bool], ...], iterated: bool = False) -> PipelineStep:
    """Parses a step. `iterated`: True in the body of a ForEach step. Raises BadDefinition."""
    name, type_ = document.get("Name"), document.get("Type")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadDefinition(f"Step name {name!r} must match {NAME.pattern}.")
    if not is_type(type_):
        raise BadDefinition(f"Unknown step type {type_!r} of step '{name}'.")
    if unknown := sorted(set(document) - MEMBERS):
        raise BadDefinition(f"Unknown member '{unknown[0]}' of step '{name}'.")
    arguments = document.get("Arguments", {})
    if type_ not in {"Lambda", "Callback"} or arguments is not None:
        _object(arguments)
    if type_ == "Condition":
        conditions.check(arguments.get("Conditions") or [])
    _check_called(name, type_, document)
    body = _body(name, arguments) if type_ == "ForEach" else ()
    own = {**_without_branches(type_, arguments), **_check_members(document)}
    references.check_forms(own)
    if not (iterated or body) and references.reads_iterations(own):
        raise BadDefinition(f"Step '{name}' refers to the items of a ForEach step and is in the body of none.")
    depends = read_dependencies(name, _array(document.get("DependsOn") or []))
    needs = _needs_of(name, [*depends, *(one[0] for one in branch[-1:])], own, body)
    triggers = {other: trigger for other, trigger in depends.items() if trigger != COMPLETED}
    files = tuple(
        PropertyFile(one["PropertyFileName"], one["OutputName"], one["FilePath"])
        for one in _array(document.get("PropertyFiles") or [])
    )
    cache_s, policies = _cache(document), read_retries(document)
    try:
        return PipelineStep(name, type_, arguments, document, needs, branch, cache_s, policies, files, triggers, body)
    except (KeyError, TypeError) as error:
        raise BadDefinition(f"Step '{name}': {error} is missing or has the wrong type.") from None


def _check_members(document: Mapping[str, Any]) -> dict[str, Any]:
    if not str(document.get("Type")).endswith("Check"):
        return {}
    return {name: document[name] for name in CHECK_MEMBERS if document.get(name) is not None}


def _needs_of(name: str, depends: list[str], arguments: Any, body: tuple[PipelineStep, ...]) -> tuple[str, ...]:
    """Returns the steps it waits for: those named, those its arguments refer to, and those that the steps of its body wait for."""
    found = [*depends, *references.steps_of(arguments, name), *(other for one in body for other in one.needs)]
    inner = {one.name for one in body}
    return tuple(one for one in dict.fromkeys(found) if one not in inner)


MOST_CONCURRENT = 50


def _body(name: str, arguments: dict[str, Any]) -> tuple[PipelineStep, ...]:
    """Returns the steps that a ForEach step runs for each item. Raises BadDefinition."""
    steps = tuple(_step(_object(one), (), iterated=True) for one in _array(arguments.get("ForEachBody")))
    if not steps:
        raise BadDefinition(f"ForEachBody of step '{name}' has no steps.")
    if refused := [one for one in steps if not step_type(one.type).iterated]:
        raise BadDefinition(f"ForEachBody of step '{name}' can't have steps of the type {refused[0].type}.")
    if not arguments.get("IterableItems"):
        raise BadDefinition(f"Step '{name}' must have IterableItems.")
    most = arguments.get("MaxConcurrency")
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MOST_CONCURRENT:
        raise BadDefinition(f"MaxConcurrency of step '{name}' must be from 1 to {MOST_CONCURRENT}, got {most!r}.")
    return steps


def _check_called(name: str, type_: str, document: dict[str, Any]) -> None:
    """Checks the member that names the step's function or queue. Raises BadDefinition."""
    member = step_type(type_).called_member
    if not member:
        return
    if not isinstance(document.get(member), str):
        raise BadDefinition(f"Step '{name}' of the type {type_} must have a {member}.")
    for output in _array(document.get("OutputParameters") or []):
        if not isinstance(_object(output).get("OutputName"), str):
            raise BadDefinition(f"Each of the OutputParameters of step '{name}' must have an OutputName.")
        if output.get("OutputType", "String") not in PARAMETER_TYPES:
            raise BadDefinition(
                f"OutputType of step '{name}' must be one of {sorted(PARAMETER_TYPES)}, got {output['OutputType']!r}."
            )


def _without_branches(type_: str, arguments: Any) -> Any:
    if type_ != "Condition":
        return arguments
    return {key: value for key, value in arguments.items() if key not in {"IfSteps", "ElseSteps"}}


def _cache(document: dict[str, Any]) -> float | None:
    """Returns the maximum age of a cached result in seconds; None if nothing is reused. Raises BadDefinition."""
    config = document.get("CacheConfig") or {}
    if not config.get("Enabled"):
        return None
    try:
        return seconds(config["ExpireAfter"]) if config.get("ExpireAfter") else float("inf")
    except BadDuration as error:
        raise BadDefinition(f"CacheConfig of step '{document['Name']}': {error}") from None


def _parameter(document: Any) -> PipelineParameter:
    name, type_ = _object(document).get("Name"), document.get("Type")
    if not isinstance(name, str) or type_ not in PARAMETER_TYPES:
        raise BadDefinition(f"Parameter {name!r} must have a name and one of the types {sorted(PARAMETER_TYPES)}.")
    enum, default = tuple(_array(document.get("EnumValues") or [])), document.get("DefaultValue")
    for value in (*enum, *([default] if default is not None else [])):
        of_type = isinstance(value, PARAMETER_TYPES[type_]) and isinstance(value, bool) == (type_ == "Boolean")
        if not of_type:
            raise BadDefinition(f"Parameter [{name}] must be of type {type_}, got {value!r}.")
    if enum and default is not None and default not in enum:
        raise BadDefinition(f"The default value of parameter [{name}] is not among its EnumValues.")
    return PipelineParameter(name, type_, default, default is None, enum)


def _check(definition: PipelineDefinition) -> None:
    """Checks that all names resolve and that no step waits for itself. Raises BadDefinition."""
    names = {one.name: one for one in definition.steps}
    parameters = {one.name for one in definition.parameters}
    config = dict(definition.experiment or {})
    references.check_forms(config)
    if unknown := [name for name in references.parameters_of(config) if name not in parameters]:
        raise BadDefinition(
            f"PipelineExperimentConfig refers to the parameter '{unknown[0]}', which is not in the definition."
        )
    if references.steps_of(config, ""):
        raise BadDefinition("PipelineExperimentConfig can't refer to steps.")
    for step in definition.steps:
        for other in step.needs:
            if other not in names:
                raise BadDefinition(f"Step '{step.name}' refers to the step '{other}', which is not in the definition.")
            if names[other].type == "Fail":
                raise BadDefinition(f"{step.name} can not depends on {other}: nothing may depend on a Fail step.")
        for name in references.parameters_of([_without_branches(step.type, step.arguments), step.check_members]):
            if name not in parameters:
                raise BadDefinition(
                    f"Step '{step.name}' refers to the parameter '{name}', which is not in the definition."
                )
    _check_order(names)


def _check_depth(document: Any) -> None:
    """Checks the nesting depth. Raises BadDefinition."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > MOST_LEVELS:
            raise BadDefinition(f"It is nested too deep: more than {MOST_LEVELS} levels.")
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [value for values in inner for value in values]


def _check_order(names: Mapping[str, PipelineStep]) -> None:
    """Checks the order. Raises BadDefinition for steps that wait for each other."""
    done: set[str] = set()
    for first in names:
        path: list[str] = []
        waiting = [(first, iter(names[first].needs))]
        while waiting:
            name, needs = waiting[-1]
            if name not in path:
                path.append(name)
            step = next((one for one in needs if one not in done), None)
            if step is None:
                done.add(name)
                path.remove(name)
                waiting.pop()
            elif step in path:
                raise BadDefinition(
                    f"Step dependencies form a cycle: {' -> '.join([*path[path.index(step) :], step])}."
                )
            else:
                waiting.append((step, iter(names[step].needs)))


def _unique(names: list[str], what: str) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise BadDefinition(f"{what} names must be unique; '{repeated[0]}' is used more than once.")


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadDefinition(f"Expecting start of Json Object. Got {str(value)[:100]!r}.")
    return value


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadDefinition(f"Expecting start of Json Array. Got {str(value)[:100]!r}.")
    return value
