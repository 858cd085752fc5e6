"""Channels in batches, and the checks of their rows."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.job import Job
from sagewright.algorithms.schema.channels import ChannelInput


def open_job(job: Any, media: str, *files: bytes) -> Job:
    job.configure({}, {"train": media})
    for number, content in enumerate(files):
        job.put("train", f"part-{number}", content)
    channel = ChannelInput("train", ContentType.parse(media), "File", "FullyReplicated")
    return dataclasses.replace(Job.read({"SAGEWRIGHT_ML_ROOT": str(job.root)}), channels={"train": channel})


def sparse(*rows: dict[int, float], columns: int = 4) -> bytes:
    return recordio.write_frames(
        record.encode(
            {"values": Tensor(np.array(list(row.values()), np.float32), np.array(list(row), np.int64), (columns,))},
            {"values": Tensor(np.array([1], np.float32))},
        )
        for row in rows
    )


def test_batches_have_the_asked_size_across_files(job: Any) -> None:
    rows = Rows(open_job(job, "text/csv;label_size=0", b"1\n2\n3\n", b"4\n5\n", b"6\n7\n"), "train", ExpectedColumns(1))
    for _ in range(2):
        assert [batch.features[:, 0].tolist() for batch in rows.batches(3)] == [[1, 2, 3], [4, 5, 6], [7]]
    assert rows.table().rows == 7


def test_labels_come_first_in_csv(job: Any) -> None:
    table = Rows(open_job(job, "text/csv", b"1,5,6\n0,7,8\n"), "train", ExpectedColumns(2, labels=True)).table()
    assert (table.labels.tolist(), table.features.tolist()) == ([1, 0], [[5, 6], [7, 8]])


def test_sparse_rows_stay_so_only_if_wanted(job: Any) -> None:
    opened = open_job(job, "application/x-recordio-protobuf", sparse({1: 5.0}, {}))
    assert Rows(opened, "train", ExpectedColumns(6)).table().features.tolist() == [[0, 5, 0, 0, 0, 0], [0] * 6]
    kept = Rows(opened, "train", ExpectedColumns(6, sparse=True)).table().features
    assert (kept.shape, kept.indices.tolist()) == ((2, 6), [1])


@pytest.mark.parametrize(
    ("media", "content", "message"),
    [
        ("text/csv;label_size=0", b"1,2\n3,nan\n", "row 1: a feature is missing"),
        ("text/csv;label_size=0", b"1,2\n3,1e16\n", "row 1: a feature is .* beyond 1e"),
        ("text/csv;label_size=0", b"1,2,3\n", "records of 3 features, and feature_dim is 2"),
        ("text/csv", b"1,2\n", "By its content type the first column is a label.$"),
        ("text/csv", b"nan,2,3\n", "row 0: the label is missing"),
        ("text/csv;label_size=2", b"1,2,3,4\n", "one label each"),
        ("text/csv;label_size=0", b"1,2\n", "one label each"),
        ("text/csv", b"", "No data in channel train"),
        ("application/x-recordio-protobuf", sparse({1: 5.0}, {3: float("nan")}), "records of 4 features"),
    ],
)
def test_bad_rows_are_named(job: Any, media: str, content: bytes, message: str) -> None:
    labels = not (media.endswith("=0") and "label" not in message)
    rows = Rows(open_job(job, media, content), "train", ExpectedColumns(2, labels=labels))
    with pytest.raises(UserError, match=message):
        rows.table()


def test_rows_without_labels_need_a_content_type_that_says_so(job: Any) -> None:
    rows = Rows(open_job(job, "text/csv", b"1,2\n"), "train", ExpectedColumns(2))
    with pytest.raises(UserError, match=r"the first column is a label: .* must be text/csv;label_size=0\.$"):
        rows.table()


def test_a_bad_entry_of_a_sparse_row_is_named(job: Any) -> None:
    data = sparse({1: 5.0}, {}, {0: 1.0, 3: float("nan")})
    with pytest.raises(UserError, match="row 2: a feature"):
        Rows(open_job(job, "application/x-recordio-protobuf", data), "train", ExpectedColumns(4, sparse=True)).table()
