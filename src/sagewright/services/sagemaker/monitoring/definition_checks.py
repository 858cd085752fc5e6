"""Checks of a monitoring job when its definition or its schedule is created.

Source: AWS's API reference, EndpointInput, BatchTransformInput, MonitoringOutput and MonitoringStoppingCondition.
"""

from __future__ import annotations

from sagewright.engine.model_monitors.definitions import MonitoredData, MonitoringJob
from sagewright.engine.model_monitors.documents import ScheduleConfig
from sagewright.engine.model_monitors.offsets import BadOffset, read_offset_ms
from sagewright.engine.model_monitors.processing_requests import max_runtime_s
from sagewright.engine.model_monitors.windows import HOUR_MS, MOST_WINDOW_MS, NOW, period_ms
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.errors import ValidationException
from sagewright.model.jobs.brief import Purpose
from sagewright.services.context import Context
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.hosting.endpoint_configs import CONFIGS
from sagewright.services.sagemaker.hosting.endpoints import ENDPOINTS
from sagewright.services.sagemaker.resources.own_images import check_image

ROOT = "/opt/ml/processing/"
DAY_H = 24


def check_job(context: Context, job: MonitoringJob) -> None:
    """Raises ValidationException for a monitoring job that no execution could run."""
    check_role(context, job.role)
    check_image(context, job.app.image, Purpose.PROCESS)
    _check_data(context, job)
    for name, path in (("The input", job.data.local_path), ("MonitoringOutput", job.output.local_path)):
        _check_path(name, path)
    uris = [job.output.uri, job.ground_truth, job.app.config_uri, job.app.preprocessor, job.app.postprocessor,
            job.baseline.constraints.uri, job.baseline.statistics.uri, job.data.captured]  # fmt: skip
    for uri in uris:
        if uri is not None:
            _check_uri(uri)
    if job.merges and not job.ground_truth:
        raise ValidationException(f"GroundTruthS3Input of a {job.type} monitor must have an S3Uri.")
    _check_offsets(job.data)


def check_input(given: dict[str, object]) -> None:
    """Raises ValidationException unless exactly one kind of input is given."""
    if ("EndpointInput" in given) == ("BatchTransformInput" in given):
        raise ValidationException("Exactly one of EndpointInput and BatchTransformInput must be given.")


def check_timing(config: ScheduleConfig, job: MonitoringJob) -> None:
    """Raises ValidationException for a window or a time limit that does not fit a readable schedule expression."""
    timing = config.timing
    now = timing is not None and timing.expression == NOW
    if timing is not None and (now or timing.start or timing.end):
        if not (timing.start and timing.end):
            raise ValidationException(
                f"DataAnalysisStartTime and DataAnalysisEndTime must be given together; the ScheduleExpression {NOW} needs them."
            )
        start, end = (
            _offset("DataAnalysis" + name, text)
            for name, text in (("StartTime", timing.start), ("EndTime", timing.end))
        )
        if not 0 < end - start <= DAY_H * HOUR_MS:
            raise ValidationException(
                f"DataAnalysisStartTime must precede DataAnalysisEndTime by at most {DAY_H} hours, got {timing.start} and "
                f"{timing.end}."
            )
    longest = max_runtime_s(job.type)
    hourly = not now and period_ms(timing) == HOUR_MS
    if hourly and job.max_runtime_s is not None and job.max_runtime_s > longest:
        raise ValidationException(
            f"MaxRuntimeInSeconds of a {job.type} monitor with an hourly schedule is at most {longest}, got {job.max_runtime_s}."
        )


def _check_data(context: Context, job: MonitoringJob) -> None:
    if job.data.endpoint is None:
        if job.merges and "Parquet" in job.data.dataset_format:
            raise ValidationException(
                f"The outputs of transform jobs are CSV or JSON: a {job.type} monitor has no DatasetFormat Parquet."
            )
        if len(job.data.dataset_format) != 1:
            raise ValidationException("DatasetFormat must have exactly one of Csv, Json and Parquet.")
        return
    endpoint = ENDPOINTS.require(context, job.data.endpoint)
    config = CONFIGS.find(context, endpoint.document["EndpointConfigName"])
    if config is not None and not config.document.get("DataCaptureConfig"):
        raise ValidationException(
            f"Endpoint {job.data.endpoint} does not capture data: its configuration {config.name} has no DataCaptureConfig."
        )


def _check_path(name: str, path: str) -> None:
    steps = path.strip("/").split("/")
    if not f"{path}/".startswith(ROOT) or {"..", "."} & set(steps) or "\0" in path or "//" in path:
        raise ValidationException(f"{name}: LocalPath must be a path below {ROOT}, got '{path}'.")


def _check_uri(uri: str) -> None:
    try:
        read_s3_uri(uri)
    except ValueError as error:
        raise ValidationException(f"{error}.") from None


def _check_offsets(data: MonitoredData) -> None:
    start, end = data.start_offset, data.end_offset
    begins = _offset("StartTimeOffset", start) if start else None
    ends = _offset("EndTimeOffset", end) if end else 0
    if begins is not None and begins >= ends:
        raise ValidationException(f"StartTimeOffset {start} must be before EndTimeOffset {end or '-PT0H'}.")
    if min(begins or 0, ends) < -MOST_WINDOW_MS:
        raise ValidationException(
            f"StartTimeOffset and EndTimeOffset reach back at most {MOST_WINDOW_MS // (DAY_H * HOUR_MS)} days, got "
            f"{' and '.join(text for text in (start, end) if text)}."
        )


def _offset(name: str, text: str) -> int:
    try:
        return read_offset_ms(text)
    except BadOffset as error:
        raise ValidationException(f"{name} '{text[:40]}': {error}.") from None
