"""Checks that CreateHyperParameterTuningJob makes beyond the constraints of the API model.

Source: AWS's API reference, CreateHyperParameterTuningJob, and its developer guide, "Automatic model tuning" (limits, strategies,
several algorithms).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sagewright.algorithms.schema import catalogue
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.kinds.table import KINDS
from sagewright.kinds.training import OBJECTIVE
from sagewright.kinds.tuning import EPOCHS, Child, TrainingDefinition, child_request, max_resource, read_definitions
from sagewright.kinds.tuningspace import BadRanges
from sagewright.model.errors import ResourceLimitExceeded, ValidationException
from sagewright.model.jobs.state_machines import TRAINING
from sagewright.model.quotas import requester_of
from sagewright.runtimes import images
from sagewright.services.context import Context
from sagewright.services.quotas import limits
from sagewright.services.sagemaker.jobs import training_checks
from sagewright.services.sagemaker.jobs.tuning_warmstart import check_warm_start
from sagewright.store.jobs.jobs import JobClaim
from sagewright.tuning.space import Categorical, Space

TRAININGS = KINDS[TRAINING.kind]
MOST_HYPERPARAMETERS = 100
MOST_PARALLEL = 100
MOST_TRAINING_JOBS = 750
MOST_RANDOM = 10_000


def check_request(context: Context, request: dict[str, Any]) -> None:
    """Raises ValidationException or ResourceLimitExceeded for the first setting that prevents a tuning job."""
    config = request["HyperParameterTuningJobConfig"]
    _check_definitions(request, config)
    try:
        definitions = read_definitions(request)
    except BadRanges as error:
        raise ValidationException(str(error)) from None
    for definition in definitions:
        _check_hyperparameters(definition)
        _check_built_in(definition)
        _check_objective(definition)
    _check_strategy(config, definitions)
    _check_limits(config)
    _check_early_stopping(request, config)
    for definition in definitions:
        for child in _samples(request, definition):
            training_checks.check_request(context, child)
    check_warm_start(context, request, definitions)
    _check_instances(context, config, definitions)


def _check_instances(context: Context, config: dict[str, Any], definitions: Sequence[TrainingDefinition]) -> None:
    """Raises ResourceLimitExceeded if the training jobs that would run in parallel exceed a limit of instances, as AWS does."""
    parallel = config["ResourceLimits"]["MaxParallelTrainingJobs"]
    for one in definitions:
        if resources := one.document.get("ResourceConfig"):
            instances = {resources["InstanceType"]: resources["InstanceCount"] * parallel}
            claim = JobClaim(requester_of(context.principal.arn), one.role.rpartition("/")[2], instances)
            limits.foresee(context, TRAININGS, claim, spot=bool(one.document.get("EnableManagedSpotTraining")))


def _check_definitions(request: dict[str, Any], config: dict[str, Any]) -> None:
    single, several = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions")
    if (single is None) == (several is None):
        raise ValidationException("Exactly one of TrainingJobDefinition and TrainingJobDefinitions must be given.")
    if single is not None:
        if "HyperParameterTuningJobObjective" not in config and "TuningObjective" not in single:
            raise ValidationException(
                "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric definitions."
            )
        return _check_resources(single)
    for member in ("HyperParameterTuningJobObjective", "ParameterRanges"):
        if member in config:
            raise ValidationException(
                f"{member} can't be given in HyperParameterTuningJobConfig together with TrainingJobDefinitions."
            )
    names = [one.get("DefinitionName") for one in several or ()]
    if None in names or len(set(names)) != len(names):
        raise ValidationException(f"Each of TrainingJobDefinitions needs a unique DefinitionName, got {names}.")
    for one in several or ():
        for member in ("TuningObjective", "HyperParameterRanges"):
            if member not in one:
                raise ValidationException(
                    f"{member} is required in the training job definition {one['DefinitionName']}."
                )
        _check_resources(one)
    return None


def _check_resources(definition: dict[str, Any]) -> None:
    plain, tuned = definition.get("ResourceConfig"), definition.get("HyperParameterTuningResourceConfig")
    if (plain is None) == (tuned is None):
        raise ValidationException("Exactly one of ResourceConfig and HyperParameterTuningResourceConfig must be given.")
    for member in ("KeepAlivePeriodInSeconds", "InstanceGroups"):
        if plain and member in plain:
            raise ValidationException(f"{member} isn't supported in the ResourceConfig of hyperparameter tuning jobs.")
    if tuned is None:
        return
    shape = [name for name in ("InstanceType", "InstanceCount", "VolumeSizeInGB") if name in tuned]
    if tuned.get("InstanceConfigs"):
        if shape:
            raise ValidationException(f"InstanceConfigs excludes {shape[0]} in HyperParameterTuningResourceConfig.")
    elif "AllocationStrategy" in tuned:
        raise ValidationException("AllocationStrategy needs InstanceConfigs in HyperParameterTuningResourceConfig.")
    elif "InstanceType" not in tuned or "InstanceCount" not in tuned:
        raise ValidationException(
            "HyperParameterTuningResourceConfig needs InstanceType and InstanceCount, or InstanceConfigs."
        )


def _check_hyperparameters(definition: TrainingDefinition) -> None:
    tuned = {one.name for one in definition.space.parameters}
    if not tuned:
        raise ValidationException("At least one hyperparameter range is required.")
    if both := sorted(tuned & set(definition.static)):
        raise ValidationException(f"Hyperparameter {both[0]} is both static and has a range.")
    if OBJECTIVE in tuned | set(definition.static):
        raise ValidationException(f"Hyperparameter {OBJECTIVE} is set by the tuning job.")
    count = len(tuned) + len(definition.static) + 1
    if count > MOST_HYPERPARAMETERS:
        raise ValidationException(
            f"At most {MOST_HYPERPARAMETERS} hyperparameters, static and tuned and {OBJECTIVE}, can be had, got {count}."
        )


def _declaration(definition: TrainingDefinition) -> Declaration | None:
    image = definition.document["AlgorithmSpecification"].get("TrainingImage")
    return catalogue.find(images.resolve_image(image).repository) if image else None


def _check_built_in(definition: TrainingDefinition) -> None:
    """Checks that the ranges of a built-in algorithm name only tunable hyperparameters."""
    declared = _declaration(definition)
    if declared is None:
        return
    specified = {one.name: one for one in declared.hyperparameters}
    tunable = sorted(name for name, one in specified.items() if one.recommended is not None)
    for parameter in definition.space.parameters:
        if parameter.name not in specified:
            raise ValidationException(f"The algorithm {declared.title} has no hyperparameter {parameter.name}.")
        if parameter.name not in tunable:
            raise ValidationException(
                f"Hyperparameter {parameter.name} of {declared.title} is not tunable. Tunable are {', '.join(tunable)}."
            )
        domain = specified[parameter.name].domain
        ends = parameter.values if isinstance(parameter, Categorical) else (str(parameter.low), str(parameter.high))
        for text in ends:
            try:
                inside = domain.parse(text) in domain
            except ValueError:
                inside = False
            if not inside:
                raise ValidationException(f"Hyperparameter {parameter.name}: {text} is not in {domain}.")


def _check_objective(definition: TrainingDefinition) -> None:
    metric, declared = definition.objective.metric, _declaration(definition)
    given = definition.document["AlgorithmSpecification"].get("MetricDefinitions") or []
    names = [one["Name"] for one in given]
    if declared is not None:
        names += [one.name for one in declared.metrics if one.objective]
    if metric not in names:
        found = (
            f"Metrics that can be objectives: {', '.join(sorted(names))}."
            if names
            else "There is no metric definition."
        )
        raise ValidationException(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric definitions. "
            f"{metric} is not among them. {found}"
        )


def _check_strategy(config: dict[str, Any], definitions: tuple[TrainingDefinition, ...]) -> None:
    strategy, limits = config["Strategy"], config["ResourceLimits"]
    hyperband = (config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig")
    if hyperband is not None and strategy != "Hyperband":
        raise ValidationException(
            f"HyperbandStrategyConfig can be given with the strategy Hyperband only, got {strategy}."
        )
    if strategy == "Grid":
        _check_grid(limits, [definition.space for definition in definitions])
    if strategy == "Hyperband":
        most = max_resource(config, definitions)
        if most is None:
            raise ValidationException(
                "MaxResource is required in HyperbandStrategyConfig unless a static hyperparameter sets the number of epochs "
                f"({', '.join(EPOCHS)})."
            )
        least = (hyperband or {}).get("MinResource", 1)
        if least > most:
            raise ValidationException(f"MinResource {least} is above MaxResource {most}.")


def _check_grid(limits: Mapping[str, Any], spaces: list[Space]) -> None:
    for space in spaces:
        if other := [one.name for one in space.parameters if not isinstance(one, Categorical)]:
            raise ValidationException(f"The strategy Grid accepts only categorical ranges; {other[0]} has another one.")
    total, requested = sum(space.size() or 0 for space in spaces), limits.get("MaxNumberOfTrainingJobs")
    if requested is not None and requested != total:
        raise ValidationException(
            f"MaxNumberOfTrainingJobs must be the number of points of the grid, {total}, or not be given; got {requested}."
        )
    if total > MOST_TRAINING_JOBS:
        raise _limit("training jobs per hyperparameter tuning job", MOST_TRAINING_JOBS, total)


def _check_limits(config: dict[str, Any]) -> None:
    limits, criteria = config["ResourceLimits"], config.get("TuningJobCompletionCriteria") or {}
    parallel, most = limits["MaxParallelTrainingJobs"], limits.get("MaxNumberOfTrainingJobs")
    highest = MOST_RANDOM if config["Strategy"] == "Random" else MOST_TRAINING_JOBS
    if parallel > MOST_PARALLEL:
        raise _limit("parallel training jobs per hyperparameter tuning job", MOST_PARALLEL, parallel)
    if most is not None and most > highest:
        raise _limit("training jobs per hyperparameter tuning job", highest, most)
    if most is not None and parallel > most:
        raise ValidationException(
            f"MaxParallelTrainingJobs {parallel} must be less than or equal to MaxNumberOfTrainingJobs {most}."
        )
    if most is None and config["Strategy"] != "Grid" and "MaxRuntimeInSeconds" not in limits and not criteria:
        raise ValidationException(
            "One of MaxNumberOfTrainingJobs and MaxRuntimeInSeconds in ResourceLimits, or TuningJobCompletionCriteria, is "
            f"required with the strategy {config['Strategy']}."
        )


def _check_early_stopping(request: dict[str, Any], config: dict[str, Any]) -> None:
    auto = config.get("TrainingJobEarlyStoppingType") == "Auto"
    if auto and config["Strategy"] == "Hyperband":
        raise ValidationException(
            "TrainingJobEarlyStoppingType must be Off with the strategy Hyperband, which stops jobs itself."
        )
    if auto and "TrainingJobDefinitions" in request:
        raise ValidationException(
            "TrainingJobEarlyStoppingType must be Off where there are several training job definitions."
        )


def _samples(request: dict[str, Any], definition: TrainingDefinition) -> Iterator[dict[str, Any]]:
    """Yields training job requests as they will be created: one for each instance configuration."""
    name = f"{request['HyperParameterTuningJobName']}-001-00000000"
    values = {one.name: one.value(0.5) for one in definition.space.parameters}
    tuned = definition.document.get("HyperParameterTuningResourceConfig") or {}
    for at in range(max(1, len(tuned.get("InstanceConfigs") or ()))):
        yield child_request(definition, Child(name, values, at), [])


def _limit(what: str, most: int, requested: int) -> ResourceLimitExceeded:
    return ResourceLimitExceeded(
        f"The account-level service limit 'Number of {what}' is {most}, and {requested} were asked for."
    )
