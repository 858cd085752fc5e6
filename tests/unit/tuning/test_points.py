from __future__ import annotations

from collections import Counter

from sagewright.tuning.points import RandomSearcher, uniform
from tuning.studies import MIXED, SMALL, completed, study


def test_a_trials_point_depends_on_the_seed_and_its_number_alone() -> None:
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
