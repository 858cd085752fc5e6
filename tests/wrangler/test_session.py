"""Samples of S3 and the answers of a session, with S3 in memory."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flowfiles import flow, node, source, tool
from PIL import Image

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.session import samples
from sagewright.wrangler.session.previews import Previews
from sagewright.wrangler.session.samples import Samples
from sagewright.wrangler.session.service import written


@dataclass
class Body:
    content: bytes

    def iter_chunks(self, _size: int) -> Iterator[bytes]:
        yield self.content


@dataclass
class MemoryS3:
    """`sizes`: sizes of a listing that are not those of the objects."""

    objects: dict[str, bytes]
    sizes: dict[str, int]
    reads: int = 0

    def get_paginator(self, _operation: str) -> MemoryS3:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803 - as boto3's
        found = [(key, body) for key, body in self.objects.items() if key.startswith(Prefix)]
        return [
            {"Contents": [{"Key": key, "Size": self.sizes.get(key, len(body)), "ETag": key} for key, body in found]}
        ]

    def get_object(self, Bucket: str, Key: str, Range: str = "") -> dict[str, Body]:  # noqa: N803 - as boto3's
        self.reads += 1
        return {"Body": Body(self.objects[Key])}


def previews(objects: dict[str, bytes], **sizes: int) -> tuple[Previews, MemoryS3]:
    s3 = MemoryS3({f"d/{key}": body for key, body in objects.items()}, {f"d/{key}": one for key, one in sizes.items()})
    return Previews(Samples(s3)), s3


def test_a_sample_holds_the_rows_of_all_objects_in_order() -> None:
    session, s3 = previews({"a.csv": b"x\n1\n", "b.csv.gz": gzip.compress(b"x\n2\n"), "日" * 90: b"x\n3\n"})
    for _ in range(2):
        assert session.preview(flow(source("d")), "d", "default")["rows"] == [["1"], ["2"], ["3"]]
    assert s3.reads == 3


def test_a_sample_of_images_has_a_row_an_object() -> None:
    picture = io.BytesIO()
    Image.new("RGB", (2, 2)).save(picture, "PNG")
    session, _ = previews({"a.png": picture.getvalue(), "b.png": picture.getvalue()})
    assert session.preview(flow(source("d", "image")), "d", "default")["count"] == 2


def test_a_compressed_object_beyond_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MOST_BYTES", 1000)
    monkeypatch.setattr(samples, "FIRST_BYTES", 100)
    session, s3 = previews({"a": b"x\n1\n", "b.gz": b""}, a=50, **{"b.gz": 2000})
    with pytest.raises(StepError, match="read more than 0 MiB: uncompress it"):
        session.samples.files(source("d"))
    assert s3.reads == 1
    session, _ = previews({"a": b"x\n1\n"}, a=2000)
    assert not session.samples.files(source("d")).whole


def test_fitted_numbers_that_json_lacks_are_answered_as_null() -> None:
    session, _ = previews({"a.csv": b"x,y\n1,inf\n2,3\n"})
    cast = node("cast_single_data_type", {"column": "y", "data_type": "Float"}, "d", node_id="t")
    scale = {"scaler": "Standard scaler", "standard_scaler_parameters": {"input_column": ["y"], "center": True}}
    step = tool("process_numeric", "Scale values", "scale_values_parameters", scale, "t")
    answer = session.preview(flow(source("d"), cast, step), step.node_id, "default")
    assert "error" not in answer
    found = json.loads(written(answer))
    assert found["trained"]["scale_values_parameters"][0]["center"] is None
    assert found["count"] == 2
