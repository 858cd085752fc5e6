"""Responses of DescribeHyperParameterTuningJob and the lists, built from the stored request and the trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagewright.engine.tuning import trials
from sagewright.engine.tuning.trials import TrialRecord
from sagewright.kinds.training import OBJECTIVE
from sagewright.kinds.tuning import KIND, RESOURCE, TRIAL, TrainingDefinition, read_definitions, resource_configs
from sagewright.kinds.tuning import specification as with_objective
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import now_ms, to_datetime
from sagewright.services.context import Context
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import Resource

FLAGS = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
CHANNEL_DEFAULTS = {"CompressionType": "None", "RecordWrapperType": "None"}


def description(context: Context, tuner: Resource) -> dict[str, Any]:
    return _described(context, tuner, resources.count_by_status(context.store, [tuner.id])[tuner.id])


def descriptions(context: Context, rows: Sequence[Resource]) -> Iterable[dict[str, Any]]:
    """Describes several tuning jobs, with their Tags."""
    counted = resources.count_by_status(context.store, [row.id for row in rows])
    tagged = tags.of_all(context.store, [_arn(row) for row in rows])
    for row in rows:
        pairs = [{"Key": key, "Value": value} for key, value in tagged.get(_arn(row), {}).items()]
        yield _described(context, row, counted[row.id]) | {"Tags": pairs}


def summary(tuner: Resource, counted: Mapping[str, int]) -> dict[str, Any]:
    """Returns the list's summary of a tuning job."""
    config = tuner.document["HyperParameterTuningJobConfig"]
    return _head(tuner, counted) | {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}


def _head(tuner: Resource, counted: Mapping[str, int]) -> dict[str, Any]:
    by_job, by_objective = trials.counters(counted)
    head = {
        "HyperParameterTuningJobName": tuner.name,
        "HyperParameterTuningJobArn": _arn(tuner),
        "HyperParameterTuningJobStatus": tuner.status,
        "CreationTime": to_datetime(tuner.created_ms),
        "LastModifiedTime": to_datetime(tuner.modified_ms),
        "TrainingJobStatusCounters": by_job,
        "ObjectiveStatusCounters": by_objective,
    }
    ended_ms = tuner.document.get("EndedMs")
    return head | ({"HyperParameterTuningEndTime": to_datetime(ended_ms)} if ended_ms else {})


def _described(context: Context, tuner: Resource, counted: Mapping[str, int]) -> dict[str, Any]:
    document, definitions = tuner.document, read_definitions(tuner.document)
    config = {"TrainingJobEarlyStoppingType": "Off"} | document["HyperParameterTuningJobConfig"]
    described = _head(tuner, counted) | {"HyperParameterTuningJobConfig": config}
    if "TrainingJobDefinitions" in document:
        described["TrainingJobDefinitions"] = [_definition(one) for one in definitions]
    else:
        described["TrainingJobDefinition"] = _definition(definitions[0])
    described |= {name: document[name] for name in ("WarmStartConfig", "Autotune", "FailureReason") if name in document}
    best = _best(context, tuner, definitions)
    if best is not None:
        described["BestTrainingJob"] = trial_summary(context, tuner, *best)
        if (document.get("WarmStartConfig") or {}).get("WarmStartType") == "IdenticalDataAndAlgorithm":
            described["OverallBestTrainingJob"] = _overall(context, tuner, best)
    details: dict[str, Any] = {"NumberOfTrainingJobsObjectiveNotImproving": document.get("NotImproving", 0)}
    if "ConvergedMs" in document:
        details["ConvergenceDetectedTime"] = to_datetime(document["ConvergedMs"])
    described["TuningJobCompletionDetails"] = details
    ran_ms = document.get("EndedMs", now_ms()) - tuner.created_ms
    return described | {"ConsumedResources": {"RuntimeInSeconds": max(0, round(ran_ms / 1000))}}


def _definition(definition: TrainingDefinition) -> dict[str, Any]:
    """Fills in AWS's defaults: clients read ResourceConfig and the objective's hyperparameter even if they sent neither."""
    requested, objective = dict(definition.document), definition.objective.metric
    requested["StaticHyperParameters"] = {**definition.static, OBJECTIVE: objective}
    requested["AlgorithmSpecification"] = with_objective(requested, objective)
    requested["ResourceConfig"] = resource_configs(requested)[0]
    requested["OutputDataConfig"] = {"KmsKeyId": ""} | requested["OutputDataConfig"]
    if "InputDataConfig" in requested:
        requested["InputDataConfig"] = [CHANNEL_DEFAULTS | channel for channel in requested["InputDataConfig"]]
    return dict.fromkeys(FLAGS, False) | requested


def trial_summary(
    context: Context, tuner: Resource, record: TrialRecord, definition: TrainingDefinition
) -> dict[str, Any]:
    """Returns a HyperParameterTrainingJobSummary."""
    described: dict[str, Any] = {
        "TrainingJobName": record.name,
        "TrainingJobArn": sagemaker_arn(context.region, context.account, "training-job", record.name),
        "TuningJobName": tuner.name,
        "CreationTime": to_datetime(record.created_ms or tuner.created_ms),
        "TrainingJobStatus": record.status,
        "TunedHyperParameters": dict(record.values),
        "ObjectiveStatus": record.objective,
    }
    if definition.name:
        described["TrainingJobDefinitionName"] = definition.name
    for name, at_ms in (("TrainingStartTime", record.started_ms), ("TrainingEndTime", record.ended_ms)):
        if at_ms is not None:
            described[name] = to_datetime(at_ms)
    if record.reason is not None:
        described["FailureReason"] = record.reason
    if record.over and record.value is not None:
        described["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "Type": "Maximize" if definition.objective.maximize else "Minimize",
            "MetricName": definition.objective.metric,
            "Value": record.value,
        }
    return described


def _best(
    context: Context, tuner: Resource, definitions: Sequence[TrainingDefinition]
) -> tuple[TrialRecord, TrainingDefinition] | None:
    number = tuner.document.get("Best")
    if number is None:
        return None
    scope = ResourceScope(TRIAL, tuner.account, tuner.region)
    row = resources.find(context.store, scope, trials.name_of(tuner, number), number)
    if row is None:
        return None
    record = trials.read(row)
    return record, next(one for one in definitions if one.name == record.definition)


def _overall(context: Context, tuner: Resource, best: tuple[TrialRecord, TrainingDefinition]) -> dict[str, Any]:
    """Returns the best training job among this tuning job and the parents of its warm start."""
    found, owner = best, tuner
    for parent in tuner.document["WarmStartConfig"]["ParentHyperParameterTuningJobs"]:
        scope = ResourceScope(KIND, tuner.account, tuner.region)
        other = resources.find(context.store, scope, parent["HyperParameterTuningJobName"])
        theirs = _best(context, other, read_definitions(other.document)) if other else None
        if other and theirs and _better(theirs[0], found[0], best[1]):
            found, owner = theirs, other
    return trial_summary(context, owner, *found)


def _better(one: TrialRecord, other: TrialRecord, definition: TrainingDefinition) -> bool:
    if one.value is None or other.value is None:
        return other.value is None
    return definition.objective.better(one.value, other.value)


def _arn(tuner: Resource) -> str:
    return sagemaker_arn(tuner.region, tuner.account, RESOURCE, tuner.name)
