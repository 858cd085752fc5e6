"""AWS's service models, read from the installed botocore at run time."""

from __future__ import annotations

import threading
from functools import cache

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

_loader = Loader()
_lock = threading.Lock()


@cache
def _load(service: str) -> ServiceModel:
    return ServiceModel(_loader.load_service_model(service, "service-2"), service)


def service_model(service: str) -> ServiceModel:
    """Returns botocore's model of `service`, loaded once (SageMaker's takes 0.2 s)."""
    with _lock:
        return _load(service)


@cache
def operation_model(service: str, operation: str) -> OperationModel | None:
    """Returns the model of one operation; None if the service has no operation of that name."""
    model = service_model(service)
    return model.operation_model(operation) if operation in model.operation_names else None
