"""Monitoring jobs, read from their two forms: the inline MonitoringJobDefinition, and a job definition of one monitoring type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagewright.engine.model_monitors.documents import MERGED, MonitoringType, ScheduleConfig
from sagewright.model.members import TypedDocument, member

KINDS: dict[str, str] = {
    MonitoringType.DATA_QUALITY: "data-quality-job-definition",
    MonitoringType.MODEL_QUALITY: "model-quality-job-definition",
    MonitoringType.MODEL_BIAS: "model-bias-job-definition",
    MonitoringType.MODEL_EXPLAINABILITY: "model-explainability-job-definition",
}
"""Kinds of resources of job definitions; also the prefix of their names in ARNs."""


class DefinitionGone(Exception):
    """The schedule's job definition was deleted; the message names it."""


@dataclass(frozen=True, kw_only=True)
class MonitoringApp(TypedDocument):
    """`config_uri`: Clarify's analysis configuration; `environment`: of a job definition, not of an inline one."""

    image: str = member("ImageUri")
    entrypoint: list[str] | None = member("ContainerEntrypoint", None)
    arguments: list[str] | None = member("ContainerArguments", None)
    preprocessor: str | None = member("RecordPreprocessorSourceUri", None)
    postprocessor: str | None = member("PostAnalyticsProcessorSourceUri", None)
    problem_type: str | None = member("ProblemType", None)
    config_uri: str | None = member("ConfigUri", None)
    environment: dict[str, str] = member("Environment", dict)


@dataclass(frozen=True, kw_only=True)
class MonitoredData(TypedDocument):
    """EndpointInput or BatchTransformInput."""

    endpoint: str | None = member("EndpointName", None)
    captured: str | None = member("DataCapturedDestinationS3Uri", None)
    dataset_format: dict[str, Any] = member("DatasetFormat", dict)
    local_path: str = member("LocalPath")
    mode: str = member("S3InputMode", "File")
    distribution: str = member("S3DataDistributionType", "FullyReplicated")
    start_offset: str | None = member("StartTimeOffset", None)
    end_offset: str | None = member("EndTimeOffset", None)
    features: str | None = member("FeaturesAttribute", None)
    inference: str | None = member("InferenceAttribute", None)
    probability: str | None = member("ProbabilityAttribute", None)
    threshold: float | None = member("ProbabilityThresholdAttribute", None)
    excluded: str | None = member("ExcludeFeaturesAttribute", None)

    @property
    def offsets(self) -> tuple[str | None, str | None]:
        return self.start_offset, self.end_offset


@dataclass(frozen=True, kw_only=True)
class ReportOutput(TypedDocument):
    uri: str = member("S3Uri")
    local_path: str = member("LocalPath")
    upload: str = member("S3UploadMode", "Continuous")


@dataclass(frozen=True, kw_only=True)
class StoredFile(TypedDocument):
    uri: str | None = member("S3Uri", None)


@dataclass(frozen=True, kw_only=True)
class Baseline(TypedDocument):
    job: str | None = member("BaseliningJobName", None)
    constraints: StoredFile = member("ConstraintsResource", StoredFile, StoredFile)
    statistics: StoredFile = member("StatisticsResource", StoredFile, StoredFile)


@dataclass(frozen=True)
class MonitoringJob:
    """`cluster` and `network`: as in a processing job's request. `ground_truth`: its prefix, None for types without."""

    type: str
    app: MonitoringApp
    data: MonitoredData
    output: ReportOutput
    baseline: Baseline
    cluster: dict[str, Any]
    role: str
    network: dict[str, Any] | None
    max_runtime_s: int | None
    kms_key: str | None
    ground_truth: str | None

    @property
    def merges(self) -> bool:
        return self.type in MERGED


def read_inline(definition: dict[str, Any]) -> MonitoringJob:
    """Reads MonitoringJobDefinition, which is always about the quality of data."""
    app = {**definition["MonitoringAppSpecification"], "Environment": definition.get("Environment")}
    return _read(
        MonitoringType.DATA_QUALITY,
        {
            **definition,
            "App": app,
            "Input": definition["MonitoringInputs"][0],
            "Output": definition["MonitoringOutputConfig"],
            "Baseline": definition.get("BaselineConfig"),
            "Resources": definition["MonitoringResources"],
        },
    )


def read_definition(type_: str, definition: dict[str, Any]) -> MonitoringJob:
    """Reads the request of Create…JobDefinition, whose members begin with the monitoring type."""
    return _read(
        type_,
        {
            **definition,
            "App": definition[f"{type_}AppSpecification"],
            "Input": definition[f"{type_}JobInput"],
            "Output": definition[f"{type_}JobOutputConfig"],
            "Baseline": definition.get(f"{type_}BaselineConfig"),
            "Resources": definition["JobResources"],
        },
    )


def read_job(config: ScheduleConfig, find: Callable[[str, str], dict[str, Any] | None]) -> MonitoringJob:
    """Returns a schedule's monitoring job; `find` returns the document of a definition by its kind and name. Raises
    DefinitionGone."""
    if config.inline is not None:
        return read_inline(config.inline)
    name = config.definition or ""
    document = find(KINDS[config.type], name)
    if document is None:
        raise DefinitionGone(f"The {KINDS[config.type].replace('-', ' ')} {name} no longer exists.")
    return read_definition(config.type, document)


def _read(type_: str, parts: dict[str, Any]) -> MonitoringJob:
    given = parts["Input"]
    outputs = parts["Output"]
    return MonitoringJob(
        type=type_,
        app=MonitoringApp.read(parts["App"]),
        data=MonitoredData.read(given.get("EndpointInput") or given["BatchTransformInput"]),
        output=ReportOutput.read(outputs["MonitoringOutputs"][0]["S3Output"]),
        baseline=Baseline.read(parts["Baseline"] or {}),
        cluster=parts["Resources"]["ClusterConfig"],
        role=parts["RoleArn"],
        network=parts.get("NetworkConfig"),
        max_runtime_s=(parts.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds"),
        kms_key=outputs.get("KmsKeyId"),
        ground_truth=(given.get("GroundTruthS3Input") or {}).get("S3Uri"),
    )
