"""AWS's service models, read from the installed botocore at run time."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from botocore.exceptions import DataNotFoundError
from botocore.loaders import ExtrasProcessor, JSONFileLoader, Loader
from botocore.model import OperationModel, ServiceModel

_READ: dict[str, Callable[[bytes], bytes]] = {".json": bytes, ".json.gz": gzip.decompress}
"""How a file with an ending is read."""


class _FileLoader(JSONFileLoader):  # type: ignore[misc]
    """Reads files of models with the faster parser."""

    def load_file(self, file_path: str) -> Any:
        for ending, read in _READ.items():
            path = Path(file_path + ending)
            if path.is_file():
                return orjson.loads(read(path.read_bytes()))
        return None


_loader = Loader(file_loader=_FileLoader())
_lock = threading.Lock()


@cache
def _load(service: str) -> ServiceModel:
    version = max(_loader.list_api_versions(service, "service-2"))  # `load_service_model` would list all services first
    path = f"{service}/{version}/service-2"
    model = _loader.load_data(path)
    with suppress(DataNotFoundError):
        ExtrasProcessor().process(model, [_loader.load_data(f"{path}.sdk-extras")])
    return ServiceModel(model, service)


def service_model(service: str) -> ServiceModel:
    """Returns botocore's model of `service`, loaded once (SageMaker's takes 0.2 s)."""
    with _lock:
        return _load(service)


@cache
def partitions() -> list[dict[str, Any]]:
    """Returns AWS's partitions, with their regions and the endpoints of services."""
    found: list[dict[str, Any]] = _loader.load_data("endpoints")["partitions"]
    return found


@cache
def operation_model(service: str, operation: str) -> OperationModel | None:
    """Returns the model of one operation; None if the service has no operation of that name."""
    model = service_model(service)
    return model.operation_model(operation) if operation in model.operation_names else None
