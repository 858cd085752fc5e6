from __future__ import annotations

import itertools

import pytest
from tuning.studies import PLANE, SMALL, completed, study

from sagewright.tuning.searchers.grid import GridSearcher


def test_every_point_once_in_a_fixed_order() -> None:
    searcher, trials = GridSearcher(study(SMALL, "Grid")), []
    while found := searcher.suggest(trials, 4):
        trials += [completed(len(trials) + place, each.values, 1.0) for place, each in enumerate(found, 1)]
    points = [(trial.values["a"], trial.values["b"]) for trial in trials]
    assert points == list(itertools.product("123", "12"))


def test_numbers_with_gaps_leave_no_point_out() -> None:
    """Another definition's trials, and those that were made again, have numbers too."""
    searcher, trials = GridSearcher(study(SMALL, "Grid")), []
    while found := searcher.suggest(trials, 2):
        trials += [completed(3 * len(trials) + place, each.values, 1.0) for place, each in enumerate(found, 2)]
    assert len({tuple(trial.values.items()) for trial in trials}) == len(trials) == 6


def test_a_grid_has_categories_only() -> None:
    with pytest.raises(ValueError, match="x is not categorical"):
        GridSearcher(study(PLANE, "Grid"))
