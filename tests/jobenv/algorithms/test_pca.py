"""PCA: against the eigenvectors of the covariance, in one pass, far from the origin, on several hosts, by hand-made models."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import ndarray
from sagewright.algorithms.formats import protobuf
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.pca import model, moments

PROTOBUF = "application/x-recordio-protobuf"
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def rows_of(count: int = 3000, columns: int = 12, offset: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(7)
    mixing = random.standard_normal((columns, columns)) / np.arange(1, columns + 1)[:, None]
    return (random.standard_normal((count, columns)) @ mixing + offset).astype(np.float32)


def values(columns: int, **changes: str) -> dict[str, str]:
    return {"feature_dim": str(columns), "num_components": "3", "mini_batch_size": "100", **changes}


def records(rows: np.ndarray) -> bytes:
    return protobuf.dump(Table(rows))


def train(job: Any, run: Any, rows: np.ndarray, **changes: str) -> dict[str, np.ndarray]:
    job.configure(values(rows.shape[1], **changes), {"train": PROTOBUF})
    job.put("train", "a", records(rows[:1000]))
    job.put("train", "b", records(rows[1000:]))
    assert run(job, "pca") == 0, job.output
    return arrays(job)


def arrays(job: Any) -> dict[str, np.ndarray]:
    found = ndarray.decode((job.model / "model_algo-1").read_bytes())
    assert isinstance(found, dict)
    return found


def reference(rows: np.ndarray, centred: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Ascending singular values and vectors, in double precision."""
    wide = rows.astype(np.float64)
    _, singular, vectors = np.linalg.svd(wide - wide.mean(axis=0) if centred else wide, full_matrices=False)
    return singular[:3][::-1], vectors[:3][::-1].T


def assert_same_directions(left: np.ndarray, right: np.ndarray, tolerance: float) -> None:
    assert_allclose(np.abs(np.einsum("ij,ij->j", left.astype(np.float64), right)), 1, atol=tolerance)


@pytest.mark.parametrize("centred", ["true", "false"])
@pytest.mark.parametrize("offset", [0.0, 5.0, 10_000.0])
def test_components_are_those_of_the_data_in_ascending_order(job: Any, run: Any, centred: str, offset: float) -> None:
    rows = rows_of(offset=offset)
    found = train(job, run, rows, subtract_mean=centred)
    singular, vectors = reference(rows, centred == "true")
    assert [found[name].shape for name in ("mean", "v", "s")] == [(1, 12), (12, 3), (3,)]
    assert (np.diff(found["s"]) > 0).all()
    assert_allclose(found["s"], singular, rtol=1e-3 if centred == "true" or offset < 10 else 0.1)
    if centred == "true" or offset == 0:
        assert_same_directions(found["v"], vectors, 1e-4)
    else:
        assert_same_directions(found["v"][:, -1:], vectors[:, -1:], 1e-6)
    expected = rows.mean(axis=0, dtype=np.float64) if centred == "true" else np.zeros(12)
    assert_allclose(found["mean"][0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("centred", ["true", "false"])
@pytest.mark.parametrize("count", [3, 30, 40])
def test_few_rows_of_many_columns_are_decomposed_themselves(
    job: Any, run: Any, monkeypatch: pytest.MonkeyPatch, count: int, centred: str
) -> None:
    monkeypatch.setattr(moments.Moments, "add", None)
    rows = rows_of(count, 80, 5.0)
    rows[-1] = rows[0]
    job.configure(values(80, subtract_mean=centred), {"train": PROTOBUF})
    job.put("train", "a", records(rows[:2]))
    job.put("train", "b", records(rows[2:]))
    assert run(job, "pca") == 0, job.output
    found = arrays(job)
    singular, vectors = reference(rows, centred == "true")
    assert_allclose(found["s"], singular, rtol=1e-5, atol=1e-4)
    assert_same_directions(found["v"][:, singular > 1e-3], vectors[:, singular > 1e-3], 1e-6)
    assert_allclose(found["v"].T @ found["v"], np.eye(3), atol=1e-5)


def test_fewer_rows_than_components_are_summed(job: Any, run: Any) -> None:
    rows = rows_of(2, 80)
    job.configure(values(80), {"train": PROTOBUF})
    job.put("train", "a", records(rows))
    assert run(job, "pca") == 0, job.output
    assert_allclose(arrays(job)["s"], [0, 0, np.linalg.norm(rows[0] - rows[1]) / 2**0.5], rtol=1e-5, atol=1e-3)


def test_randomized_finds_nearly_as_much(job: Any, run: Any) -> None:
    random = np.random.default_rng(0)
    rows = (random.standard_normal((4000, 80)) / np.arange(1, 81) @ random.standard_normal((80, 80))).astype(np.float32)
    found = train(job, run, rows, algorithm_mode="randomized", extra_components="10")
    wide = rows - rows.mean(axis=0, dtype=np.float64)
    singular, vectors = reference(rows)
    assert np.square(wide @ found["v"]).sum() > 0.999 * np.square(wide @ vectors).sum()
    assert_allclose(found["s"], singular, rtol=0.01)
    assert_allclose(found["v"].T @ found["v"], np.eye(3), atol=1e-5)


def test_extra_components_count(make_job: Any, run: Any) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((4000, 80)).astype(np.float32)
    errors = []
    for extra in ("0", "10", "60"):
        found = train(make_job(extra), run, rows, algorithm_mode="randomized", extra_components=extra)
        errors.append(np.abs(found["s"] - reference(rows)[0]).max())
    assert errors[0] > errors[1] > errors[2]


def test_randomized_when_the_first_rows_do_not_vary(job: Any, run: Any) -> None:
    rows = np.zeros((6000, 40), np.float32)
    rows[3000:, :20] = np.random.default_rng(0).standard_normal((3000, 20)) * np.arange(1, 21)
    found = train(job, run, rows, algorithm_mode="randomized", extra_components="20")
    wide = rows - rows.mean(axis=0, dtype=np.float64)
    assert np.square(wide @ found["v"]).sum() > 0.9 * np.square(wide @ reference(rows)[1]).sum()


def test_several_hosts_are_as_one(make_job: Any, run: Any) -> None:
    rows = rows_of(offset=100.0)
    started = []
    for number, host in enumerate(HOSTS):
        job = make_job(f"host-{number}").configure(values(12), {"train": PROTOBUF}, hosts=HOSTS, current=host)
        job.put("train", "x", records(rows[number::3][: 1000 - 300 * number]))
        started.append((job, job.start("pca", OMP_NUM_THREADS="1")))
    for _, process in started:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    alone = np.concatenate([rows[number::3][: 1000 - 300 * number] for number in range(3)])
    expected = train(make_job("alone"), run, alone)
    found = arrays(started[0][0])
    for name in ("mean", "v", "s"):
        assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-4)
    assert list(started[1][0].model.iterdir()) == []


def test_pipe_mode(job: Any, run: Any) -> None:
    rows = rows_of()
    job.configure(values(12), {"train": PROTOBUF})
    job.write("inputdataconfig", {"train": {"TrainingInputMode": "Pipe", "ContentType": PROTOBUF}})
    pipe = job.channel("train").with_name("train_0")
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(records(rows),))
    writer.start()
    assert run(job, "pca") == 0, job.output
    writer.join()
    assert_same_directions(arrays(job)["v"], reference(rows)[1], 1e-4)


def test_the_test_channel_is_scored(job: Any, run: Any) -> None:
    rows = rows_of()
    job.configure(values(12), {"train": PROTOBUF, "test": PROTOBUF})
    job.put("train", "x", records(rows[:2000]))
    job.put("test", "x", records(rows[2000:]))
    assert run(job, "pca") == 0, job.output
    found = arrays(job)
    moved = rows[2000:] - found["mean"]
    left = moved - moved @ found["v"] @ found["v"].T
    line = next(line for line in job.output.splitlines() if "#test_score" in line)
    assert float(line.rpartition(",")[2].strip(" )")) == pytest.approx(
        float(np.square(left).sum(axis=1).mean()), rel=1e-3
    )


def test_more_components_than_features_are_refused(job: Any, run: Any) -> None:
    job.configure(values(2), {"train": PROTOBUF})
    job.put("train", "x", records(rows_of(columns=2)))
    assert run(job, "pca") == 2
    assert "num_components is 3, and feature_dim is 2" in job.failure


def test_a_model_made_elsewhere_answers(job: Any) -> None:
    job.model.mkdir(parents=True)
    made = {"v": np.eye(2, dtype=np.float64)[:, ::-1], "s": np.ones(2), "mean": np.array([[1.0, 2.0]])}
    (job.model / "model_algo-1").write_bytes(ndarray.encode(made))
    invoke = model.serve(job.model)
    answer = invoke(b"3,5\n1,2\n", "text/csv", "application/json")
    assert json.loads(answer.body) == {"projections": [{"projection": [3.0, 2.0]}, {"projection": [0.0, 0.0]}]}
    assert invoke(b"3,5\n", "text/csv", "text/csv").status == 406


@pytest.mark.parametrize("shape", [(2,), (3, 1)])
def test_a_model_that_does_not_fit_together_is_refused(job: Any, shape: tuple[int, ...]) -> None:
    job.model.mkdir(parents=True)
    made = {"v": np.ones(shape, np.float32), "s": np.ones(2, np.float32), "mean": np.ones((1, 2), np.float32)}
    (job.model / "model_algo-1").write_bytes(ndarray.encode(made))
    with pytest.raises(UserError, match="a PCA model has"):
        model.serve(job.model)


def low_rank(count: int, columns: int = 20, seed: int = 3) -> np.ndarray:
    """Three components, and little noise."""
    random = np.random.default_rng(seed)
    return random.standard_normal((count, 3)) @ random.standard_normal((3, columns)) + 0.05 * random.standard_normal(
        (count, columns)
    )


def left(found: dict[str, np.ndarray], rows: np.ndarray, first: int = 0) -> float:
    """The share of the variance of columns from `first` on that components leave."""
    wide = rows.astype(np.float64) - found["mean"].astype(np.float64)
    parts = found["v"].astype(np.float64)
    rest = (wide - wide @ parts @ parts.T)[:, first:]
    return float(np.square(rest).sum() / np.square((rows - rows.mean(axis=0, dtype=np.float64))[:, first:]).sum())


@pytest.mark.parametrize("mode", ["regular", "randomized"])
@pytest.mark.parametrize("kind", ["seconds", "milliseconds", "incomes", "capitalisations"])
def test_a_column_that_varies_much_hides_no_others(job: Any, run: Any, kind: str, mode: str) -> None:
    random = np.random.default_rng(1)
    large = {
        "seconds": lambda: 1.7e9 + random.uniform(0, 3e7, 3000),
        "milliseconds": lambda: 1.7e12 + random.uniform(0, 3e10, 3000),
        "incomes": lambda: random.lognormal(11, 1, 3000),
        "capitalisations": lambda: random.lognormal(20, 1, 3000),
    }[kind]()
    rows = np.column_stack([large, low_rank(3000)]).astype(np.float32)
    found = train(job, run, rows, num_components="4", algorithm_mode=mode)
    assert left(found, rows, first=1) < 0.005


def test_randomized_in_double_precision_where_columns_are_many_and_differ(job: Any, run: Any) -> None:
    incomes = np.random.default_rng(1).lognormal(11, 1, 3000)
    rows = np.column_stack([incomes, low_rank(3000, 1200)]).astype(np.float32)
    found = train(job, run, rows, num_components="4", algorithm_mode="randomized")
    assert "all products" not in job.output
    assert left(found, rows, first=1) < 0.005


@pytest.mark.parametrize("mode", ["regular", "randomized"])
@pytest.mark.parametrize("factor", [1e-25, 1e-18, 1e8, 1e12, 1e13])
def test_units_do_not_matter(job: Any, run: Any, factor: float, mode: str) -> None:
    rows = low_rank(3000)
    found = train(job, run, (rows * factor).astype(np.float32), algorithm_mode=mode)
    assert left({"mean": found["mean"] / factor, "v": found["v"]}, rows) < 0.005
    _, singular, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    assert_allclose(found["s"] / factor, singular[:3][::-1], rtol=1e-3)


@pytest.mark.parametrize(("place", "mode"), [(0, "regular"), (0, "randomized"), (2900, "regular")])
@pytest.mark.parametrize("far", [1e3, 1e5, 1e7])
def test_a_row_far_from_all_others_does_not_spoil_them(job: Any, run: Any, far: float, place: int, mode: str) -> None:
    rows = low_rank(3000).astype(np.float32)
    rows[place] = far * np.where(np.arange(20) % 3, 1, -1)
    found = train(job, run, rows, num_components="4", algorithm_mode=mode)
    assert left(found, np.delete(rows, place, axis=0)) < 0.004


def test_few_rows_that_are_apart_do_not_make_the_others_near() -> None:
    rows = rows_of()
    rows[:3] *= 1e6
    spread = moments.Spread.of(rows)
    assert spread.apart
    assert_allclose(spread.deviation, moments.Spread.of(rows[3:]).deviation, rtol=1e-6)
    assert not moments.Spread.of(rows[3:]).apart


def test_rows_are_moved_only_where_they_lie_far_away() -> None:
    rows = rows_of()
    assert moments.Spread.of(rows).shift is None
    shift = moments.Spread.of(rows + np.float32(1000)).shift
    assert shift is not None
    assert_allclose(shift, 1000, rtol=0.01)
