"""Algorithms: Create, Describe, List, Delete. Jobs and model packages name an algorithm in place of its image.

Source: AWS's API reference, CreateAlgorithm and AlgorithmSpecification; SDK v2's AlgorithmEstimator.
"""

from __future__ import annotations

from typing import Any

from sagewright.model.aws.statuses import PackageStatus
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.resources.own_images import check_image
from sagewright.services.sagemaker.resources.resources import ResourceType

NAME = "AlgorithmName"
SPECIFICATION, INFERENCE = "AlgorithmSpecification", "InferenceSpecification"
Document = dict[str, Any]


def _missing(arn: str) -> AwsError:
    return ValidationException(f"Algorithm {arn} does not exist.")


ALGORITHMS = ResourceType(
    kind="algorithm",
    noun="Algorithm",
    arn_type="algorithm",
    missing=_missing,
    taken=lambda arn: ValidationException(f"Algorithm already exists: {arn}"),
    listed=ListSpec("AlgorithmSummaryList", {"Name": "name", "CreationTime": "created_ms"}),
    described=lambda document: (
        document | {"AlgorithmStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []}}
    ),
    status_member="AlgorithmStatus",
    also_listed=("AlgorithmDescription",),
).declared()


@operation("sagemaker", "CreateAlgorithm")
def create_algorithm(context: Context, request: Document) -> Document:
    """Creates an algorithm, Completed at once: it is not validated."""
    if request.get("CertifyForMarketplace"):
        raise ValidationException("Sagewright certifies no algorithms for AWS Marketplace (CertifyForMarketplace).")
    if (request.get("ValidationSpecification") or {}).get("ValidationProfiles"):
        raise ValidationException("Sagewright does not validate algorithms yet; leave ValidationSpecification out.")
    check_image(context, request["TrainingSpecification"]["TrainingImage"])
    for container in (request.get(INFERENCE) or {}).get("Containers") or ():
        check_image(context, container["Image"])
    return ALGORITHMS.create(context, request, PackageStatus.COMPLETED.value)


@operation("sagemaker", "DescribeAlgorithm", quick=True)
def describe_algorithm(context: Context, request: Document) -> Document:
    return ALGORITHMS.describe(context, {NAME: _name_of(context, request[NAME])})


@operation("sagemaker", "ListAlgorithms")
def list_algorithms(context: Context, request: Document) -> Document:
    return ALGORITHMS.list(context, request)


@operation("sagemaker", "DeleteAlgorithm")
def delete_algorithm(context: Context, request: Document) -> Document:
    return ALGORITHMS.delete(context, request)


def training_specification(context: Context, name_or_arn: str) -> Document:
    """Returns the training specification of an algorithm. Raises ValidationException if it does not exist."""
    found: Document = ALGORITHMS.require(context, _name_of(context, name_or_arn)).document["TrainingSpecification"]
    return found


def with_metrics(context: Context, specification: Document) -> Document:
    """Returns an AlgorithmSpecification; if it has no metrics, adds those of the algorithm that it names. Raises
    ValidationException."""
    if NAME not in specification or specification.get("MetricDefinitions"):
        return specification
    metrics = training_specification(context, specification[NAME]).get("MetricDefinitions")
    return specification | ({"MetricDefinitions": metrics} if metrics else {})


def resolved(context: Context, request: Document) -> Document:
    """Returns a training job request with its algorithm's image in addition to the algorithm's name."""
    specification = request[SPECIFICATION]
    if NAME not in specification:
        return request
    image = training_specification(context, specification[NAME])["TrainingImage"]
    return request | {SPECIFICATION: with_metrics(context, specification) | {"TrainingImage": image}}


def described(specification: Document) -> Document:
    """Returns an AlgorithmSpecification as clients see it: with the algorithm's name, without its image."""
    return {key: value for key, value in specification.items() if NAME not in specification or key != "TrainingImage"}


def inference_specification(context: Context, source: Document) -> Document:
    """Returns the inference specification of a package created from an algorithm. `source`: its SourceAlgorithmSpecification.
    Raises ValidationException."""
    (algorithm,) = source["SourceAlgorithms"]
    found = ALGORITHMS.require(context, _name_of(context, algorithm[NAME])).document.get(INFERENCE)
    if found is None:
        raise ValidationException(
            f"The algorithm {algorithm[NAME]} has no {INFERENCE}: it cannot become a model package."
        )
    data = {key: algorithm[key] for key in ("ModelDataUrl", "ModelDataSource") if key in algorithm}
    first, *others = found["Containers"]
    return {**found, "Containers": [first | data, *others]}


def _name_of(context: Context, name_or_arn: str) -> str:
    """Raises ValidationException for the ARN of another account or region."""
    name = name_or_arn.rpartition("/")[2]
    if name_or_arn.startswith("arn:") and name_or_arn != ALGORITHMS.arn(context, name):
        raise _missing(name_or_arn)
    return name
