from __future__ import annotations

import numpy as np
from tuning.studies import MIXED, SMALL

from sagewright.tuning.space import Categorical, Continuous, Integer, Scaling, Space
from sagewright.tuning.surrogates.lattice import STEPS, Lattice, keys

LATTICE = Lattice(MIXED)


def test_a_point_survives_its_values() -> None:
    for levels in LATTICE.uniform(np.random.default_rng(1), 300):
        row = LATTICE.row(LATTICE.values(levels))
        assert row is not None
        assert (row[0] == levels).all()
        assert (row[1] == LATTICE.positions(levels[None, :])[0]).all()


def test_uniform_points_are_uniform_under_the_scaling() -> None:
    log = Integer("l", 1, 100, Scaling.LOGARITHMIC)
    space = Space((Integer("i", 1, 4), log, Integer("huge", 1, 10**9), Integer("n", -3, 0)))
    levels = Lattice(space).uniform(np.random.default_rng(1), 8000)
    assert (np.abs(np.bincount(levels[:, 0]) - 2000) < 200).all()
    assert (np.abs(np.bincount(levels[:, 3]) - 2000) < 200).all()
    assert 0.4 < (levels[:, 1] < 7).mean() < 0.6
    assert levels[:, 2].max() > STEPS - 5


def test_neighbours_are_inside_near_and_differ() -> None:
    rng = np.random.default_rng(2)
    bases = LATTICE.uniform(rng, 5)
    near = LATTICE.neighbours(rng, bases, 50)
    assert near.shape == (250, 5)
    assert ((near >= 0) & (near < LATTICE.levels)).all()
    moved = near != np.repeat(bases, 50, axis=0)
    assert (moved.sum(axis=1) <= 3).all()
    assert moved.any(axis=1).mean() > 0.8


def test_points_of_parents_may_lie_outside() -> None:
    row = LATTICE.row({"rate": "3", "share": "0.5", "layers": "40", "units": "16", "kind": "a"})
    assert row is not None
    assert (row[0] < LATTICE.levels).all()
    assert row[1][0] > STEPS
    assert LATTICE.row({"rate": "3"}) is None


def test_all_points_of_a_small_space() -> None:
    small = Lattice(SMALL)
    assert len(set(keys(small.all()))) == small.size == 6


def test_categories_that_are_numbers_in_their_order_lie_on_a_line() -> None:
    kinds = [("16", "32", "64"), ("0.5", "0.1", "0.02"), ("16", "64", "32"), ("1", "2"), ("a", "b", "c")]
    space = Space(tuple(Categorical(f"c{i}", values) for i, values in enumerate(kinds)))
    lattice = Lattice(space)
    assert lattice.categorical.tolist() == [False, False, True, True, True]
    assert lattice.positions(np.array([[2, 0, 2, 1, 0]]))[0].tolist() == [STEPS * 5 // 6, STEPS // 6, 2, 1, 0]
    row = lattice.row({"c0": "32", "c1": "0.02", "c2": "32", "c3": "1", "c4": "b"})
    assert row is not None
    assert row[0].tolist() == [1, 2, 2, 0, 1]


def test_a_range_of_one_value() -> None:
    lattice = Lattice(Space((Continuous("c", 2.0, 2.0), Integer("i", 7, 7))))
    assert lattice.values(lattice.uniform(np.random.default_rng(1), 1)[0]) == {"c": "2.0", "i": "7"}
