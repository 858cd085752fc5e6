"""Strategies on recorded tables of real models: tuning jobs of fifty trials, in simulated time."""

from __future__ import annotations

import gzip
import json
import statistics
from pathlib import Path

import pytest
from recorded_tables import Recorded
from simulation import SimulatedCourse, Simulation

from sagewright.tuning.inprocess import InProcessSearchers
from sagewright.tuning.loop import Rules
from sagewright.tuning.study import Study, Trial

PLACE = Path(__file__).parents[3] / "bench/tuning/recorded"
TABLES = sorted(path.name.partition(".")[0] for path in PLACE.glob("*.json.gz"))


def table(name: str) -> Recorded:
    return Recorded.read(PLACE / f"{name}.json.gz")


def plan(one: Recorded, strategy: str, seed: int, trials: int) -> Study:
    return Study(one.name, one.space, one.maximize, strategy, seed, trials, 1, max_resource=one.epochs)


def left(one: Recorded, trial: Trial) -> float:
    """Which fraction of the table is better than what was chosen, by the mean of its repeats."""
    chosen = one.mean_cost(trial.values)
    return statistics.fmean(cost < chosen - 1e-12 for cost in one.mean_costs())


def course(one: Recorded, strategy: str, seed: int, trials: int) -> SimulatedCourse:
    return Simulation(
        plan(one, strategy, seed, trials), Rules(trials, 1), one.problem(seed), InProcessSearchers()
    ).run()


def chosen(one: Recorded, found: SimulatedCourse) -> Trial:
    ended = [trial for trial in found.trials if trial.result is not None and len(trial.curve) == one.epochs]
    return min(ended, key=lambda trial: one.cost(trial.result or 0.0))


def test_there_are_three_of_some_hundreds_of_configurations() -> None:
    assert TABLES == ["churn", "clothes", "diamonds"]
    for name in TABLES:
        one = table(name)
        assert 300 <= len(one.curves) <= 1000
        assert {len(curve) for repeats in one.curves for curve in repeats} == {one.epochs}
        assert one.epochs >= 16
        assert len({len(repeats) for repeats in one.curves}) == 1


def test_a_trial_is_one_of_its_configurations_repeats() -> None:
    one = table("churn")
    values = one.space.values([0.5] * len(one.space.parameters))
    seen = {one.problem(3)(values, number).curve for number in range(1, 30)}
    assert seen == set(one.repeats(values))
    assert one.problem(3)(values, 7) == one.problem(3)(values, 7)
    with pytest.raises(ValueError, match="not in tuple"):
        one.repeats({**values, "eta": "7"})


@pytest.mark.sampled(4, of="whole searches over simulated trainings")
def test_the_model_finds_in_fifteen_trials_what_random_search_finds_in_thirty() -> None:
    ours, random = [], []
    for name in TABLES:
        one = table(name)
        for seed in range(3):
            ours.append(left(one, chosen(one, course(one, "Bayesian", seed, 15))))
            random.append(left(one, chosen(one, course(one, "Random", seed, 30))))
    assert statistics.fmean(ours) < statistics.fmean(random)


@pytest.mark.sampled(4, of="whole searches over simulated trainings")
def test_hyperband_finds_as_good_a_model_with_a_third_of_the_epochs() -> None:
    spent, found = {"Hyperband": 0, "Random": 0}, {"Hyperband": [], "Random": []}
    for name in TABLES:
        one = table(name)
        for seed in range(5):
            for strategy, of in found.items():
                ended = course(one, strategy, seed, 40)
                spent[strategy] += ended.epochs
                of.append(left(one, chosen(one, ended)))
    assert spent["Hyperband"] < spent["Random"] / 3
    assert statistics.fmean(found["Hyperband"]) < statistics.fmean(found["Random"]) + 0.03


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    space = [{"name": "a", "values": ["1", "2"]}]
    described = {"name": "x", "about": "", "objective": "loss", "maximize": False, "space": space, "curves": [[[1.0]]]}
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(json.dumps(described).encode()))
    with pytest.raises(ValueError, match="1 configurations, where the ranges have 2"):
        Recorded.read(path)
