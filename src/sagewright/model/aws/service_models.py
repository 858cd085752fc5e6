"""AWS's service models, read from the installed botocore at run time, without importing it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from sagewright.model.aws.shapes import OperationModel, PackedDescriptions, ServiceModel
from sagewright.model.kept.files import KeptFile, digest

_lock = threading.Lock()
_PACKED = ("operations", "shapes")


@cache
def _data() -> Path:
    found = find_spec("botocore")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("botocore is not installed")
    return Path(found.submodule_search_locations[0]) / "data"


def read_data(folder: Path, name: str) -> Any:
    """Returns a file of models; None if there is none of that name."""
    packed = folder / f"{name}.json.gz"
    if packed.is_file():
        return orjson.loads(gzip.decompress(packed.read_bytes()))
    plain = folder / f"{name}.json"
    return orjson.loads(plain.read_bytes()) if plain.is_file() else None


def _merge(into: dict[str, Any], extra: dict[str, Any]) -> None:
    for name, value in extra.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def without_texts(description: dict[str, Any]) -> dict[str, Any]:
    """Drops the documentation, which is three quarters of a model and is not read."""
    description.pop("documentation", None)
    for part in (*description["operations"].values(), *description["shapes"].values()):
        part.pop("documentation", None)
        references = [part.get(name) for name in ("input", "output", "member", "key", "value")]
        for reference in (*references, *part.get("errors", ()), *part.get("members", {}).values()):
            if reference:
                reference.pop("documentation", None)
    return description


def described(service: str) -> dict[str, Any]:
    """Returns the whole description of `service`, without its texts; `service_model` takes less memory."""
    return _described(_folder(service))


def _folder(service: str) -> Path:
    return max(one for one in (_data() / service).iterdir() if any(one.glob("service-2.json*")))


def _described(folder: Path) -> dict[str, Any]:
    model = read_data(folder, "service-2")
    extras = read_data(folder, "service-2.sdk-extras")
    if extras is not None:
        _merge(model, extras.get("merge", {}))
    return without_texts(model)


@cache
def _load(service: str) -> ServiceModel:
    """Reads the model from the file that an earlier process has kept, if any: a third of the size, and parsed as it is used."""
    folder = _folder(service)
    files = sorted(folder.glob("service-2.*"))
    kept = KeptFile(f"model-{service}.packed", b"".join(digest(file.read_bytes()) for file in files))
    content = kept.read()
    if content is None:
        found = _described(folder)
        kept.write(_packed(found))
        return ServiceModel(found, service)
    packed = orjson.loads(content)
    return ServiceModel(packed | {part: PackedDescriptions(packed[part]) for part in _PACKED}, service)


def _packed(description: Mapping[str, Any]) -> bytes:
    parts = {part: {name: orjson.dumps(one).decode() for name, one in description[part].items()} for part in _PACKED}
    return orjson.dumps({"metadata": description["metadata"]} | parts)


def service_model(service: str) -> ServiceModel:
    """Returns the model of `service`, loaded once."""
    with _lock:
        return _load(service)


@cache
def partitions() -> list[dict[str, Any]]:
    """Returns AWS's partitions, with their regions and the endpoints of services."""
    found: list[dict[str, Any]] = read_data(_data(), "endpoints")["partitions"]
    return found


@cache
def operation_model(service: str, operation: str) -> OperationModel | None:
    """Returns the model of one operation; None if the service has no operation of that name."""
    model = service_model(service)
    return model.operation_model(operation) if operation in model.operation_names else None
