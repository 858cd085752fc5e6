from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

import pytest
from simulation import SimulatedOutcome, Simulation
from tuning.studies import MIXED, SMALL, mixed, study

from sagewright.tuning.inprocess import InProcessSearchers
from sagewright.tuning.loop import Rules
from sagewright.tuning.searchers.rungs import RungSearcher
from sagewright.tuning.study import Trial, TrialState

PLAN = study(MIXED, "Hyperband", max_resource=27)


def training(values: Mapping[str, str], _: int) -> SimulatedOutcome:
    """Falls to the function's value; before, high rates are ahead, so that the first epoch misleads."""
    rate = float(values["rate"])
    return SimulatedOutcome(tuple(mixed(values) + 20 * math.exp(-epoch * (1 + 2 * rate)) for epoch in range(27)))


def trial(number: int, values: Mapping[str, str], *curve: float, state: TrialState = TrialState.STOPPED) -> Trial:
    return Trial(number, values, state, curve, curve[-1] if curve else None)


@pytest.mark.sampled(4, of="whole searches over simulated trainings")
def test_it_finds_better_points_than_random_search_with_fewer_epochs() -> None:
    best: dict[str, list[float]] = {"Hyperband": [], "Random": []}
    epochs = {"Hyperband": 0, "Random": 0}
    for strategy, found in best.items():
        for seed in range(6):
            plan = study(MIXED, strategy, seed=seed, max_resource=27)
            course = Simulation(plan, Rules(60, 2), training, InProcessSearchers()).run()
            found.append(min(one.value for one in course.trials if len(one.curve) == 27 and one.value is not None))
            epochs[strategy] += course.epochs
    assert epochs["Hyperband"] < 0.7 * epochs["Random"]
    assert statistics.median(best["Hyperband"]) < 0.6 * statistics.median(best["Random"])


def test_only_results_at_one_rung_are_compared() -> None:
    """Trials stopped before the rung ended with better values than those that reached it, which are earlier ones."""
    good = [{"rate": f"{0.01 * 1.1**i}", "share": "0.9", "layers": "6", "units": "256", "kind": "b"} for i in range(8)]
    bad = [{"rate": "0.9", "share": "0.1", "layers": f"{i}", "units": "4000", "kind": "a"} for i in range(1, 9)]
    trials = [trial(number, values, 9.0, 8.0, 5.0 + number / 10) for number, values in enumerate(good, 1)]
    trials += [trial(number, values, 0.1) for number, values in enumerate(bad, 9)]
    found = [RungSearcher(PLAN).suggest(trials, 1)[0].values for _ in range(3)]
    assert all(mixed(values) < 4 for values in found), found


def test_a_running_trial_is_not_tried_again() -> None:
    running = trial(1, RungSearcher(PLAN).suggest([], 1)[0].values, 3.0, state=TrialState.RUNNING)
    assert RungSearcher(PLAN).suggest([running], 1)[0].values != running.values


def test_a_small_space_is_gone_through_once_before_points_are_repeated() -> None:
    plan = study(SMALL, "Hyperband", max_resource=3)
    searcher, trials = RungSearcher(plan), list[Trial]()
    for number in range(1, 9):
        trials.append(trial(number, searcher.suggest(trials, 1)[0].values, 1.0))
    tried = [tuple(one.values.values()) for one in trials]
    assert len(set(tried[:6])) == 6
