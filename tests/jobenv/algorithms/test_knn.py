"""k-NN: neighbours as Faiss finds them, votes, projections, samples over hosts, and models that were edited or made by hand."""

from __future__ import annotations

import json
from typing import Any

import faiss
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import protobuf, record, recordio
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.knn import exact, index, model, votes
from sagewright.algorithms.knn.reduction import Reduction, raised

PROTOBUF = "application/x-recordio-protobuf"
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def digits() -> tuple[np.ndarray, np.ndarray]:
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return data.data[order].astype(np.float32), data.target[order].astype(np.float32)


def train(job: Any, run: Any, train_rows: int = 1200, code: int = 0, **changes: str) -> tuple[np.ndarray, np.ndarray]:
    """Train on digits; the rows and labels that were held out."""
    rows, labels = digits()
    values = {"feature_dim": "64", "k": "5", "predictor_type": "classifier", "sample_size": "5000", **changes}
    job.configure(values, {"train": PROTOBUF, "test": PROTOBUF})
    job.put("train", "x", protobuf.dump(Table(rows[:train_rows], labels[:train_rows])))
    job.put("test", "x", protobuf.dump(Table(rows[1200:], labels[1200:])))
    assert run(job, "knn") == code, job.output
    return rows[1200:], labels[1200:]


def scores(job: Any) -> dict[str, float]:
    lines = [line.partition("#test_score (algo-1) : (")[2] for line in job.output.splitlines() if "#test_score" in line]
    return {line.split("'")[1]: float(line.rpartition(", ")[2].rstrip(")")) for line in lines}


def labels_of(answer: Any) -> list[float]:
    assert answer.status == 200, answer.body
    return [each["predicted_label"] for each in json.loads(answer.body)["predictions"]]


def csv(rows: np.ndarray) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in rows.tolist()).encode()


@pytest.mark.parametrize("offset", [0, 1000])
@pytest.mark.parametrize("inner_product", [False, True])
@pytest.mark.parametrize(
    ("points", "rows", "width", "count"),
    [
        (3000, 50, 9, 7), (5200, 1100, 260, 3), (4, 30, 2, 4), (1, 25, 3, 1),
        (exact.AT_ONCE, 1500, 9, 7), (exact.AT_ONCE + 1, 40, 9, 7), (exact.AT_ONCE, 40, 260, 3), (4500, 40, 9, 400),
    ],
)  # fmt: skip
def test_matrix_products_find_what_is_nearest(
    points: int, rows: int, width: int, count: int, inner_product: bool, offset: int
) -> None:
    random = np.random.default_rng(0)
    scale = np.where(np.arange(width) < 20, 3, 0.05).astype(np.float32)  # a few directions hold nearly all
    known, asked = (random.standard_normal((n, width), dtype=np.float32) * scale + offset for n in (points, rows))
    known[points // 2] = asked[0] = known[0]
    search = exact.Exact(known.astype(np.float32), inner_product)
    distances, numbers = search.search(asked.astype(np.float32), count)
    wide = known.astype(np.float32).astype(np.float64), asked.astype(np.float32).astype(np.float64)
    products = wide[1] @ wide[0].T
    squares = (wide[0] ** 2).sum(axis=1)
    all_distances = -products if inner_product else (wide[1] ** 2).sum(axis=1)[:, None] - 2 * products + squares
    expected = np.sort(all_distances, axis=1)[:, :count]
    assert_allclose(np.take_along_axis(all_distances, numbers, 1), expected, rtol=1e-5, atol=1e-4)
    assert_allclose(distances, expected, rtol=1e-4, atol=1e-4)
    assert all(len(set(row)) == count for row in numbers.tolist())


@pytest.mark.parametrize("width", [3, 300])
@pytest.mark.parametrize("lean", [False, True])
def test_a_few_far_points_do_not_make_all_others_candidates(
    monkeypatch: pytest.MonkeyPatch, width: int, lean: bool
) -> None:
    random = np.random.default_rng(0)
    known, asked = (random.standard_normal((rows, width), dtype=np.float32) for rows in (2000, 200))
    known[:, 20:] *= 0.01
    known[:20] *= 1e4
    asked[:5] = known[:5] + 1
    pairs = []
    distances = exact.Exact._distances

    def counted(self: exact.Exact, rows: np.ndarray, row: np.ndarray, point: np.ndarray) -> np.ndarray:
        pairs.append(len(row))
        return distances(self, rows, row, point)

    monkeypatch.setattr(exact.Exact, "_distances", counted)
    found, numbers = exact.Exact(known, lean=lean).search(asked, 4)
    wide = known.astype(np.float64), asked.astype(np.float64)
    every = np.square(wide[1]).sum(axis=1)[:, None] - 2 * wide[1] @ wide[0].T + np.square(wide[0]).sum(axis=1)
    assert_allclose(np.take_along_axis(every, numbers, 1), np.sort(every, axis=1)[:, :4], rtol=1e-5)
    assert_allclose(found, np.sort(every, axis=1)[:, :4], rtol=1e-5)
    assert sum(pairs) < len(known) * len(asked) / 10


def test_a_few_directions_are_used_where_they_hold_nearly_all() -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((5200, 300), dtype=np.float32)
    assert exact.Exact(rows)._basis is None
    rows[:, 30:] *= 0.01
    basis = exact.Exact(rows)._basis
    assert basis is not None
    assert basis.shape == (300, 30)


@pytest.mark.parametrize("metric", ["L2", "INNER_PRODUCT"])
def test_one_row_and_many_are_answered_alike(metric: str) -> None:
    rows, _ = digits()
    values = {"index_metric": metric, "index_type": "faiss.Flat"}
    search = index.Search(index.build(rows[:1000], values, 1, 0))
    for few, many in zip(search(rows[:10], 4), search(rows[:30], 4), strict=True):
        assert_allclose(few, many[:10], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({}, 0.98),
        ({"index_metric": "COSINE"}, 0.98),
        ({"index_metric": "INNER_PRODUCT"}, 0.75),
        ({"index_type": "faiss.IVFFlat"}, 0.97),
        ({"index_type": "faiss.IVFFlat", "index_metric": "COSINE", "faiss_index_ivf_nlists": "10"}, 0.97),
        ({"index_type": "faiss.IVFPQ"}, 0.95),
        ({"index_type": "faiss.IVFPQ", "faiss_index_pq_m": "24", "faiss_index_ivf_nlists": "5"}, 0.93),
        ({"dimension_reduction_type": "sign", "dimension_reduction_target": "32"}, 0.95),
        ({"dimension_reduction_type": "fjlt", "dimension_reduction_target": "32"}, 0.95),
        (
            {
                "dimension_reduction_type": "fjlt",
                "dimension_reduction_target": "30",
                "index_type": "faiss.IVFPQ",
                "faiss_index_pq_m": "16",
            },
            0.9,
        ),
    ],
)
def test_every_index_classifies_digits(job: Any, run: Any, changes: dict[str, str], least: float) -> None:
    rows, labels = train(job, run, **changes)
    found = scores(job)
    assert found.keys() == {"accuracy", "macro_f_1.000"}
    assert least < found["accuracy"] < 1
    answer = labels_of(model.serve(job.model)(csv(rows), "text/csv", "application/json"))
    assert np.mean(np.array(answer) == labels) == pytest.approx(found["accuracy"])
    assert f1_score(labels, answer, average="macro") == pytest.approx(found["macro_f_1.000"])
    assert f"test accuracy <score>={found['accuracy']!r}" in job.output


def test_accuracy_is_that_of_faiss(job: Any, run: Any) -> None:
    rows, _ = train(job, run)
    known, truth = digits()
    direct = faiss.IndexFlatL2(64)
    direct.add(known[:1200])
    neighbours = truth[direct.search(rows, 5)[1]].astype(int)
    expected = [np.bincount(row).argmax() for row in neighbours]
    assert labels_of(model.serve(job.model)(csv(rows), "text/csv", "")) == expected


def test_a_regressor_gives_the_mean(job: Any, run: Any) -> None:
    rows, labels = train(job, run, predictor_type="regressor")
    found = scores(job)
    assert found.keys() == {"mse", "rmse", "absolute_loss"}
    answer = np.array(labels_of(model.serve(job.model)(csv(rows), "text/csv", "")))
    assert np.square(answer - labels).mean() == pytest.approx(found["mse"], rel=1e-5)
    assert np.abs(answer - labels).mean() == pytest.approx(found["absolute_loss"], rel=1e-5)
    assert found["rmse"] == pytest.approx(found["mse"] ** 0.5)


def test_the_model_is_three_files_that_can_be_edited(job: Any, run: Any) -> None:
    rows, _ = train(job, run, predictor_type="regressor")
    assert sorted(path.name for path in job.model.iterdir()) == [
        "model_algo-1",
        "model_algo-1.json",
        "model_algo-1.labels",
    ]
    settings = json.loads((job.model / "model_algo-1.json").read_text())
    assert settings == {
        "k": 5,
        "predictor_type": "regressor",
        "dimension_reduction": {"type": None, "seed": 0, "target_dim": 64, "input_dim": 64},
        "normalize": False,
        "version": "1.0",
    }
    stored = np.frombuffer((job.model / "model_algo-1.labels").read_bytes(), "<f4")
    assert np.array_equal(stored, digits()[1][:1200])
    body = csv(rows[:30])
    before = labels_of(model.serve(job.model)(body, "text/csv", ""))
    for change in ({"k": 1}, {"predictor_type": "classifier"}):
        (job.model / "model_algo-1.json").write_text(json.dumps(settings | change))
        after = labels_of(model.serve(job.model)(body, "text/csv", ""))
        assert after != before
        assert all(label == int(label) for label in after)


def test_verbose_answers_tell_the_neighbours(job: Any, run: Any) -> None:
    rows, _ = train(job, run, index_metric="COSINE")
    invoke = model.serve(job.model)
    known, truth = digits()
    for count in (1, 30):
        answer = invoke(csv(rows[:count]), "text/csv", "application/json; verbose=true")
        described = json.loads(answer.body)["predictions"][0]
        cosines = known[:1200] @ rows[0] / np.linalg.norm(known[:1200], axis=1) / np.linalg.norm(rows[0])
        nearest = np.argsort(-cosines)[:5]
        assert_allclose(described["distances"], 1 - cosines[nearest], atol=1e-5)
        assert described["labels"] == truth[nearest].tolist()
    records = invoke(csv(rows[:2]), "text/csv", "application/x-recordio-protobuf; verbose=true")
    decoded = record.decode(next(recordio.read_frames(records.body, "x")))
    assert decoded.labels.keys() == {"predicted_label", "distances", "labels"}
    assert len(decoded.labels["labels"].values) == 5


def test_a_model_made_elsewhere_answers(job: Any) -> None:
    job.model.mkdir(parents=True)
    made = faiss.IndexFlatL2(2)
    made.add(np.array([[0, 0], [1, 1], [5, 5]], np.float32))
    faiss.write_index(made, str(job.model / "model_algo-1"))
    (job.model / "model_algo-1.labels").write_bytes(np.array([3, 3, 8], "<f4").tobytes())
    settings = {
        "k": 2,
        "predictor_type": "classifier",
        "dimension_reduction": None,
        "normalize": False,
        "version": "1.0",
    }
    (job.model / "model_algo-1.json").write_text(json.dumps(settings))
    assert labels_of(model.serve(job.model)(b"0,1\n5,4\n", "text/csv", "")) == [3.0, 3.0]
    (job.model / "model_algo-1.json").write_text(json.dumps(settings | {"k": 1}))
    assert labels_of(model.serve(job.model)(b"0,1\n5,4\n", "text/csv", "")) == [3.0, 8.0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model_algo-1", b"no index", "not a Faiss index"),
        ("model_algo-1.labels", b"1234", "has 4 bytes"),
        ("model_algo-1.json", b"{", "can't be read"),
        ("model_algo-1.json", b"[]", "can't be read"),
        ("model_algo-1.json", b'{"predictor_type": "classifier"}', "can't be read"),
        ("model_algo-1.json", b'{"k": 0, "predictor_type": "classifier"}', "has k 0"),
        ("model_algo-1.json", b'{"k": 3, "predictor_type": "other"}', "predictor_type 'other'"),
        ("model_algo-1.json", b'{"k": 3, "predictor_type": "regressor", "dimension_reduction": {"target_dim": 99}}',
         "target_dim 99"),
        ("model_algo-1.json", b'{"k": 3, "predictor_type": "regressor", "dimension_reduction": {"type": "x"}}', "neither sign"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_refused(job: Any, run: Any, name: str, content: bytes, message: str) -> None:
    train(job, run)
    (job.model / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        model.serve(job.model)


def test_another_kind_of_index_is_refused() -> None:
    made = faiss.IndexHNSWFlat(4, 8)
    made.add(np.ones((3, 4), np.float32))
    with pytest.raises(UserError, match="IndexHNSWFlat"):
        index.decode(b"".join(index.parts(made)))


def test_lists_with_too_few_rows_are_searched_on() -> None:
    rows, _ = digits()
    values = {"index_metric": "L2", "index_type": "faiss.IVFFlat", "faiss_index_ivf_nlists": 100}
    search = index.Search(index.build(rows[:300], values, 1, 0))
    assert (search(rows[:40], 250)[1] >= 0).all()


def test_several_hosts_make_one_sample(make_job: Any) -> None:
    rows, labels = digits()
    values = {"feature_dim": "64", "k": "3", "predictor_type": "classifier", "sample_size": "500"}
    started = []
    for number, host in enumerate(HOSTS):
        job = make_job(f"host-{number}").configure(values, {"train": PROTOBUF}, hosts=HOSTS, current=host)
        job.put("train", "x", protobuf.dump(Table(rows[:1200][number::3], labels[:1200][number::3])))
        started.append((job, job.start("knn", OMP_NUM_THREADS="1")))
    for _, process in started:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    first, *others = (job for job, _ in started)
    assert all(not list(job.model.iterdir()) for job in others)
    found = model.Neighbours.read(first.model)
    points = faiss.rev_swig_ptr(found.index.get_xb(), 500 * 64).reshape(500, 64)
    known = {
        row.tobytes(): (number % 3, label) for number, (row, label) in enumerate(zip(rows[:1200], labels, strict=False))
    }
    origins = [known[row.tobytes()] for row in points]
    assert [label for _, label in origins] == found.labels.tolist()
    assert np.bincount([host for host, _ in origins]).min() > 120  # of 500, of each host a third in the mean
    answer = labels_of(model.serve(first.model)(csv(rows[1200:]), "text/csv", ""))
    assert np.mean(np.array(answer) == labels[1200:]) > 0.95


@pytest.mark.parametrize("kind", ["sign", "fjlt"])
def test_projections_keep_distances_on_average(kind: str) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((60, 100)).astype(np.float32)
    squares = [np.square(Reduction(kind, seed, 100, 40)(rows)).sum(axis=1) for seed in range(50)]
    assert_allclose(np.mean(squares, axis=0) / np.square(rows).sum(axis=1), 1, atol=0.2)
    assert np.array_equal(Reduction(kind, 3, 100, 40)(rows), Reduction(kind, 3, 100, 40)(rows))
    assert not np.array_equal(Reduction(kind, 3, 100, 40)(rows), Reduction(kind, 4, 100, 40)(rows))


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize(("columns", "target", "rank"), [(300, 60, 8), (300, 60, 300), (100, 80, 100), (64, 16, 64)])
def test_hadamards_columns_keep_distances_as_well_as_random_numbers(
    columns: int, target: int, rank: int, smooth: bool
) -> None:
    random = np.random.default_rng(0)
    rows = (random.normal(size=(400, rank)) @ random.normal(size=(rank, columns))).astype(np.float32)
    rows = rows.cumsum(axis=1) if smooth else rows
    true = np.square(rows[::2] - rows[1::2]).sum(axis=1)

    def error(projected: np.ndarray) -> float:
        return float(np.square(np.square(projected[::2] - projected[1::2]).sum(axis=1) / true - 1).mean())

    ours = [error(Reduction("fjlt", seed, columns, target)(rows)) for seed in range(100)]
    normal = [error(rows @ random.normal(0, target**-0.5, (columns, target))) for _ in range(100)]
    assert np.mean(ours) < 1.1 * np.mean(normal)


def test_hadamards_columns_are_orthogonal() -> None:
    matrix = Reduction("fjlt", 0, 64, 63)._matrix
    assert_allclose(matrix.T @ matrix, np.eye(63) * 64 / 63, atol=1e-5)


def test_dimensions_are_raised_to_a_multiple(job: Any, run: Any) -> None:
    assert [raised(64, 24), raised(48, 24), raised(1, 3)] == [72, 48, 3]
    train(job, run, index_type="faiss.IVFPQ", faiss_index_pq_m="24")
    assert model.Neighbours.read(job.model).reduction.document()["target_dim"] == 72


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension_reduction_type": "sign"}, "dimension_reduction_target is not"),
        ({"dimension_reduction_target": "3"}, "dimension_reduction_type is not"),
        ({"dimension_reduction_target": "64", "dimension_reduction_type": "fjlt"}, "must be less than feature_dim, 64"),
        ({"index_type": "faiss.IVFPQ", "index_metric": "COSINE"}, "COSINE can't be used with index_type faiss.IVFPQ"),
        ({"sample_size": "4"}, "sample_size is 4, less than k, 5"),
        ({"index_type": "faiss.IVFFlat", "faiss_index_ivf_nlists": "2000"}, "needs 2000 rows in its sample, and there are 1200"),
        ({"index_type": "faiss.IVFPQ", "sample_size": "200"}, "needs 256 rows in its sample, and there are 200"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(job: Any, run: Any, changes: dict[str, str], message: str) -> None:
    train(job, run, code=2, **changes)
    assert message in job.failure


def test_fewer_rows_than_neighbours(job: Any, run: Any) -> None:
    rows, _ = train(job, run, train_rows=3)
    answer = model.serve(job.model)(csv(rows[:1]), "text/csv", "application/json;verbose=true")
    assert len(json.loads(answer.body)["predictions"][0]["labels"]) == 3


def test_of_labels_equally_frequent_the_smallest_wins() -> None:
    assert votes.majority(np.array([[2, 1, 1, 2], [5, 5, 0, 1], [7, 3, 9, 8]], np.float32)).tolist() == [1, 5, 3]
