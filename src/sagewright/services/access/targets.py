"""Targets that a service reaches with rights of its own: the caller of the request needs the right to reach them.

AWS asks the target's own policy instead, or the role of a model; the caller's is the stricter question here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Request = Mapping[str, Any]
_SENDS = {"sns": "sns:Publish", "sqs": "sqs:SendMessage", "lambda": "lambda:InvokeFunction"}


def _of_bucket(request: Request) -> Iterator[str]:
    given = request.get("NotificationConfiguration") or {}
    for kind, member in (("Topic", "TopicArn"), ("Queue", "QueueArn"), ("LambdaFunction", "LambdaFunctionArn")):
        for one in given.get(f"{kind}Configurations") or ():
            yield str(one.get(member, ""))


def _of_alarm(request: Request) -> Iterator[str]:
    for member in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        yield from request.get(member) or ()


def _of_endpoint(request: Request) -> Iterator[str]:
    output = (request.get("AsyncInferenceConfig") or {}).get("OutputConfig") or {}
    yield from (output.get("NotificationConfig") or {}).values()


def _written_by_endpoint(request: Request) -> Iterator[Any]:
    output = (request.get("AsyncInferenceConfig") or {}).get("OutputConfig") or {}
    yield from (output.get("S3OutputPath"), output.get("S3FailurePath"))
    yield (request.get("DataCaptureConfig") or {}).get("DestinationS3Uri")


def _written_by_experiment(request: Request) -> Iterator[Any]:
    yield (request.get("DataStorageConfig") or {}).get("Destination")


def _read_by_pipeline(request: Request) -> Iterator[Any]:
    place = request.get("PipelineDefinitionS3Location") or {}
    yield f"s3://{place['Bucket']}/{place['ObjectKey']}" if place.get("Bucket") and place.get("ObjectKey") else None


def _read_by_function(request: Request) -> Iterator[Any]:
    code = request.get("Code") or request
    yield f"s3://{code['S3Bucket']}/{code['S3Key']}" if code.get("S3Bucket") and code.get("S3Key") else None


def _read_by_invocation(request: Request) -> Iterator[Any]:
    yield request.get("InputLocation")


_READ, _WRITTEN = "s3:GetObject", "s3:PutObject"
_OBJECTS: dict[tuple[str, str], tuple[str, Callable[[Request], Iterator[Any]]]] = {
    ("lambda", "CreateFunction"): (_READ, _read_by_function),
    ("lambda", "UpdateFunctionCode"): (_READ, _read_by_function),
    ("sagemaker", "CreateEndpointConfig"): (_WRITTEN, _written_by_endpoint),
    ("sagemaker", "CreateInferenceExperiment"): (_WRITTEN, _written_by_experiment),
    ("sagemaker", "CreatePipeline"): (_READ, _read_by_pipeline),
    ("sagemaker", "UpdatePipeline"): (_READ, _read_by_pipeline),
    ("sagemaker-runtime", "InvokeEndpointAsync"): (_READ, _read_by_invocation),
}
"""Objects that the server reads or writes itself, by operation; what is written goes below a prefix."""
_TARGETS: dict[tuple[str, str], Callable[[Request], Iterator[str]]] = {
    ("s3", "PutBucketNotificationConfiguration"): _of_bucket,
    ("cloudwatch", "PutMetricAlarm"): _of_alarm,
    ("cloudwatch", "PutCompositeAlarm"): _of_alarm,
    ("sagemaker", "CreateEndpointConfig"): _of_endpoint,
}


def reaches_targets(service: str, operation: str) -> bool:
    """Returns True if requests of an operation may reach targets."""
    return (service, operation) in _OBJECTS or (service, operation) in _TARGETS


def targets_of(service: str, operation: str, request: Request) -> Iterator[tuple[str, str]]:
    """Yields the actions that the caller needs, each with the ARN of a target."""
    action, places = _OBJECTS.get((service, operation), ("", None))
    for uri in places(request) if places else ():
        if isinstance(uri, str) and uri.startswith("s3://"):
            below = "/*" if action == _WRITTEN else ""
            yield action, f"arn:aws:s3:::{uri[5:].rstrip('/')}{below}"
    found = _TARGETS.get((service, operation))
    for arn in found(request) if found else ():
        parts = str(arn).split(":")
        if len(parts) > 2 and parts[2] in _SENDS:
            yield _SENDS[parts[2]], str(arn)
