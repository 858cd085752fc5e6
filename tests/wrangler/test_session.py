"""Samples of S3 and the answers of a session, with S3 in memory."""

from __future__ import annotations

import gzip
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flowfiles import flow, node, source, tool
from PIL import Image

from sagewright.wrangler import release
from sagewright.wrangler.errors import StepError
from sagewright.wrangler.finite import written
from sagewright.wrangler.session import samples
from sagewright.wrangler.session.looks import chart_answer, insights_answer
from sagewright.wrangler.session.previews import Previews
from sagewright.wrangler.session.samples import Samples
from sagewright.wrangler.session.service import SessionHandler, SessionServer


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


def test_numbers_that_json_lacks_are_answered_as_null() -> None:
    session, _ = previews({"a.csv": b"x,y\n1,inf\n2,3\n"})
    cast = node("cast_single_data_type", {"column": "y", "data_type": "Float"}, "d", node_id="t")
    draw = {"code": "import altair as alt\nchart = alt.Chart(df).mark_point()"}
    chart = node("sagemaker.visualizations.custom_visualization_0.1", draw, "t", kind="VISUALIZATION", node_id="c")
    answer = chart_answer(session, flow(source("d"), cast, chart), {"node_id": "c"})
    assert answer["chart"]["rows"][0][1] == float("inf")
    assert json.loads(written(answer))["chart"]["rows"] == [["1", None], ["2", 3.0]]


def test_a_preview_of_many_columns_is_bounded_and_shows_what_the_step_brings() -> None:
    width = 4000
    head = ",".join(f"c{number}" for number in range(width))
    session, _ = previews({"a.csv": f"{head}\n{','.join('é' * width)}\n".encode() + b"x\n" * 200})
    copied = {"input_column": "c1", "new_name": "copy"}
    step = tool("manage_columns", "Duplicate column", "duplicate_column_parameters", copied, "d")
    started = time.process_time()
    answer = session.preview(flow(source("d"), step), step.node_id, "default")
    assert time.process_time() - started < 20
    names = [one["name"] for one in answer["columns"]]
    assert (names[0], names[-1], len(names), answer["more"]) == ("c0", "copy", 1000, width + 1 - 1000)
    assert len(answer["rows"]) * len(answer["rows"][0]) == 50_000
    assert answer["rows"][0][-1] == "é"
    assert (len(answer["input_columns"]), answer["count"]) == (width, 201)


def test_a_panic_of_polars_is_answered_as_a_fault(tmp_path: Path) -> None:
    def panics(*_: Any) -> dict[str, Any]:
        raise pl.exceptions.PanicException("overflow")

    handler = SessionHandler.__new__(SessionHandler)
    handler.path, handler.server = "/preview", SessionServer(tmp_path / "socket")
    try:
        status, answer = handler._worked(panics, b'{"flow": {"nodes": []}}')
    finally:
        handler.server.server_close()
    assert (status, answer["error"]["reason"]) == (200, "PanicException: overflow")


def test_each_answer_names_the_sessions_release(tmp_path: Path) -> None:
    server = SessionServer(tmp_path / "socket")
    threading.Thread(target=server.handle_request, daemon=True).start()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "socket"))
        client.sendall(b"GET /nothing HTTP/1.0\r\n\r\n")
        answer = client.makefile("rb").read().decode().lower()
    server.server_close()
    assert f"{release.HEADER}: {release.digest()}" in answer


def test_a_target_without_values_is_a_fault_of_the_step() -> None:
    session, _ = previews({"a.csv": b"x,y\n1,\n2,\n"})
    with pytest.raises(StepError, match="'y' has no values"):
        insights_answer(session, flow(source("d")), {"node_id": "d", "target": "y"})


@pytest.mark.parametrize(
    ("sampling", "rows", "words"),
    [
        ({}, 12, "the first 50,000 rows"),
        ({"sampling_method": "sample_by_limit", "limit_rows": 5}, 5, "the first 5 rows"),
        ({"sampling_method": "sample_by_limit", "limit_rows": None}, 12, "the first 50,000 rows"),
        ({"sampling_method": "sample_by_limit", "limit_rows": -3}, 12, "the first 50,000 rows"),
        ({"sampling_method": "sample_by_ratio", "sample_ratio": 0.5}, 6, "50% of the rows, drawn"),
        ({"sampling_method": "sample_by_ratio", "sample_ratio": None}, 12, "50,000 rows, drawn"),
        ({"sampling_method": "sample_by_count", "sample_size": 7}, 7, "7 rows, drawn"),
        (
            {"sampling_method": "sample_by_stratified", "sample_size": 4, "stratify_column": "x"},
            4,
            "4 rows, drawn within each x",
        ),
    ],
)
def test_a_source_is_sampled_as_it_says(sampling: dict[str, Any], rows: int, words: str) -> None:
    session, _ = previews({"a.csv": b"x\n" + b"a\nb\n" * 6})
    one = replace(source("d"), outputs=({"name": "default", "sampling": sampling},))
    answer = session.preview(flow(one), "d", "default")
    assert (answer["count"], answer["sample"]) == (rows, words)
    if "stratify_column" in sampling:
        assert sorted(answer["rows"]) == [["a"], ["a"], ["b"], ["b"]]
