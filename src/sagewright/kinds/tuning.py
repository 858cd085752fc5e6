"""Hyperparameter tuning jobs: the searcher's study and the training jobs of a request.

Source: AWS's API reference, CreateHyperParameterTuningJob, and its developer guide, "Automatic model tuning".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagewright.algorithms.schema import catalogue
from sagewright.kinds.training import OBJECTIVE, metric_definitions, with_objective
from sagewright.kinds.tuningspace import holds, read_space
from sagewright.runtimes import images
from sagewright.tuning.loop import Rules
from sagewright.tuning.space import Space
from sagewright.tuning.study import Study

KIND = "tuning-job"
TRIAL = "tuning-trial"
"""Kind of the rows that record trials; each belongs to its tuning job."""
RESOURCE = "hyper-parameter-tuning-job"
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Static hyperparameters that set Hyperband's MaxResource if it is not given."""
STRATEGIES = ("Bayesian", "Random", "Hyperband", "Grid")
COPIED = (
    "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "StoppingCondition", "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining", "RetryStrategy", "Environment",
)  # fmt: skip


@dataclass(frozen=True)
class Objective:
    metric: str
    maximize: bool

    def better(self, value: float, other: float) -> bool:
        return value > other if self.maximize else value < other


@dataclass(frozen=True)
class TrainingDefinition:
    """One TrainingJobDefinition. `name`: "" if it is the only one and has none. `hints`: Autotune's, by hyperparameter."""

    name: str
    objective: Objective
    space: Space
    static: Mapping[str, str]
    document: Mapping[str, Any]
    hints: Mapping[str, str] = field(default_factory=dict)

    @property
    def role(self) -> str:
        return str(self.document["RoleArn"])

    @property
    def regex(self) -> str:
        """Returns the regular expression of the objective metric, "" if no definition names it."""
        found = metric_definitions({"AlgorithmSpecification": dict(self.document["AlgorithmSpecification"])})
        return next((one["Regex"] for one in found if one["Name"] == self.objective.metric), "")

    @property
    def epochs(self) -> int | None:
        """Returns the number of epochs in the static hyperparameters."""
        listed = (self.static.get(name, "").strip('"') for name in EPOCHS)
        return next((int(text) for text in listed if text.isdecimal() and int(text) >= 1), None)

    @property
    def starts(self) -> tuple[Mapping[str, str], ...]:
        """Returns Autotune's first trials: the values of its hints, and a built-in algorithm's defaults for the rest."""
        found = {**built_in_defaults(self.document), **self.hints} if self.hints else {}
        values = {one.name: found.get(one.name, "").strip('"') for one in self.space.parameters}
        return (values,) if found and holds(self.space, values) else ()

    @property
    def resumable(self) -> bool:
        """True if its training jobs keep checkpoints, from which another one can resume."""
        return bool(self.document.get("CheckpointConfig"))


@dataclass(frozen=True)
class TuningPlan:
    """The engine's view of a tuning job. `identical`: warm start with IdenticalDataAndAlgorithm."""

    strategy: str
    definitions: tuple[TrainingDefinition, ...]
    rules: Rules
    seed: int
    early_stopping: bool
    max_runtime_s: int | None
    parents: tuple[str, ...]
    identical: bool
    resource: tuple[int, int | None]

    def definition(self, name: str) -> TrainingDefinition:
        return next(one for one in self.definitions if one.name == name)

    def study(self, key: str, definition: TrainingDefinition) -> Study:
        """Returns the searcher's study. `key`: identifies the tuning job."""
        least, most = self.resource
        return Study(
            key=f"{key}/{definition.name}",
            space=definition.space,
            maximize=definition.objective.maximize,
            strategy=self.strategy,
            seed=self.seed,
            most_trials=self.rules.most_trials,
            most_parallel=self.rules.most_parallel,
            early_stopping=self.early_stopping,
            min_resource=least,
            max_resource=most,
            bounded=most is not None and definition.epochs is not None and definition.epochs <= most,
            resumable=self.strategy == "Hyperband" and definition.resumable,
            same_task=self.identical,
            starts=definition.starts,
        )


def read_plan(document: Mapping[str, Any], seed: int) -> TuningPlan:
    """Parses a request. Raises BadRanges. `seed`: used if the request has none."""
    config, warm = document["HyperParameterTuningJobConfig"], document.get("WarmStartConfig") or {}
    definitions = read_definitions(document)
    resource = max_resource(config, definitions)
    hyperband = (config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}
    return TuningPlan(
        strategy=config["Strategy"],
        definitions=definitions,
        rules=_rules(config, definitions),
        seed=config.get("RandomSeed", seed),
        early_stopping=config.get("TrainingJobEarlyStoppingType") == "Auto",
        max_runtime_s=config["ResourceLimits"].get("MaxRuntimeInSeconds"),
        parents=tuple(one["HyperParameterTuningJobName"] for one in warm.get("ParentHyperParameterTuningJobs") or ()),
        identical=warm.get("WarmStartType") == "IdenticalDataAndAlgorithm",
        resource=(hyperband.get("MinResource", 1), resource),
    )


def read_definitions(document: Mapping[str, Any]) -> tuple[TrainingDefinition, ...]:
    """Parses the training definitions. Raises BadRanges."""
    config, several = document["HyperParameterTuningJobConfig"], document.get("TrainingJobDefinitions")
    found = []
    for one in several or [document["TrainingJobDefinition"]]:
        requested = one.get("TuningObjective") or config["HyperParameterTuningJobObjective"]
        ranges = one.get("HyperParameterRanges") or config.get("ParameterRanges") or {}
        hints = {hint["Name"]: hint["ValueHint"] for hint in ranges.get("AutoParameters") or ()}
        found.append(
            TrainingDefinition(
                name=one.get("DefinitionName", ""),
                objective=Objective(requested["MetricName"], requested["Type"] == "Maximize"),
                space=read_space(ranges),
                static=one.get("StaticHyperParameters") or {},
                document=one,
                hints=hints if "Autotune" in document else {},
            )
        )
    return tuple(found)


def built_in_defaults(definition: Mapping[str, Any]) -> dict[str, str]:
    """Returns the defaults of a built-in algorithm's hyperparameters; none for any other image."""
    image = definition["AlgorithmSpecification"].get("TrainingImage")
    declared = catalogue.find(images.resolve_image(image).repository) if image else None
    return {one.name: one.default for one in declared.hyperparameters if one.default} if declared else {}


def max_resource(config: Mapping[str, Any], definitions: tuple[TrainingDefinition, ...]) -> int | None:
    """Returns Hyperband's MaxResource: as given, otherwise the epochs of the static hyperparameters; None if neither is set."""
    given = ((config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}).get("MaxResource")
    if given is not None:
        return int(given)
    return next((one.epochs for one in definitions if one.epochs is not None), None)


def _rules(config: Mapping[str, Any], definitions: tuple[TrainingDefinition, ...]) -> Rules:
    limits, criteria = config["ResourceLimits"], config.get("TuningJobCompletionCriteria") or {}
    most = limits.get("MaxNumberOfTrainingJobs")
    if most is None and config["Strategy"] == "Grid":
        most = sum(definition.space.size() or 0 for definition in definitions)
    return Rules(
        most_trials=most,
        most_parallel=limits["MaxParallelTrainingJobs"],
        target=criteria.get("TargetObjectiveMetricValue"),
        not_improving=(criteria.get("BestObjectiveNotImproving") or {}).get("MaxNumberOfTrainingJobsNotImproving"),
        convergence=(criteria.get("ConvergenceDetected") or {}).get("CompleteOnConvergence") == "Enabled",
    )


def resource_configs(definition: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the possible ResourceConfigs of a definition's training jobs, in the order in which they are tried."""
    tuned = definition.get("HyperParameterTuningResourceConfig")
    if tuned is None:
        return [dict(definition["ResourceConfig"])]
    key = {name: tuned[name] for name in ("VolumeKmsKeyId",) if tuned.get(name)}
    shapes = tuned.get("InstanceConfigs") or [tuned]
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
    return [{name: shape[name] for name in members if name in shape} | key for shape in shapes]


def specification(definition: Mapping[str, Any], objective: str) -> dict[str, Any]:
    """Returns the AlgorithmSpecification with the metrics of its training jobs."""
    requested = dict(definition["AlgorithmSpecification"])
    return requested | {
        "MetricDefinitions": with_objective(metric_definitions({"AlgorithmSpecification": requested}), objective)
    }


@dataclass(frozen=True)
class Child:
    """A training job to create. `config`: index of its instance configuration; `checkpoints`: the name of the training job whose
    checkpoints it resumes from, or ""."""

    name: str
    values: Mapping[str, str]
    config: int = 0
    checkpoints: str = ""


def child_request(definition: TrainingDefinition, child: Child, tags: list[dict[str, str]]) -> dict[str, Any]:
    """Returns CreateTrainingJob's request."""
    requested, objective = definition.document, definition.objective.metric
    configs = resource_configs(requested)
    request = {name: requested[name] for name in COPIED if name in requested} | {
        "TrainingJobName": child.name,
        "AlgorithmSpecification": requested["AlgorithmSpecification"],
        "HyperParameters": {**definition.static, **child.values, OBJECTIVE: objective},
        "ResourceConfig": configs[min(child.config, len(configs) - 1)],
    }
    if definition.resumable:
        checkpoints = dict(requested["CheckpointConfig"])
        checkpoints["S3Uri"] = f"{checkpoints['S3Uri'].rstrip('/')}/{child.checkpoints or child.name}"
        request["CheckpointConfig"] = checkpoints
    return request | ({"Tags": tags} if tags else {})
