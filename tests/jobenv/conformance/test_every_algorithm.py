"""One suite for every built-in algorithm of the catalogue. A new algorithm adds one `Sample` to `samples`.

Whatever the input, an algorithm ends in one of two ways: exit code 0 with a model, or exit code 2 with a failure text.
"""

from __future__ import annotations

import io
import json
import socket
import time
import urllib.request
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from samples import SAMPLES

from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.schema import catalogue
from sagewright.algorithms.schema.domains import (
    Choice,
    Either,
    Flag,
    Integer,
    IntegerList,
    IntegerLists,
    IntegerTuple,
    Pattern,
    Real,
    RealList,
    WordList,
)
from sagewright.algorithms.schema.hyperparameters import Hyperparameter
from sagewright.algorithms.schema.wording import SCHEMA

HARD: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "one row": lambda rows, labels: rows[:1],
    "one feature": lambda rows, labels: rows[:, : labels + 1],
    "constant feature": lambda rows, labels: np.column_stack([rows, np.ones(len(rows))]),
    "NaN feature": lambda rows, labels: np.where(np.eye(*rows.shape, k=labels, dtype=bool), np.nan, rows),
    "NaN label": lambda rows, labels: np.where(np.eye(*rows.shape, dtype=bool), np.nan, rows),
    "huge values": lambda rows, labels: np.column_stack([rows[:, :labels], rows[:, labels:] * 1e30]),
}

ALGORITHMS = pytest.mark.parametrize("name", catalogue.declarations())


def csv(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, rows, delimiter=",", fmt="%.9g")
    return stream.getvalue()


def prepare(job: Any, name: str, rows: np.ndarray, **changes: str) -> Any:
    sample = SAMPLES[name]
    width = {sample.width: str(rows.shape[1] - sample.labels)} if sample.width and len(rows) else {}
    channels = ("train", *sample.beside)
    given = {**sample.hyperparameters, **width, **changes}
    job.configure(given, dict.fromkeys((*channels, *sample.files), sample.content_type))
    for channel in channels:
        job.put(channel, "part-0", encoded(rows, name))
    for channel, files in sample.files.items():
        for file, content in files.items():
            job.put(channel, file, content)
    return job


def encoded(rows: np.ndarray, name: str) -> bytes:
    """Labelled rows as the sample's channel holds them."""
    return _encoded(name, rows.shape, rows.dtype.str, rows.tobytes())


@lru_cache(128)
def _encoded(name: str, shape: tuple[int, ...], dtype: str, content: bytes) -> bytes:
    rows = np.frombuffer(content, dtype).reshape(shape)
    sample = SAMPLES[name]
    if sample.pack is not None:
        return sample.pack(rows)
    if sample.line is not None:
        return "".join(sample.line(row) + "\n" for row in rows).encode()
    if sample.content_type.startswith("text/csv"):
        return body(rows, "text/csv", name)
    return labelled(rows.astype(np.float32), sample.labels)


def labelled(rows: np.ndarray, labels: int) -> bytes:
    """recordIO-protobuf."""
    return recordio.write_frames(
        record.encode({"values": Tensor(row[labels:])}, {"values": Tensor(row[:labels])} if labels else {})
        for row in rows
    )


def answerer(job: Any, name: str) -> Any:
    """A server with the model that the job left."""
    module, _, function = (catalogue.declarations()[name].serve or "").partition(":")
    return getattr(import_module(module), function)(job.model)


def trained(job: Any, run: Any, name: str) -> tuple[Any, np.ndarray]:
    """The answerer of the sample's model, and rows to ask about."""
    sample = SAMPLES[name]
    rows = sample.rows()
    assert run(prepare(job, name, rows), repository(name)) == 0, job.output
    return answerer(job, name), rows[:20, sample.labels :]


def repository(name: str) -> str:
    return catalogue.declarations()[name].repositories[0]


def bad_values(each: Hyperparameter) -> list[str]:
    """Texts that are no value of the hyperparameter."""
    domain = each.domain.other if isinstance(each.domain, Either) else each.domain
    words = each.domain.words if isinstance(each.domain, Either) else ()
    if isinstance(domain, (Integer, Real)):
        low, high = domain.interval.low, domain.interval.high
        beyond = [f"{end:.0f}" for end in (low - 1, high + 1) if np.isfinite(end)]
        texts = ["abc", "", *beyond, *(["1.5"] if isinstance(domain, Integer) else ["nan"])]
        return [text for text in texts if text not in words]
    if isinstance(domain, (Choice, Flag, WordList)):
        return ["no such word", ""]
    if isinstance(domain, (IntegerTuple, IntegerList, IntegerLists)):
        return ["abc", "((", "[['a']]"]
    if isinstance(domain, (Pattern, RealList)):
        return ["abc", "", "-1"]
    return []


@ALGORITHMS
def test_it_has_a_sample_that_trains(job: Any, run: Any, name: str) -> None:
    assert run(prepare(job, name, SAMPLES[name].rows()), repository(name)) == 0, job.output
    assert list(job.model.iterdir())
    assert job.failure is None


@pytest.mark.sampled(250)
@pytest.mark.parametrize(
    ("name", "key", "text"),
    [
        (name, each.name, text)
        for name, declaration in catalogue.declarations().items()
        for each in declaration.hyperparameters
        for text in bad_values(each)
    ],
)
def test_a_bad_value_names_the_hyperparameter(job: Any, run: Any, name: str, key: str, text: str) -> None:
    prepare(job, name, SAMPLES[name].rows()[:5], **{key: text})
    assert run(job, repository(name)) == 2
    assert job.failure is not None
    assert key in job.failure
    assert list(job.model.iterdir()) == [] if job.model.exists() else True


@ALGORITHMS
def test_an_unknown_hyperparameter_is_named(job: Any, run: Any, name: str) -> None:
    assert run(prepare(job, name, SAMPLES[name].rows()[:5], no_such_key="1"), repository(name)) == 2
    assert "no_such_key" in job.failure


@ALGORITHMS
def test_each_required_hyperparameter_is_missed(job: Any, run: Any, name: str) -> None:
    for each in catalogue.declarations()[name].hyperparameters:
        if each.required:
            prepare(job, name, SAMPLES[name].rows()[:5])
            left = {key: text for key, text in SAMPLES[name].hyperparameters.items() if key != each.name}
            job.write("hyperparameters", left)
            assert run(job, repository(name)) == 2
            assert each.name in job.failure


@ALGORITHMS
def test_no_data_is_the_users_fault(job: Any, run: Any, name: str) -> None:
    prepare(job, name, SAMPLES[name].rows())
    for channel in ("train", *SAMPLES[name].beside):
        (job.channel(channel) / "part-0").unlink()
    assert run(job, repository(name)) == 2
    assert "train" in job.failure
    job.put("train", "empty.csv", b"")
    assert run(job, repository(name)) == 2
    job.put("train", "blank.csv", b"\n\n")
    assert run(job, repository(name)) == 2


@ALGORITHMS
@pytest.mark.parametrize("content", [b"\0\1\2\3" * 50, b"a,b,c\n1,2,3\n", b"1,2,3\n1,2\n", b"1,2,\xff\n"])
def test_data_in_another_format_is_the_users_fault(job: Any, run: Any, name: str, content: bytes) -> None:
    prepare(job, name, SAMPLES[name].rows()[:0])
    job.put("train", "part-0", content)
    assert run(job, repository(name)) == 2, job.output
    assert job.failure


@pytest.mark.parametrize("name", [name for name in catalogue.declarations() if SAMPLES[name].has_columns])
def test_rows_of_another_width_are_the_users_fault(job: Any, run: Any, name: str) -> None:
    rows = SAMPLES[name].rows()
    prepare(job, name, rows)
    job.put("train", "part-1", encoded(rows[:, :-1], name))
    assert run(job, repository(name)) == 2
    assert job.failure


@pytest.mark.parametrize(("name", "case"), [(name, case) for name in catalogue.declarations() for case in HARD])
def test_hard_data_ends_well_or_says_why(job: Any, run: Any, name: str, case: str) -> None:
    sample = SAMPLES[name]
    prepare(job, name, HARD[case](sample.rows(), sample.labels))
    expected = 2 if case in sample.refuses else 0
    assert run(job, repository(name)) == expected, job.output
    assert bool(job.failure) == bool(expected)


@ALGORITHMS
def test_the_seed_decides(make_job: Any, run: Any, name: str) -> None:
    sample = SAMPLES[name]
    models = []
    for number, seed in enumerate(("1", "1", "2")):
        job = prepare(make_job(str(number)), name, sample.rows(), **sample.random, **{sample.seed: seed})
        assert run(job, repository(name)) == 0
        models.append({path.name: path.read_bytes() for path in job.model.iterdir()})
    assert models[0] == models[1]
    assert models[0] != models[2]


FIRST_PARTY = pytest.mark.parametrize(
    "name",
    [
        each.name
        for each in catalogue.declarations().values()
        if each.wording is SCHEMA and SAMPLES[each.name].has_columns
    ],
)


def answers(response: Any) -> list[dict[str, Any]]:
    """The objects of a JSON Lines answer."""
    assert response.status == 200, response.body
    return [json.loads(line) for line in response.body.splitlines()]


def assert_same(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    assert [each.keys() for each in left] == [each.keys() for each in right]
    for key in left[0]:
        assert_allclose([each[key] for each in left], [each[key] for each in right], rtol=1e-4, atol=1e-5)


@FIRST_PARTY
def test_a_batch_is_answered_as_its_rows_are(job: Any, run: Any, name: str) -> None:
    invoke, rows = trained(job, run, name)
    media, lines = SAMPLES[name].asks, "application/jsonlines"
    whole = answers(invoke(body(rows, media, name), media, lines))
    each = [answers(invoke(body(row[None], media, name), media, lines))[0] for row in rows]
    assert_same(whole, each)
    assert_same(whole, answers(answerer(job, name)(body(rows, media, name), media, lines)))


@FIRST_PARTY
def test_every_form_of_a_request_gets_the_same_answer(job: Any, run: Any, name: str) -> None:
    invoke, rows = trained(job, run, name)
    expected = answers(invoke(body(rows, "application/json", name), "application/json", "application/jsonlines"))
    for media in ("application/jsonlines", "application/x-recordio-protobuf", "text/csv"):
        response = invoke(body(rows, media, name), media, "application/jsonlines")
        if media == SAMPLES[name].asks or response.status != 415:
            assert_same(expected, answers(response))


@FIRST_PARTY
def test_bad_requests_are_answered_with_what_is_wrong(job: Any, run: Any, name: str) -> None:
    invoke, rows = trained(job, run, name)
    media = SAMPLES[name].asks
    good = body(rows, media, name)
    assert invoke(good, "application/x-image", "").status == 415
    assert invoke(good, media, "image/png").status == 406
    for bad in (b"\0\1\2\3" * 50, good[:-3] + b",x", body(np.column_stack([rows, rows]), media, name)):
        response = invoke(bad, media, "application/json")
        assert response.status == 400, bad
        assert response.body


def body(rows: np.ndarray, media: str, name: str) -> bytes:
    """A request about rows."""
    text = SAMPLES[name].text
    if media == "text/csv":
        return csv(rows) if text is None else "".join(",".join(text(row)) + "\n" for row in rows).encode()
    if media == "application/x-recordio-protobuf":
        return labelled(rows.astype(np.float32), 0)
    instances = [{"features": row.tolist() if text is None else text(row)} for row in rows]
    if media == "application/jsonlines":
        return "".join(json.dumps(each) + "\n" for each in instances).encode()
    return json.dumps({"instances": instances}).encode()


TAKES_RECORDS = pytest.mark.parametrize(
    "name",
    [
        each.name
        for each in catalogue.declarations().values()
        if each.wording is SCHEMA
        and "application/x-recordio-protobuf" in each.channels[0].content_types
        and SAMPLES[each.name].has_columns
    ],
)


def sparse(rows: np.ndarray, labels: int) -> bytes:
    """recordIO-protobuf of what is not zero."""

    def features(row: np.ndarray) -> Tensor:
        keys = np.flatnonzero(row)
        return Tensor(row[keys], keys, (len(row),))

    return recordio.write_frames(
        record.encode({"values": features(row[labels:])}, {"values": Tensor(row[:labels])} if labels else {})
        for row in rows.astype(np.float32)
    )


@TAKES_RECORDS
def test_sparse_records_train_and_are_answered_as_dense_ones(job: Any, run: Any, name: str) -> None:
    sample, records, lines = SAMPLES[name], "application/x-recordio-protobuf", "application/jsonlines"
    rows = np.where(sample.rows() < 0.3, 0, sample.rows())
    prepare(job, name, rows)
    job.write("inputdataconfig", {"train": {"ContentType": records, "S3DistributionType": "ShardedByS3Key"}})
    job.put("train", "part-0", sparse(rows, sample.labels))
    assert run(job, repository(name)) == 0, job.output
    invoke = answerer(job, name)
    asked = rows[:20, sample.labels :]
    dense = answers(invoke(labelled(asked.astype(np.float32), 0), records, lines))
    assert_same(dense, answers(invoke(sparse(asked, 0), records, lines)))


@FIRST_PARTY
def test_its_server_answers_over_http(job: Any, run: Any, name: str) -> None:
    _, rows = trained(job, run, name)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = job.start(repository(name), "serve", SAGEMAKER_BIND_TO_PORT=str(port))
    try:
        assert wait_for(f"http://127.0.0.1:{port}/ping") == b""
        parameters = json.loads(wait_for(f"http://127.0.0.1:{port}/execution-parameters"))
        assert parameters["BatchStrategy"] == "MULTI_RECORD"
        media = SAMPLES[name].asks
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body(rows, media, name), {"Content-Type": media}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            said = json.loads(response.read())
        assert [len(each) for each in said.values()] == [len(rows)]
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output


def wait_for(url: str, seconds: float = 30) -> bytes:
    """The state as soon as the server has started."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                content: bytes = response.read()
                return content
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
