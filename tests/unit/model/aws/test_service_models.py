"""Service models are read as botocore reads them, without its session."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.model
import botocore.session
import orjson
import pytest
from botocore.loaders import Loader

from sagewright.model.aws import service_models
from sagewright.model.aws.shapes import ListShape, MapShape, Shape, StringShape, StructureShape
from sagewright.services.aws.s3.buckets import buckets
from sagewright.wire.models import SERVICES


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_texts(one) for name, one in value.items() if name != "documentation" or isinstance(one, dict)
        }
    return [_without_texts(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("service", SERVICES)
def test_a_model_is_the_one_that_botocore_loads_without_its_documentation(service: str) -> None:
    expected = _without_texts(Loader().load_service_model(service, "service-2"))
    found = service_models.described(service)
    for part in ("metadata", "operations", "shapes"):
        assert found[part] == expected[part]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The directory of kept files; models are read anew before and after."""
    monkeypatch.setattr("sys.pycache_prefix", str(tmp_path))
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    service_models._load.cache_clear()
    yield tmp_path
    service_models._load.cache_clear()


def _everything(service: str) -> dict[str, Any]:
    model = service_models._load.__wrapped__(service)
    operations = {name: model.operation_model(name)._description for name in model.operation_names}
    return {"metadata": model.metadata, "shapes": dict(model.shapes.described), "operations": operations}


@pytest.mark.parametrize("service", ["sagemaker", "s3", "sqs"])
def test_a_kept_model_is_the_model(service: str, kept: Path) -> None:
    fresh = _everything(service)
    (file,) = kept.rglob("model-*")
    assert _everything(service) == fresh
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert _everything(service) == fresh
    assert file.read_bytes() == whole


def test_a_kept_model_is_that_of_the_installed_botocore(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _everything("sts")
    other = kept / "data"
    shutil.copytree(service_models._data() / "sts", other / "sts")
    (found,) = other.rglob("service-2.json.gz")
    changed = orjson.loads(gzip.decompress(found.read_bytes()))
    changed["metadata"]["serviceFullName"] = "Another"
    found.write_bytes(gzip.compress(orjson.dumps(changed)))
    monkeypatch.setattr(service_models, "_data", lambda: other)
    assert _everything("sts")["metadata"] == first["metadata"] | {"serviceFullName": "Another"}


def _difference(ours: Shape, theirs: Any, seen: set[str]) -> str | None:
    """Returns the first shape that botocore reads otherwise."""
    same = (
        (ours.name, ours.type_name, ours.serialization, ours.metadata, ours.required_members)
        == (theirs.name, theirs.type_name, theirs.serialization, theirs.metadata, theirs.required_members)
    )  # fmt: skip
    parts: list[tuple[Shape, Any]] = []
    if isinstance(ours, StructureShape):
        same = same and list(ours.members) == list(theirs.members) and ours.error_code == theirs.error_code
        parts = [(ours.members[name], theirs.members[name]) for name in ours.members]
    elif isinstance(ours, ListShape):
        parts = [(ours.member, theirs.member)]
    elif isinstance(ours, MapShape):
        parts = [(ours.key, theirs.key), (ours.value, theirs.value)]
    elif isinstance(ours, StringShape):
        same = same and ours.enum == theirs.enum
    if not same:
        return ours.name
    if ours.name in seen:
        return None
    seen.add(ours.name)
    return next((found for pair in parts if (found := _difference(*pair, seen))), None)


@pytest.mark.parametrize("service", SERVICES)
def test_operations_and_shapes_are_those_of_botocore(service: str) -> None:
    ours = service_models.service_model(service)
    theirs = botocore.model.ServiceModel(Loader().load_service_model(service, "service-2"), service)
    assert ours.operation_names == theirs.operation_names
    assert {one.name for one in ours.error_shapes} == {one.name for one in theirs.error_shapes}
    seen: set[str] = set()
    for name in ours.operation_names:
        own, other = ours.operation_model(name), theirs.operation_model(name)
        assert (own.http, own.metadata, own.deprecated) == (other.http, other.metadata, other.deprecated), name
        assert own.idempotent_members == other.idempotent_members, name
        assert own.has_streaming_output == other.has_streaming_output, name
        pairs = [(own.input_shape, other.input_shape), (own.output_shape, other.output_shape)]
        for shape, expected in (*pairs, *zip(own.error_shapes, other.error_shapes, strict=True)):
            assert (shape is None) == (expected is None), name
            assert shape is None or _difference(shape, expected, seen) is None, name


def test_buckets_can_be_in_the_regions_that_botocore_knows_for_s3() -> None:
    session = botocore.session.get_session()
    regions = {name for one in session.get_available_partitions() for name in session.get_available_regions("s3", one)}
    assert buckets._known_regions() == regions
