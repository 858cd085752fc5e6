"""Random cut forest: the trees' properties, the scores against their definition, and whole trainings."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact
from sagewright.algorithms.randomcutforest import forest, sampling, scoring, units
from sagewright.algorithms.randomcutforest.forest import LEAF, Forest
from sagewright.algorithms.randomcutforest.model import ForestModel

NAME = "randomcutforest"
RANDOM = np.random.default_rng(0)
POINTS = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 20), st.integers(1, 3)), elements=st.floats(-9, 9, width=16)
)


def below(tree: Forest, node: int, points: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Every node with those of the points that go there."""
    yield node, points
    if tree.left[node] != LEAF:
        left = points[:, tree.dimension[node]] <= tree.cut[node]
        yield from below(tree, int(tree.left[node]), points[left])
        yield from below(tree, int(tree.right[node]), points[~left])


@given(POINTS)
def test_every_node_knows_its_points(points: np.ndarray) -> None:
    tree = forest.grow(points, [np.arange(len(points))], np.random.default_rng(0))
    for node, inside in below(tree, int(tree.roots[0]), points):
        assert tree.mass[node] == len(inside) > 0
        assert_allclose(tree.low[node], inside.min(axis=0))
        assert_allclose(tree.high[node], inside.max(axis=0))
        assert (tree.left[node] == LEAF) == (np.ptp(inside, axis=0).max() == 0)


def test_a_side_is_cut_as_often_as_it_is_long() -> None:
    grown = forest.grow(np.array([[0, 0], [3, 1]], np.float32), [np.arange(2)] * 4000, RANDOM)
    assert np.mean(grown.dimension[grown.roots] == 0) == pytest.approx(0.75, abs=0.03)
    cuts = grown.cut[grown.roots][grown.dimension[grown.roots] == 0]
    assert np.quantile(cuts, [0.25, 0.5, 0.75]) == pytest.approx([0.75, 1.5, 2.25], abs=0.15)


def expected(tree: Forest, row: np.ndarray) -> float:
    """The score of one tree, straight from the definition."""
    node, depth, alive, total = int(tree.roots[0]), 0, 1.0, 0.0
    sample = float(tree.mass[node])
    while True:
        low, high = np.minimum(tree.low[node], row), np.maximum(tree.high[node], row)
        whole, box = float((high - low).sum()), float((tree.high[node] - tree.low[node]).sum())
        chance = (whole - box) / whole if whole > box else 0.0
        total += alive * chance * np.log2(sample + 1) / (depth + 1)
        alive *= 1 - chance
        if tree.left[node] == LEAF:
            equal = float(tree.mass[node])
            ends = np.log2(sample + 1) / (depth + np.log2(equal + 1)) * (1 - equal / (2 * sample))
            return total + (alive * ends if chance == 0 else 0)
        node = int(tree.left[node] if row[tree.dimension[node]] <= tree.cut[node] else tree.right[node])
        depth += 1


@settings(max_examples=30)
@given(POINTS)
def test_a_score_is_the_expected_one_of_an_insertion(points: np.ndarray) -> None:
    grown = forest.grow(points, [np.arange(len(points)), np.arange(0, len(points), 2)], np.random.default_rng(1))
    rows = np.concatenate([points, points + np.float32(0.5), points * 3])
    trees = [replace(grown, roots=np.array([root], np.int32)) for root in grown.roots]
    by_hand = [np.mean([expected(tree, row) for tree in trees]) for row in rows]
    for compiled in (False, True):
        assert_allclose(scoring.Scoring(grown)(rows, compiled), by_hand, rtol=1e-4, atol=1e-5)


def test_many_rows_score_by_machine_code_as_by_arrays() -> None:
    """In leaves with many of them and with few."""
    random = np.random.default_rng(2)
    rows = (random.normal(size=(3000, 7)) + 4 * random.integers(0, 3, (3000, 1))).astype(np.float32)
    rows[2900:] *= 10
    grown = forest.grow(rows, sampling.deal(len(rows), 20, 64, random), random)
    scored = scoring.Scoring(grown)
    assert_allclose(scored(rows, True), scored(rows, False), rtol=1e-5, atol=1e-6)


@settings(max_examples=30)
@given(POINTS)
def test_machine_code_grows_the_same_trees(points: np.ndarray) -> None:
    numbers = np.arange(len(points))
    samples = [numbers, numbers[:1], numbers[::-2]]
    both = (forest.grow(points, samples, np.random.default_rng(1), compiled) for compiled in (False, True))
    by_arrays, by_code = both
    for name, array in by_arrays.arrays().items():
        assert array.dtype == by_code.arrays()[name].dtype
        assert_array_equal(array, by_code.arrays()[name])


def test_usual_rows_score_below_one_and_far_ones_well_above() -> None:
    rows = np.random.default_rng(5).normal(size=(5000, 3)).astype(np.float32)
    grown = forest.grow(rows, sampling.deal(len(rows), 100, 256, RANDOM), RANDOM)
    scores = scoring.score(grown, rows)
    far = scoring.score(grown, np.full((1, 3), 50, np.float32))
    assert 0.4 < np.median(scores) < 1
    assert far[0] > 4


def test_the_chance_to_be_cut_off_is_that_of_a_real_insertion() -> None:
    """Trees grown with the row cut it off at the root as often as the score assumes of trees without it."""
    points, row = np.array([[0], [1], [2]], np.float32), np.array([[4]], np.float32)
    grown = forest.grow(np.concatenate([points, row]), [np.arange(4)] * 5000, RANDOM)
    alone = np.mean([grown.cut[root] >= 2 for root in grown.roots])
    assert alone == pytest.approx((4 - 2) / 4, abs=0.03)


def test_trees_get_parts_of_a_large_sample_and_draws_of_a_small_one() -> None:
    parts = sampling.deal(100, 5, 20, RANDOM)
    assert sorted(np.concatenate(parts)) == list(range(100))
    draws = sampling.deal(100, 60, 20, RANDOM)
    assert all(len(set(each)) == 20 for each in draws)
    assert [len(each) for each in sampling.deal(3, 50, 20, RANDOM)] == [3] * 50


def series() -> tuple[np.ndarray, np.ndarray]:
    """Half-hourly numbers like those of taxi rides, in windows of a day, with five strange spells; and where they are."""
    random = np.random.default_rng(0)
    time = np.arange(10320)
    values = (
        15000
        + 6000 * np.sin(time * 2 * np.pi / 48)
        + 3000 * np.sin(time * 2 * np.pi / 336)
        + random.normal(0, 800, 10320)
    )
    strange = np.zeros(10320, bool)
    for start in (1000, 3000, 5500, 8000, 9500):
        values[start : start + 20] *= random.choice([0.3, 1.7])
        strange[start : start + 20] = True
    windows = np.lib.stride_tricks.sliding_window_view(values, 48).astype(np.float32)
    return windows, strange[47:]


def csv(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, rows, delimiter=",", fmt="%.9g")
    return stream.getvalue()


def test_strange_spells_of_a_series_are_found(job: Any, run: Any) -> None:
    rows, strange = series()
    job.configure({"feature_dim": "48"}, {"train": "text/csv;label_size=0", "test": "text/csv;label_size=1"})
    job.put("train", "part", csv(rows))
    job.put("test", "part", csv(np.column_stack([strange, rows])[::4]))
    assert run(job, NAME) == 0, job.output
    scores = ForestModel.decode(artefact.read(job.model)).predict(rows)["score"]
    peer = IsolationForest(n_estimators=100, max_samples=256, random_state=0).fit(rows)
    area = roc_auc_score(strange, scores)
    assert area > 0.9
    assert area > roc_auc_score(strange, -peer.score_samples(rows))
    for name in ("accuracy", "precision", "recall", "f1"):
        assert f"#quality_metric: host=algo-1, test {name} <score>=" in job.output
    assert "#test_score (algo-1) : ('f1', " in job.output


def test_hosts_share_one_uniform_sample(make_job: Callable[[str], Any], together: Any) -> None:
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [make_job(host) for host in hosts]
    values = {"feature_dim": "1", "num_trees": "50", "num_samples_per_tree": "20"}
    for number, job in enumerate(jobs):
        job.configure(values, {"train": "text/csv;label_size=0"}, hosts=hosts, current=hosts[number])
        count = (9000, 3000)[number]
        job.put("train", "part", csv(np.arange(count)[:, None] + 100_000 * number))
    together(jobs, NAME)
    grown = ForestModel.decode(artefact.read(jobs[0].model)).forest
    leaves = grown.left == LEAF
    of_second = grown.low[leaves, 0] >= 100_000
    assert grown.mass[leaves].sum() == 1000
    assert of_second.mean() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(("channel", "distribution"), [("train", "FullyReplicated"), ("test", "ShardedByS3Key")])
def test_another_distribution_is_refused(job: Any, run: Any, channel: str, distribution: str) -> None:
    job.configure({"feature_dim": "1"}, {"train": "text/csv;label_size=0", "test": "text/csv"})
    wanted = {"train": "ShardedByS3Key", "test": "FullyReplicated", channel: distribution}
    job.write(
        "inputdataconfig",
        {
            name: {"ContentType": "text/csv", "TrainingInputMode": "File", "S3DistributionType": each}
            for name, each in wanted.items()
        },
    )
    assert run(job, NAME) == 2
    assert f"Channel {channel} must have S3DataDistributionType" in job.failure


@pytest.mark.parametrize("content", [b"", b"PK", artefact.zipped({}), artefact.zipped({"left.npy": b"x"})])
def test_what_is_no_forest_is_the_users_fault(content: bytes) -> None:
    with pytest.raises(UserError, match=r"the model"):
        ForestModel.decode(content)


@pytest.mark.parametrize(
    ("name", "value"),
    [("left", 0), ("left", 10**6), ("dimension", 3), ("dimension", -1), ("roots", 5), ("mass", np.ones(1, np.float32))],
)
def test_links_that_make_no_trees_are_refused(name: str, value: Any) -> None:
    """Machine code follows them."""
    arrays = forest.grow(RANDOM.normal(size=(20, 3)).astype(np.float32), [np.arange(20)] * 2, RANDOM).arrays()
    arrays[name] = (
        value if isinstance(value, np.ndarray) else np.where(np.arange(len(arrays[name])) < 1, value, arrays[name])
    )
    with pytest.raises(UserError, match=r"the model"):
        Forest.of_arrays(arrays)


def test_columns_in_different_units_count_alike() -> None:
    random = np.random.default_rng(3)
    rows = random.normal(size=(1500, 4)).astype(np.float32)
    rows[:20, 0] += 6
    rows *= np.array([1, 1e6, 1e-6, 1e3], np.float32)
    assert units.find(rows[:, [0, 0]] * np.array([1, 9], np.float32)) is None
    assert units.find(rows[:, [0, 0]] * np.array([1, 11], np.float32)) is not None
    unit = units.find(rows)
    assert unit is not None
    dealt = sampling.deal(len(rows), 50, 256, random)
    grown = replace(forest.grow(rows / unit, dealt, random), units=unit)
    read = ForestModel.decode(ForestModel(grown).encode()).forest
    assert_array_equal(read.units, grown.units)
    assert roc_auc_score(np.arange(1500) < 20, scoring.score(read, rows)) > 0.97
    with pytest.raises(UserError, match="units"):
        Forest.of_arrays({**grown.arrays(), "units": np.zeros(4)})


def test_rare_categories_are_not_strange_by_themselves() -> None:
    """Their indicators have small deviations, but no other unit than usual numbers."""
    random = np.random.default_rng(4)
    rows = np.zeros((2000, 24), np.float32)
    rows[:, :4] = random.normal(0, 2, (2000, 4))
    share = np.arange(1, 21) ** -1.2
    rows[np.arange(2000), 4 + random.choice(20, 2000, p=share / share.sum())] = 1
    assert units.find(rows) is None
    rows[:, 0] *= 1e3
    unit = units.find(rows)
    assert unit is not None
    assert np.all((unit[4:] > 0.5) & (unit[4:] < 1.1))
    assert_allclose(unit[:4], rows[:, :4].std(axis=0), rtol=1e-5)
    unit = units.find(np.column_stack([rows, np.full(2000, 7.0)]))
    assert unit is not None
    assert unit[-1] == 1
