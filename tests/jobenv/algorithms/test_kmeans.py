"""K-means: inertia beside scikit-learn's, the published rule, several hosts, Pipe mode, and models made elsewhere."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.cluster import KMeans

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import ndarray
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.formats import protobuf
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.kmeans import distances, lloyd, model, together
from sagewright.algorithms.kmeans.coreset import Coreset
from sagewright.algorithms.kmeans.training import MiniBatch

PROTOBUF = "application/x-recordio-protobuf"
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def clouds(rows: int = 12_000, columns: int = 6, centres: int = 15, offset: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(1)
    points = random.uniform(-10, 10, (centres, columns))
    chosen = points[random.integers(centres, size=rows)]
    return (chosen + random.standard_normal((rows, columns)) + offset).astype(np.float32)


def values(columns: int = 6, **changes: str) -> dict[str, str]:
    return {"feature_dim": str(columns), "k": "15", "mini_batch_size": "1000", **changes}


def train(job: Any, run: Any, rows: np.ndarray, **changes: str) -> np.ndarray:
    job.configure(values(rows.shape[1], **changes), {"train": PROTOBUF})
    job.put("train", "a", protobuf.dump(Table(rows)))
    assert run(job, "kmeans") == 0, job.output
    return centres(job)


def centres(job: Any) -> np.ndarray:
    (found,) = ndarray.decode((job.model / "model_algo-1").read_bytes())
    assert isinstance(found, np.ndarray)
    return found


def inertia(rows: np.ndarray, points: np.ndarray) -> float:
    return float(distances.nearest(rows, points)[1].mean(dtype=np.float64))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"init_method": "kmeans++"},
        {"extra_center_factor": "4", "epochs": "2"},
        {"half_life_time_size": "6000"},
    ],
)
def test_inertia_is_near_that_of_lloyds_algorithm_on_all_rows(job: Any, run: Any, changes: dict[str, str]) -> None:
    rows = clouds()
    train_rows, held_out = rows[:10_000], rows[10_000:]
    found = train(job, run, train_rows, **changes)
    best = KMeans(15, n_init=5, random_state=0).fit(train_rows)
    assert found.shape == (15, 6)
    assert found.dtype == np.float32
    assert inertia(held_out, found) <= 1.02 * inertia(held_out, best.cluster_centers_.astype(np.float32))


@pytest.mark.parametrize("key", [0, 3])
def test_rows_in_an_order_give_no_worse_centres(job: Any, run: Any, key: int) -> None:
    rows = clouds(24_000)
    found = train(job, run, rows[rows[:, key].argsort(kind="stable")], mini_batch_size="2000")
    best = KMeans(15, n_init=5, random_state=0).fit(rows)
    assert inertia(rows, found) <= 1.05 * best.inertia_ / len(rows)


def test_wide_rows_are_looked_at_along_few_directions(job: Any, run: Any) -> None:
    random = np.random.default_rng(2)
    narrow = clouds(8000, 20, 30)
    rows = narrow @ random.standard_normal((20, 300)).astype(np.float32) / 4 + 50
    rows += random.standard_normal(rows.shape, np.float32)
    train_rows, held_out = rows[:6000], rows[6000:]
    found = train(job, run, train_rows, mini_batch_size="5000", k="30")
    assert "Nearest centers are searched along 37 directions." in job.output
    best = KMeans(30, n_init=5, random_state=0).fit(train_rows)
    assert inertia(held_out, found) <= 1.02 * inertia(held_out, best.cluster_centers_.astype(np.float32))


def test_random_starts_of_the_local_lloyd_are_worse_but_more_of_them_are_better(make_job: Any, run: Any) -> None:
    rows = clouds()
    found = []
    for trials in ("1", "40"):
        changes = {"local_lloyd_init_method": "random", "local_lloyd_num_trials": trials}
        found.append(inertia(rows, train(make_job(trials), run, rows, **changes)))
    assert found[0] > found[1] > inertia(rows, train(make_job("default"), run, rows)) / 1.001


def test_far_from_the_origin(job: Any, run: Any) -> None:
    found = train(job, run, clouds(offset=30_000))
    near = inertia(clouds(), found - np.float32(30_000))
    assert near <= 1.02 * inertia(clouds(), KMeans(15, n_init=3, random_state=0).fit(clouds()).cluster_centers_)


def test_a_column_with_a_large_number_hides_no_clusters(job: Any, run: Any) -> None:
    rows = clouds(4000)
    rows[:, 2] = 1.7e9
    found = train(job, run, rows)
    assert (found[:, 2] == np.float32(1.7e9)).all()
    kept = np.delete(rows, 2, axis=1)
    peer = KMeans(15, n_init=3, random_state=0).fit(kept).cluster_centers_
    assert inertia(rows, found) <= 1.02 * inertia(kept, peer)


def test_a_centre_moves_by_its_share_of_rows() -> None:
    state = MiniBatch(np.array([[0.0], [10.0]]))
    state.update(np.array([[4.0], [0.0]]), np.array([2.0, 0.0]))
    assert state.centres.tolist() == [[2], [10]]
    state.update(np.array([[24.0], [33.0]]), np.array([4.0, 3.0]))
    assert_allclose(state.centres, [[2 + 4 / 6 * (6 - 2)], [11]])
    assert state.counts.tolist() == [6, 3]


def test_a_half_life_forgets() -> None:
    state = MiniBatch(np.zeros((1, 1)), half_life=4)
    state.update(np.array([[4.0]]), np.array([4.0]))
    state.update(np.array([[12.0]]), np.array([4.0]))
    assert_allclose(state.centres, [[1 + 4 / 6 * 2]])
    assert state.counts.tolist() == [6]


def test_several_hosts_are_about_as_good_as_one(make_job: Any, run: Any) -> None:
    rows = clouds()
    started = []
    for number, host in enumerate(HOSTS):
        job = make_job(f"host-{number}").configure(values(), {"train": PROTOBUF}, hosts=HOSTS, current=host)
        job.put("train", "x", protobuf.dump(Table(rows[number::3][: 4000 - 1300 * number])))
        started.append((job, job.start("kmeans", OMP_NUM_THREADS="1")))
    for _, process in started:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    alone = train(make_job("alone"), run, rows)
    assert inertia(rows, centres(started[0][0])) <= 1.02 * inertia(rows, alone)
    assert all(list(job.model.iterdir()) == [] for job, _ in started[1:])


def test_pipe_mode_reads_a_pipe_for_each_epoch(job: Any, run: Any) -> None:
    rows = clouds()
    job.configure(values(epochs="2"), {"train": PROTOBUF})
    job.write("inputdataconfig", {"train": {"TrainingInputMode": "Pipe", "ContentType": PROTOBUF}})
    writers = []
    for epoch in range(2):
        pipe = job.channel("train").with_name(f"train_{epoch}")
        os.mkfifo(pipe)
        writers.append(threading.Thread(target=pipe.write_bytes, args=(protobuf.dump(Table(rows)),)))
        writers[-1].start()
    assert run(job, "kmeans") == 0, job.output
    for writer in writers:
        writer.join()
    assert "epoch=1, train msd <loss>=" in job.output
    assert inertia(rows, centres(job)) < 7


def test_the_log_tells_what_clients_read(job: Any, run: Any) -> None:
    rows = clouds()
    job.configure(values(eval_metrics='["msd","ssd"]'), {"train": PROTOBUF, "test": PROTOBUF})
    job.put("train", "x", protobuf.dump(Table(rows[:10_000])))
    job.put("test", "x", protobuf.dump(Table(rows[10_000:])))
    assert run(job, "kmeans") == 0, job.output
    trained = [line for line in job.output.splitlines() if ", train msd <loss>=" in line][-1]
    assert float(trained.rpartition("=")[2]) == pytest.approx(inertia(rows[:10_000], centres(job)), rel=1e-5)
    msd = inertia(rows[10_000:], centres(job))
    described = {
        line.split(" <loss>=")[0].rpartition(" ")[2]: float(line.rpartition("=")[2])
        for line in job.output.splitlines()
        if " test " in line
    }
    assert described == {"msd": pytest.approx(msd, rel=1e-5), "ssd": pytest.approx(msd * 2000, rel=1e-5)}
    for text in ("'extra_center_factor' was set to 'auto', evaluated to 10.", "centers into 15",
                 "local kmeans attempt #2. Current mean square distance"):  # fmt: skip
        assert text in job.output


@pytest.mark.parametrize(("k", "factor"), [(8, 10), (40, 10), (50, 8), (300, 4)])
def test_auto_makes_fewer_extra_centres_where_there_are_many(job: Any, run: Any, k: int, factor: int) -> None:
    train(job, run, clouds(2000), k=str(k), mini_batch_size="2000", local_lloyd_num_trials="1")
    assert f"evaluated to {factor}." in job.output


def test_more_centres_than_rows_in_the_first_batch_are_refused(job: Any, run: Any) -> None:
    job.configure(values(k="15", mini_batch_size="10"), {"train": PROTOBUF})
    job.put("train", "x", protobuf.dump(Table(clouds(100))))
    assert run(job, "kmeans") == 2
    assert job.failure == "k is 15, and the first mini-batch has 10 rows"


def test_a_model_made_elsewhere_answers(job: Any) -> None:
    job.model.mkdir(parents=True)
    (job.model / "model_algo-1").write_bytes(ndarray.encode([np.array([[0, 0], [3, 4]], np.float64)]))
    invoke = model.serve(job.model)
    answer = json.loads(invoke(b"0,1\n3,4\n", "text/csv", "application/json").body)
    assert answer == {
        "predictions": [
            {"closest_cluster": 0.0, "distance_to_cluster": 1.0},
            {"closest_cluster": 1.0, "distance_to_cluster": 0.0},
        ]
    }
    assert invoke(b"0,1\n", "text/csv", "text/csv").body == b"0.0,1.0\n"
    (job.model / "model_algo-1").write_bytes(ndarray.encode([np.ones(3, np.float32)]))
    with pytest.raises(UserError, match="one array of k rows"):
        model.serve(job.model)


def test_sums_are_those_of_each_centres_rows() -> None:
    random = np.random.default_rng(0)
    rows, chosen = random.standard_normal((40_000, 3)).astype(np.float32), random.integers(5, size=40_000)
    weights = random.random(40_000).astype(np.float32)
    for weight in (None, weights):
        scale = np.ones(40_000) if weight is None else weight.astype(np.float64)
        expected = [(rows[chosen == each] * scale[chosen == each, None]).sum(axis=0) for each in range(7)]
        assert_allclose(distances.sums(rows, chosen, 7, weight), expected, atol=0.05)


def test_lloyd_does_not_lose_weighted_points() -> None:
    points = np.array([[0.0], [1.0], [10.0]], np.float32)
    found = lloyd.refine(points, np.array([3, 1, 1], np.float32), points[[0, 2]], lloyd.Settings())
    assert found.centres.tolist() == [[0.25], [10]]
    assert found.cost == pytest.approx((3 * 0.25**2 + 0.75**2) / 5)


@pytest.mark.parametrize("kind", ["clouds", "few points", "far", "copies"])
@pytest.mark.parametrize("method", ["kmeans++", "random"])
def test_trials_at_once_are_those_one_by_one(kind: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    points = random.normal(0, 5, (200, 4)).astype(np.float32)
    points = {"clouds": points, "few points": points[:5], "far": points + 1e3, "copies": points[random.integers(4, size=200)]}[kind]  # fmt: skip  # noqa: E501
    weights = random.uniform(0.1, 9, len(points)).astype(np.float32)
    settings = lloyd.Settings(method, trials=4)

    def fit() -> list[lloyd.Fit]:
        return lloyd.fit(points, weights, 6, settings, np.random.default_rng(5))

    at_once = fit()
    monkeypatch.setattr(lloyd, "FEW_CELLS", 0)
    one_by_one = fit()
    assert len(at_once) == len(one_by_one) == 4
    for one, other in zip(at_once, one_by_one, strict=True):
        assert one.cost == pytest.approx(other.cost, rel=1e-3, abs=1e-9)
        assert_allclose(one.centres, other.centres, rtol=1e-4, atol=1e-3)
    if kind == "clouds":
        assert len({each.cost for each in at_once}) > 1


def test_trials_at_once_end_one_by_one() -> None:
    """The first begins at its optimum; the second needs several steps, and has a centre without points."""
    points = np.array([[0], [1], [10], [11]], np.float32)
    begun = np.array([[[0.5], [10.5], [99]], [[0], [1], [99]]], np.float32)
    found, costs = together.refine(points, np.ones(4, np.float32), begun, 300, 1e-4)
    assert_allclose(found, [[[0.5], [10.5], [99]]] * 2)
    assert_allclose(costs, [0.25, 0.25])
    early, costs = together.refine(points, np.ones(4, np.float32), begun, 1, 1e-4)
    assert_allclose(early[1], [[0], [22 / 3], [99]], rtol=1e-5)
    assert_allclose(costs, [0.25, (9**2 + 10**2) / 4], rtol=1e-5)


def test_wide_rows_have_the_same_nearest_centres() -> None:
    random = np.random.default_rng(4)
    rows = (random.normal(size=(500, 3)) + 1e3).astype(np.float32)
    points = rows[:7]
    for one, other in zip(
        distances.nearest(rows, points), distances.nearest(rows, points, wide=distances.widen(rows)), strict=True
    ):
        assert_allclose(one, other)
    assert distances.nearest(rows, points)[0][:7].tolist() == list(range(7))


def uneven(seed: int, rows: int = 30_000) -> np.ndarray:
    """Rows of which 95 % are of one cloud, and the others of 19."""
    random = np.random.default_rng(seed)
    which = random.choice(20, rows, p=[0.95, *[0.05 / 19] * 19])
    return (random.normal(0, 10, (20, 6))[which] + random.normal(size=(rows, 6))).astype(np.float32)


def far(seed: int, rows: int = 60_000) -> np.ndarray:
    """Rows of 9 clouds, and five that are far from all of them."""
    random = np.random.default_rng(seed)
    found = random.normal(0, 5, (9, 6))[random.integers(9, size=rows)] + random.normal(size=(rows, 6))
    found[random.choice(rows, 5, replace=False)] = 500 + random.normal(size=(5, 6))
    return found.astype(np.float32)


@pytest.mark.parametrize(("make", "k"), [(uneven, 20), (far, 10)])
@pytest.mark.parametrize("seed", [0, 1])
def test_small_and_far_clusters_have_centres_of_their_own(job: Any, run: Any, make: Any, k: int, seed: int) -> None:
    rows = make(seed)
    found = train(job, run, rows, k=str(k), _seed=str(seed))
    assert inertia(rows, found) < 6 * 1.25
    assert inertia(rows, found) <= 1.02 * KMeans(k, random_state=seed).fit(rows).inertia_ / len(rows)


def test_the_furthest_rows_are_kept_beside_a_sample() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(5000, 3)).astype(np.float32)
    kept = Coreset(400, random, 0)
    squared = np.square(rows).sum(axis=1)
    for start in range(0, 5000, 700):
        kept.add(rows[start : start + 700], squared[start : start + 700])
    points = kept.points(Group())
    assert points is not None
    assert not points.whole
    assert points.weights.sum() == pytest.approx(5000)
    own = points.rows[points.weights == 1]
    assert_allclose(np.sort(np.square(own).sum(axis=1)), np.sort(squared)[-40:])
