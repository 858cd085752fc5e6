"""Warm start: rules for the parents of a tuning job.

Source: AWS's developer guide, "Run a warm start hyperparameter tuning job".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.kinds.tuning import KIND, TrainingDefinition, read_definitions
from sagewright.model.errors import ResourceNotFound, ValidationException
from sagewright.model.jobs.state_machines import ENDED
from sagewright.services.context import Context
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource
from sagewright.tuning.space import Categorical, Parameter

MOST_CHANGES = 10
MOST_TRAINING_JOBS = 500
"""Maximum number of training jobs of all parents together."""
IDENTICAL = "IdenticalDataAndAlgorithm"
CHANGEABLE = (
    "AlgorithmSpecification", "InputDataConfig", "OutputDataConfig", "StaticHyperParameters", "RoleArn", "ResourceConfig",
    "StoppingCondition", "VpcConfig", "EnableManagedSpotTraining", "CheckpointConfig",
)  # fmt: skip
ALSO = frozenset({"HyperParameterTuningResourceConfig", "DefinitionName", "TuningObjective", "HyperParameterRanges"})
FLAGS = frozenset({"EnableNetworkIsolation", "EnableInterContainerTrafficEncryption"})


def check_warm_start(context: Context, request: Mapping[str, Any], definitions: tuple[TrainingDefinition, ...]) -> None:
    """Raises ValidationException, ResourceNotFound for a parent that isn't there."""
    warm = request.get("WarmStartConfig")
    if warm is None:
        return
    if len(definitions) > 1:
        raise ValidationException("WarmStartConfig can't be given with several training job definitions.")
    names = [one.get("HyperParameterTuningJobName") for one in warm["ParentHyperParameterTuningJobs"]]
    if None in names or len(set(names)) != len(names):
        raise ValidationException(f"Each parent of a warm start is named once, got {names}.")
    total = 0
    for name in names:
        parent = resources.find(context.store, ResourceScope(KIND, context.account, context.region), str(name))
        if parent is None:
            raise ResourceNotFound(
                f"Amazon SageMaker can't find a tuning job with the name {name} in {context.region}."
            )
        _check_parent(parent, definitions[0], warm["WarmStartType"] == IDENTICAL)
        total += sum(resources.count_by_status(context.store, [parent.id])[parent.id].values())
    if total > MOST_TRAINING_JOBS:
        raise ValidationException(
            f"The parents of a warm start have at most {MOST_TRAINING_JOBS} training jobs together, got {total}."
        )


def _check_parent(parent: Resource, own: TrainingDefinition, identical: bool) -> None:
    if parent.status not in ENDED:
        raise ValidationException(
            f"The parent tuning job {parent.name} is in status {parent.status}; it must be Completed, Stopped or Failed."
        )
    theirs = read_definitions(parent.document)
    if len(theirs) > 1:
        raise ValidationException(f"The parent tuning job {parent.name} has several training job definitions.")
    (before,) = theirs
    if before.objective != own.objective:
        raise ValidationException(
            f"The objective metric must be that of the parent tuning job {parent.name}: {before.objective.metric}."
        )
    _check_names(parent.name, before, own)
    _check_members(parent.name, before, own, identical)


def _check_names(parent: str, before: TrainingDefinition, own: TrainingDefinition) -> None:
    """Checks that the names are the same; a parameter can be static in one and tuned in the other."""
    tuned, was_tuned = ({one.name: one for one in each.space.parameters} for each in (own, before))
    names, were = ({*each.static} | {*tuning} for each, tuning in ((own, tuned), (before, was_tuned)))
    if names != were:
        raise ValidationException(
            "The set of tunable plus static hyperparameter names must equal that of the parent tuning job "
            f"{parent}; different are {', '.join(sorted(names ^ were))}."
        )
    for name in sorted({*tuned} & {*was_tuned}):
        if type(tuned[name]) is not type(was_tuned[name]):
            raise ValidationException(
                f"Hyperparameter {name} has another type of range than in the parent tuning job {parent}."
            )
    changes = sum(_changes(name, before, own, was_tuned) for name in sorted(names))
    if changes > MOST_CHANGES:
        raise ValidationException(
            f"At most {MOST_CHANGES} changes of static hyperparameters are allowed from the parent tuning job {parent}, got "
            f"{changes}."
        )


def _changes(name: str, before: TrainingDefinition, own: TrainingDefinition, was_tuned: Mapping[str, Parameter]) -> int:
    """Counts the differences. A changed static value counts twice, as does a categorical parameter of two values that became
    static."""
    if name not in own.static:
        return 0
    if name in before.static:
        return 0 if before.static[name] == own.static[name] else 2
    range_ = was_tuned[name]
    return 2 if isinstance(range_, Categorical) and len(range_.values) == 2 else 1


def _check_members(parent: str, before: TrainingDefinition, own: TrainingDefinition, identical: bool) -> None:
    for member in sorted({*before.document} | {*own.document}):
        default = False if member in FLAGS else None
        if member in CHANGEABLE or member in ALSO:
            continue
        if before.document.get(member, default) != own.document.get(member, default):
            raise ValidationException(
                f"Only the following fields in TrainingJobDefinition are allowed to change: [{', '.join(_lower(CHANGEABLE))}]; "
                f"{member} differs from the parent tuning job {parent}."
            )
    if not identical:
        return
    for member, seen in (("AlgorithmSpecification", _itself), ("InputDataConfig", channels_without_places)):
        if seen(before.document.get(member)) != seen(own.document.get(member)):
            raise ValidationException(
                f"{member} must be that of the parent tuning job {parent} with the WarmStartType {IDENTICAL}."
            )


def _lower(names: tuple[str, ...]) -> list[str]:
    return [name[0].lower() + name[1:] for name in names]


def _itself(value: Any) -> Any:
    return value


def channels_without_places(channels: list[dict[str, Any]] | None) -> list[Any]:
    """Returns channels without their locations, which are not compared: SDK v2 uploads the same records to another location, and
    AWS accepts that."""
    found = []
    for channel in channels or ():
        source = channel["DataSource"].get("S3DataSource")
        placed = {**channel["DataSource"], "S3DataSource": {**source, "S3Uri": ""}} if source else channel["DataSource"]
        found.append({**channel, "DataSource": placed})
    return found
