"""AWS's service models, read from the installed botocore at run time and corrected by `CORRECTIONS`."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

SERVICES: dict[str, str] = {
    "sagemaker": "SageMaker",
    "logs": "Logs_20140328",
    "cloudwatch": "GraniteServiceVersion20100801",
    "ecr": "AmazonEC2ContainerRegistry_V20150921",
    "events": "AWSEvents",
    "application-autoscaling": "AnyScaleFrontendService",
    "sts": "",
    "iam": "",
    "s3": "",
    "sagemaker-runtime": "",
    "sagemaker-metrics": "",
}
"""The services this port answers for, with the X-Amz-Target prefix of those that have one (a test holds it to the models)."""

CORRECTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "sagemaker": {
        # AWS answers Describe of a job with `KmsKeyId: ""` where none was given and SDK v2's attach() reads it; its own
        # pattern and length allow that already, so nothing is needed here. Entries go: shape -> changed traits.
    },
}

_loader = Loader()
_lock = threading.Lock()


@cache
def _load(service: str) -> ServiceModel:
    description = _loader.load_service_model(service, "service-2")
    for shape, traits in CORRECTIONS.get(service, {}).items():
        description["shapes"][shape].update(traits)
    return ServiceModel(description, service)


def service_model(service: str) -> ServiceModel:
    """The botocore model of `service`, loaded once (SageMaker's takes 0.2 s)."""
    with _lock:
        return _load(service)


@cache
def operation_model(service: str, operation: str) -> OperationModel | None:
    """The model of one operation, None where the service has no operation of that name."""
    model = service_model(service)
    return model.operation_model(operation) if operation in model.operation_names else None
