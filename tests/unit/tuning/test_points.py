from __future__ import annotations

from collections import Counter

from sagewright.tuning.points import RandomSearcher, uniform
from sagewright.tuning.space import Categorical, Integer, Scaling, Space
from tuning.studies import MIXED, SMALL, completed, study


def test_a_trials_point_depends_on_the_seed_its_number_and_those_before() -> None:
    searcher = RandomSearcher(study(MIXED, "Random", seed=7))
    together = [each.values for each in searcher.suggest([], 4)]
    trials = [completed(1, together[0], 1.0), completed(2, together[1], float("nan"))]
    assert [each.values for each in searcher.suggest(trials, 2)] == together[2:]
    assert [each.values for each in RandomSearcher(study(MIXED, "Random", seed=8)).suggest([], 4)] != together


def test_points_are_uniform() -> None:
    drawn = Counter(tuple(uniform(SMALL, 3, number).values()) for number in range(3000))
    assert len(drawn) == 6
    assert all(400 < count < 600 for count in drawn.values())


def test_what_one_was_told_to_start_with_comes_first_and_inside_the_ranges() -> None:
    starts = ({"rate": "0.1", "layers": "99", "kind": "z"},)
    first, second = RandomSearcher(study(MIXED, "Random", starts=starts)).suggest([], 2)
    assert float(first.values["rate"]) == 0.1
    assert first.values["layers"] == "12"
    assert first.values["kind"] in "abc"
    assert second.values == uniform(MIXED, 1, 2)


def test_random_repeats_no_point_while_there_are_others() -> None:
    for seed in range(5):
        searcher, trials = RandomSearcher(study(SMALL, "Random", seed=seed)), []
        for number in range(1, 9):
            (found,) = searcher.suggest(trials, 1)
            trials.append(completed(number, found.values, 0.0))
        tried = [tuple(trial.values.values()) for trial in trials]
        assert len(set(tried[:6])) == 6
        assert set(tried[6:]) < set(tried[:6])
    together = [tuple(each.values.values()) for each in searcher.suggest([], 6)]
    assert len(set(together)) == 6


def test_the_last_points_of_a_large_space_are_found() -> None:
    space = Space((Integer("layers", 1, 50, Scaling.LOGARITHMIC), Categorical("kind", ("a", "b"))))
    searcher = RandomSearcher(study(space, "Random", seed=3))
    found = {tuple(each.values.values()) for each in searcher.suggest([], 100)}
    assert len(found) == 100
