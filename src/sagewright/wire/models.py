"""AWS's service models, read from the installed botocore at run time."""

from __future__ import annotations

import threading
from functools import cache

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

SERVICES: dict[str, str] = {
    "sagemaker": "SageMaker",
    "logs": "Logs_20140328",
    "cloudwatch": "GraniteServiceVersion20100801",
    "ecr": "AmazonEC2ContainerRegistry_V20150921",
    "events": "AWSEvents",
    "sqs": "AmazonSQS",
    "application-autoscaling": "AnyScaleFrontendService",
    "kms": "TrentService",
    "sns": "",
    "sts": "",
    "iam": "",
    "s3": "",
    "sagemaker-runtime": "",
    "sagemaker-metrics": "",
}
"""The services this port answers for, with the X-Amz-Target prefix of those that have one (a test holds it to the models)."""

_loader = Loader()
_lock = threading.Lock()


@cache
def _load(service: str) -> ServiceModel:
    return ServiceModel(_loader.load_service_model(service, "service-2"), service)


def service_model(service: str) -> ServiceModel:
    """The botocore model of `service`, loaded once (SageMaker's takes 0.2 s)."""
    with _lock:
        return _load(service)


@cache
def operation_model(service: str, operation: str) -> OperationModel | None:
    """The model of one operation, None where the service has no operation of that name."""
    model = service_model(service)
    return model.operation_model(operation) if operation in model.operation_names else None
