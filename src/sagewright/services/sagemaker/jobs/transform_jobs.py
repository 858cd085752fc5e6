"""Transform jobs: Create, Describe, List, Stop.

Source: AWS's API reference, CreateTransformJob, TransformInput, TransformOutput and DataProcessing.
"""

from __future__ import annotations

from typing import Any

from sagewright.kinds.modelcontainers import containers_of
from sagewright.kinds.table import KINDS
from sagewright.kinds.transform import ACCOUNT, MODEL
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.errors import ValidationException
from sagewright.model.jobs.json_paths import WHOLE, WrongPath, json_path
from sagewright.model.jobs.state_machines import TRANSFORM
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.hosting.models import MODELS
from sagewright.services.sagemaker.jobs import jobs as every
from sagewright.services.sagemaker.jobs.transform_shapes import description, summary
from sagewright.services.sagemaker.resources.catalogue import JOBS, SearchableKind, declare
from sagewright.services.sagemaker.resources.input_checks import check_data
from sagewright.services.sagemaker.resources.own_images import check_image

KIND = KINDS[TRANSFORM.kind]
LIST = ListSpec("TransformJobSummaries", every.SORTS)
declare(SearchableKind(KIND.name, KIND.resource, JOBS))
MOST_AT_ONCE_MB = 100
"""Limit of MaxConcurrentTransforms times MaxPayloadInMB."""
ROWS = ("text/csv", "application/json", "application/jsonlines", "application/jsonl")
"""Content types whose rows can be parsed."""


@operation("sagemaker", "CreateTransformJob", quick=True)
def create_transform_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    model = MODELS.require(context, request["ModelName"]).document
    containers = containers_of(model)
    for container in containers:
        check_image(context, container["Image"])
        if container.get("Mode") == "MultiModel":
            raise ValidationException(
                "Batch transform does not support models whose container has the Mode MultiModel."
            )
    if len(containers) > 1:
        _check_pipeline(context, model)
    _check_amounts(request)
    _check_input(context, request)
    _check_output(request)
    _check_rows(request)
    kept = {**request, MODEL: model, ACCOUNT: context.account}
    return {"TransformJobArn": every.create_job(context, KIND, request["TransformJobName"], kept)}


@operation("sagemaker", "DescribeTransformJob", quick=True)
def describe_transform_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    job = every.require_job(context, KIND, request["TransformJobName"])
    return description(job, every.arn_of(KIND, job))


@operation("sagemaker", "StopTransformJob")
def stop_transform_job(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    every.stop_job(context, KIND, every.require_job(context, KIND, request["TransformJobName"]))
    return {}


@operation("sagemaker", "ListTransformJobs")
def list_transform_jobs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    shape = lambda page: [summary(job, every.arn_of(KIND, job)) for job in page]  # noqa: E731
    return every.list_jobs(context, KIND, LIST, shape, request)


def _check_pipeline(context: Context, model: dict[str, Any]) -> None:
    """Raises ValidationException for a model with several containers that can't be called one after another."""
    if (model.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct":
        raise ValidationException("Batch transform does not support models whose InferenceExecutionConfig is Direct.")
    if context.settings.backend != "local":
        raise ValidationException(
            "Sagewright runs transform jobs of models with several containers only on this machine, but the setting backend "
            f"is {context.settings.backend}."
        )


def _check_amounts(request: dict[str, Any]) -> None:
    payload_mb, concurrency = request.get("MaxPayloadInMB"), request.get("MaxConcurrentTransforms") or 1
    split = request["TransformInput"].get("SplitType", "None")
    if payload_mb == 0 and split != "None":
        raise ValidationException(f"MaxPayloadInMB 0 (objects of any size) is for the SplitType None, got {split}.")
    if (payload_mb or 0) * concurrency > MOST_AT_ONCE_MB:
        raise ValidationException(
            f"MaxConcurrentTransforms * MaxPayloadInMB must be at most {MOST_AT_ONCE_MB}, got {concurrency} * {payload_mb}."
        )
    if request.get("BatchStrategy") == "MultiRecord" and split == "None" and "SplitType" in request["TransformInput"]:
        raise ValidationException("The BatchStrategy MultiRecord needs a SplitType other than None.")


def _check_input(context: Context, request: dict[str, Any]) -> None:
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    if source["S3DataType"] not in {"S3Prefix", "ManifestFile"}:
        raise ValidationException(f"TransformInput: Sagewright does not serve the S3DataType {source['S3DataType']}.")
    check_data(context, "TransformInput", source["S3Uri"], request["ModelName"])


def _check_output(request: dict[str, Any]) -> None:
    capture = request.get("DataCaptureConfig") or {}
    targets = {"S3OutputPath": request["TransformOutput"]["S3OutputPath"]}
    if capture:
        targets["DestinationS3Uri"] = capture["DestinationS3Uri"]
    for member, path in targets.items():
        try:
            read_s3_uri(path)
        except ValueError:
            raise ValidationException(f"{member}: '{path}' is not an S3 URI.") from None


def _check_rows(request: dict[str, Any]) -> None:
    """Raises ValidationException for invalid filters, or content whose rows can't be filtered or get inference ids."""
    processing = request.get("DataProcessing") or {}
    given, output = request["TransformInput"], request["TransformOutput"]
    for member in ("InputFilter", "OutputFilter"):
        path = processing.get(member) or WHOLE
        try:
            if path != WHOLE:
                json_path(path)
        except WrongPath as error:
            raise ValidationException(f"DataProcessing: {member}: {error}") from error
    join = processing.get("JoinSource", "None") == "Input"
    identified = bool((request.get("DataCaptureConfig") or {}).get("GenerateInferenceId"))
    what = "GenerateInferenceId" if identified else "DataProcessing"
    if (
        not join
        and not identified
        and all((processing.get(member) or WHOLE) == WHOLE for member in ("InputFilter", "OutputFilter"))
    ):
        return
    media = _media(given.get("ContentType"))
    if media not in ROWS:
        raise ValidationException(f"{what} supports the ContentTypes {', '.join(ROWS)}, got {media or 'none'}.")
    if media != "application/json" and given.get("SplitType", "None") != "Line":
        raise ValidationException(f"{what} of {media} needs the SplitType Line.")
    accept = _media(output.get("Accept"))
    if join and accept and (accept == "text/csv") != (media == "text/csv"):
        raise ValidationException(
            f"JoinSource Input needs an Accept of the ContentType's kind, got {accept} and {media}."
        )


def _media(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()
