"""Requests of the processing jobs of an execution, with the inputs and variables that AWS's containers and a user's own expect.

Source: AWS's developer guide, "Container contract inputs"; requests of real executions that users have published in issues and
repositories: names of jobs and inputs, local paths, dataset_format and metric_time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sagewright.engine.model_monitors.captured_data import DataPart
from sagewright.engine.model_monitors.definitions import MonitoredData, MonitoringJob
from sagewright.engine.model_monitors.documents import MonitoringType
from sagewright.engine.model_monitors.windows import AnalysisWindow
from sagewright.model.clock import to_datetime

Request = dict[str, Any]
MOST_NAME = 63
MOST_INPUTS = 10
"""Maximum inputs of a processing job."""
NAMES = {
    MonitoringType.DATA_QUALITY: "model-monitoring",
    MonitoringType.MODEL_QUALITY: "model-quality-monitoring",
    MonitoringType.MODEL_BIAS: "model-bias-monitoring",
    MonitoringType.MODEL_EXPLAINABILITY: "model-explainability-monitoring",
}
"""Beginnings of jobs' names by monitoring type."""
MERGE_NAME = "groundtruth-merge"
_ANALYSES = {
    MonitoringType.MODEL_QUALITY: "MODEL_QUALITY",
    MonitoringType.MODEL_BIAS: "MODEL_BIAS",
    MonitoringType.MODEL_EXPLAINABILITY: "MODEL_EXPLAINABILITY",
}
_MAX_RUNTIME_S = {MonitoringType.MODEL_QUALITY: 1800, MonitoringType.MODEL_BIAS: 1800}
"""Time limits without a StoppingCondition where a job takes turns with a merge job; 3600 otherwise."""
_PROCESSING = "/opt/ml/processing"
_MERGE_SOURCE, _MERGE_TRUTH, _MERGE_OUTPUT = (
    f"{_PROCESSING}/{name}" for name in ("input_data", "groundtruth", "output")
)
_MERGER = "sagemaker-model-monitor-groundtruth-merger"
_TRANSFORMED = "batchTransformOutput"
_REGISTRY = "156813124566.dkr.ecr.{region}.amazonaws.com"
"""Registry of AWS's monitors; the account is that of us-east-1 and is not looked at here."""


@dataclass(frozen=True)
class ExecutionFacts:
    """`due_ms`: the scheduled time; `suffix`: common ending of the names of the execution's jobs."""

    schedule: str
    region: str
    due_ms: int
    window: AnalysisWindow
    suffix: str

    def job(self, beginning: str) -> str:
        return f"{beginning}-{self.suffix}"[:MOST_NAME]


@dataclass(frozen=True)
class BaselineFiles:
    constraints: str | None = None
    statistics: str | None = None


def suffix(due_ms: int, unique: str) -> str:
    """Returns the ending of jobs' names: the scheduled minute and 24 hexadecimal digits, as AWS's."""
    return f"{to_datetime(due_ms):%Y%m%d%H%M}-{unique[:24]}"


def merge_uri(job: MonitoringJob) -> str:
    """Returns the prefix of merged records."""
    return f"{job.output.uri.rstrip('/')}/merge"


def report_uri(job: MonitoringJob, facts: ExecutionFacts) -> str:
    """Returns the prefix of an execution's reports."""
    steps = [job.output.uri.rstrip("/"), *([job.data.endpoint] if job.data.endpoint else []), facts.schedule]
    return "/".join([*steps, f"{to_datetime(facts.due_ms):%Y/%m/%d/%H}"])


def merge_request(
    job: MonitoringJob, facts: ExecutionFacts, captured: Sequence[DataPart], truth: Sequence[DataPart]
) -> Request:
    """Returns the request of the job that joins captured records with ground truth by their event ids."""
    inputs = _inputs("groundtruth_input", truth, _MERGE_TRUTH) + _inputs("endpoint_input", captured, _MERGE_SOURCE)
    host = job.app.image.partition("/")[0] if ".dkr.ecr." in job.app.image else _REGISTRY.format(region=facts.region)
    environment = {
        "dataset_source": _MERGE_SOURCE,
        "ground_truth_source": _MERGE_TRUTH,
        "output_path": _MERGE_OUTPUT,
        **_window(facts),
    }
    if job.data.endpoint is None:
        environment |= {
            "dataset_format": json.dumps(_batch_format(job.data), separators=(",", ":")),
            "monitoring_input_type": "BATCH_TRANSFORM_INPUT",
            "sagemaker_monitoring_schedule_name": facts.schedule,
        }
    request = _request(job, facts.job(MERGE_NAME), {"ImageUri": f"{host}/{_MERGER}"}, environment)
    return request | {
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": _output(job, _MERGE_OUTPUT, merge_uri(job), "EndOfJob"),
    }


def analysis_request(
    job: MonitoringJob, facts: ExecutionFacts, data: Sequence[DataPart], baseline: BaselineFiles
) -> Request:
    """Returns the request of the job that analyzes captured or merged records."""
    files = _files(job, baseline)
    inputs = [_input(name, DataPart(uri, ""), place) for _variable, name, uri, place in files]
    monitored = _inputs("endpoint_input", data, job.data.local_path)
    for one in monitored:
        one["S3Input"] |= {"S3InputMode": job.data.mode, "S3DataDistributionType": job.data.distribution}
    environment = {
        **job.app.environment,
        **{variable: f"{place}/{_basename(uri)}" for variable, _name, uri, place in files if variable},
        **_variables(job, facts),
    }
    app: Request = {"ImageUri": job.app.image}
    if job.app.entrypoint:
        app["ContainerEntrypoint"] = job.app.entrypoint
    if job.app.arguments:
        app["ContainerArguments"] = job.app.arguments
    request = _request(job, facts.job(NAMES[MonitoringType(job.type)]), app, environment)
    return request | {
        "ProcessingInputs": inputs + monitored,
        "ProcessingOutputConfig": _output(job, job.output.local_path, report_uri(job, facts), job.output.upload),
    }


def inputs_left(job: MonitoringJob, baseline: BaselineFiles) -> int:
    """Returns the number of inputs that an analysis can have besides its files."""
    return MOST_INPUTS - len(_files(job, baseline))


def _files(job: MonitoringJob, baseline: BaselineFiles) -> list[tuple[str, str, str, str]]:
    """Returns the variable, the input's name, the URI and the local folder of each file that the definition names."""
    code = f"{_PROCESSING}/code"
    candidates = (
        ("baseline_statistics", "baseline", baseline.statistics, f"{_PROCESSING}/baseline/stats"),
        ("baseline_constraints", "constraints", baseline.constraints, f"{_PROCESSING}/baseline/constraints"),
        ("record_preprocessor_script", "pre_processor_script", job.app.preprocessor, f"{code}/preprocessing"),
        ("post_analytics_processor_script", "post_processor_script", job.app.postprocessor, f"{code}/postprocessing"),
        ("", "analysis_config", job.app.config_uri, f"{_PROCESSING}/input/config"),
    )
    return [(variable, name, uri, place) for variable, name, uri, place in candidates if uri]


def _variables(job: MonitoringJob, facts: ExecutionFacts) -> dict[str, str]:
    data = job.data
    given = {
        "analysis_type": _ANALYSES.get(MonitoringType(job.type)),
        "problem_type": job.app.problem_type,
        "features_attribute": data.features,
        "inference_attribute": data.inference,
        "probability_attribute": data.probability,
        "probability_threshold_attribute": None if data.threshold is None else str(data.threshold),
        "exclude_features_attribute": data.excluded,
        "sagemaker_endpoint_name": data.endpoint,
    }
    return {
        **{name: value for name, value in given.items() if value is not None},
        "dataset_format": json.dumps(_dataset_format(job), separators=(",", ":")),
        "dataset_source": data.local_path.rstrip("/"),
        "metric_time": _moment(facts.window.start_ms),
        "monitoring_input_type": "ENDPOINT_INPUT" if data.endpoint else "BATCH_TRANSFORM_INPUT",
        "output_path": job.output.local_path,
        "publish_cloudwatch_metrics": job.app.environment.get("publish_cloudwatch_metrics", "Disabled"),
        "sagemaker_monitoring_schedule_name": facts.schedule,
        **_window(facts),
    }


def _dataset_format(job: MonitoringJob) -> dict[str, Any]:
    if job.data.endpoint is None:
        return {"sagemakerMergeJson": {"captureIndexNames": [_TRANSFORMED]}} if job.merges else _batch_format(job.data)
    if not job.merges:
        return {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
    with_features = job.type == MonitoringType.MODEL_BIAS
    return {
        "sagemakerMergeJson": {"captureIndexNames": [*(["endpointInput"] if with_features else []), "endpointOutput"]}
    }


def _batch_format(data: MonitoredData) -> dict[str, Any]:
    """Returns the format as containers read it: names of formats and options begin with small letters."""
    ((name, options),) = list(data.dataset_format.items())[:1] or [("Csv", {})]
    return {name.lower(): {option.lower(): value for option, value in options.items()}}


def _window(facts: ExecutionFacts) -> dict[str, str]:
    return {"start_time": _moment(facts.window.start_ms), "end_time": _moment(facts.window.end_ms)}


def _moment(at_ms: int) -> str:
    return f"{to_datetime(at_ms):%Y-%m-%dT%H:%M:%SZ}"


def _request(job: MonitoringJob, name: str, app: Request, environment: dict[str, str]) -> Request:
    seconds = job.max_runtime_s or max_runtime_s(job.type)
    request: Request = {
        "ProcessingJobName": name,
        "AppSpecification": app,
        "Environment": environment,
        "ProcessingResources": {"ClusterConfig": job.cluster},
        "RoleArn": job.role,
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
    }
    return request | ({"NetworkConfig": job.network} if job.network else {})


def max_runtime_s(type_: str) -> int:
    """Returns the time limit of a job whose definition has no StoppingCondition; also the longest for an hourly schedule."""
    return _MAX_RUNTIME_S.get(MonitoringType(type_), 3600)


def _inputs(name: str, parts: Sequence[DataPart], local_path: str) -> list[Request]:
    return [_input(f"{name}_{number}", part, local_path) for number, part in enumerate(parts, start=1)]


def _input(name: str, part: DataPart, local_path: str) -> Request:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": part.uri,
            "LocalPath": "/".join(step for step in (local_path.rstrip("/"), part.path) if step),
            "S3DataType": part.listing,
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def _output(job: MonitoringJob, local_path: str, uri: str, upload: str) -> Request:
    output = {"S3Uri": uri, "LocalPath": local_path, "S3UploadMode": upload}
    config: Request = {"Outputs": [{"OutputName": "result", "S3Output": output}]}
    return config | ({"KmsKeyId": job.kms_key} if job.kms_key else {})


def _basename(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[2]
