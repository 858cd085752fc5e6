"""Preferences for values, by the names of hyperparameters."""

from __future__ import annotations

import numpy as np
import pytest
from tuning.studies import completed, study

from sagewright.tuning.searchers.bayesian import BayesianSearcher
from sagewright.tuning.space import Continuous, Integer, Scaling, Space
from sagewright.tuning.surrogates.lattice import Lattice
from sagewright.tuning.surrogates.names import NameScores

RATE = Continuous("learning_rate", 1e-4, 1.0, Scaling.LOGARITHMIC)
NET = Space((RATE, Integer("units", 8, 512, Scaling.LOGARITHMIC)))
TREES = Space((RATE, Integer("num_leaves", 2, 512, Scaling.LOGARITHMIC)))


@pytest.mark.parametrize(("space", "best"), [(NET, 2e-3), (TREES, 0.1)])
def test_trees_learn_at_higher_rates_than_networks(space: Space, best: float) -> None:
    lattice = Lattice(space)
    scores = NameScores.of_names(space, lattice, lattice.uniform(np.random.default_rng(0), 1000))
    place = lattice.level_places(0)[int(scores.levels[0].argmax())]
    assert float(RATE.value(float(place))) == pytest.approx(best, rel=0.05)


def test_names_choose_half_of_the_first_points_only() -> None:
    searcher = BayesianSearcher(study(NET, names=True))
    plain = BayesianSearcher(study(NET, names=False))
    trials, found = [], []
    for number in range(1, 5):
        (one,), (other,) = searcher.suggest(trials, 1), plain.suggest(trials, 1)
        found.append((float(one.values["learning_rate"]), one.values == other.values))
        trials.append(completed(number, one.values, float(number)))
    assert [3e-4 < rate < 2e-2 for rate, _ in found[::2]] == [True, True]
    assert not all(2e-4 < rate < 3e-2 for rate, _ in found[1::2])
